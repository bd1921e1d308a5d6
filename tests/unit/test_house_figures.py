"""The house keeps its limits, and what measures it would notice if it did not."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scripts.house import circles, code, figures, limits, pages, report, trees
from scripts.house.trees import BASE_DIR

# Every function of the tree is measured: `make house` shows the same while you work.
pytestmark = [pytest.mark.once, pytest.mark.slow]


@pytest.mark.parametrize("limit", limits.LIMITS, ids=lambda limit: limit.__name__)
def test_the_house_keeps_its_limit(limit):
    assert limit(BASE_DIR) == []


CONTRACT = """
[[tool.importlinter.contracts]]
name = "Inside"
type = "layers"
containers = ["clients_app.delivery"]
layers = ["one"]
[[tool.importlinter.contracts]]
name = "The app"
type = "layers"
containers = ["clients_app"]
layers = {rungs}
"""
LINE = "x = 1\n"
LONG_FUNCTION = "def f():\n" + f"    {LINE}" * 60
WINDING = "def f(x):\n" + "    if x: pass\n" * 15
CHOOSING = f"def f(x):\n    return {' or '.join(['x'] * 21)}\n"


@pytest.fixture
def house(tmp_path: Path) -> Callable[..., Path]:
    """Return a function: path → text, … makes a tree that keeps every limit but for these."""

    def make(**given: str) -> Path:
        sound = {
            "clients_app/__init__.py": "",
            "clients_app/models.py": LINE * 400,
            "heffl_portal/__init__.py": "",
            "pyproject.toml": CONTRACT.format(rungs=json.dumps(["views", "models"])),
            "static/portal.css": "a{}\n",
            "templates/base.html": f"{'x' * 200}\n" + "<p>\n" * 24,
        }
        sound |= {f"clients_app/views/page{n}.py": LINE for n in range(40)}
        sound |= dict.fromkeys(limits.LONG, LINE * (limits.FILE_LINES + 1))
        for path, text in (sound | given).items():
            place = tmp_path / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
        return tmp_path

    return make


def test_a_sound_house_breaks_no_limit(house):
    root = house()

    assert {limit.__name__: limit(root) for limit in limits.LIMITS} == {
        limit.__name__: [] for limit in limits.LIMITS
    }


@pytest.mark.parametrize(
    ("limit", "given", "named"),
    [
        (
            limits.flat_modules,
            {f"clients_app/flat{n}.py": LINE for n in range(14)},
            "flat13",
        ),
        (
            limits.rungs,
            {"pyproject.toml": CONTRACT.format(rungs=[f"r{n}" for n in range(11)])},
            "r10",
        ),
        (
            limits.circles,
            {
                "clients_app/a.py": "from typing import TYPE_CHECKING\n"
                "if TYPE_CHECKING:\n    from clients_app import b\n",
                "clients_app/b.py": "import clients_app.a\n",
            },
            "clients_app.a → clients_app.b → clients_app.a",
        ),
        (
            limits.long_files,
            {"clients_app/a.py": LINE * 401},
            "clients_app/a.py: 401 lines",
        ),
        (
            limits.usual_files,
            {f"clients_app/a{n}.py": LINE * 301 for n in range(3)},
            "clients_app/a0.py: 301 lines",
        ),
        (
            limits.other_files,
            {"tests/test_a.py": LINE * 801},
            "tests/test_a.py: 801 lines",
        ),
        (
            limits.function_lines,
            {"scripts/a.py": LINE + LONG_FUNCTION},
            "scripts/a.py:2 f: 61 lines",
        ),
        (
            limits.function_complexity,
            {"clients_app/a.py": WINDING},
            "clients_app/a.py:1 f: 16, 16",
        ),
        (
            limits.function_complexity,
            {"clients_app/a.py": CHOOSING},
            "clients_app/a.py:1 f: 1, 21",
        ),
        (
            limits.asset_lines,
            {"static/a.js": f"\n{'x' * 121}\n"},
            "static/a.js:2: 121 characters",
        ),
        (
            limits.template_lines,
            {"templates/a.html": f"{'x' * 121}\n"},
            "templates/a.html:1: 121 characters",
        ),
        (
            limits.template_lines,
            {"templates/base.html": f"{'x' * 201}\n" + "<p>\n" * 24},
            "templates/base.html:1: 201 characters",
        ),
    ],
)
def test_a_limit_names_what_breaks_it(house, limit, given, named):
    assert named in limit(house(**given))


@pytest.mark.parametrize(
    ("allowed", "fault"),
    [
        ({"clients_app/a.py": "a table"}, None),
        ({}, "clients_app/a.py: 500 lines"),
        ({"clients_app/a.py": " "}, "clients_app/a.py is allowed without a reason"),
        (
            {"clients_app/a.py": "a table", "clients_app/models.py": "a table"},
            "clients_app/models.py is allowed and not long",
        ),
        (
            {f"clients_app/a{n}.py": "a table" for n in range(7 - len(limits.LONG))},
            "7 modules are allowed to be long",
        ),
    ],
)
def test_long_files_are_allowed_by_name_with_a_reason(house, allowed, fault):
    root = house(**{"clients_app/a.py": LINE * 500})

    found = limits.long_files(root, {**limits.LONG, **allowed})

    assert fault in found if fault else found == []


def test_no_reason_allows_a_very_long_file(house):
    root = house(**{"clients_app/a.py": LINE * 701})

    found = limits.long_files(root, {**limits.LONG, "clients_app/a.py": "a table"})

    assert found == ["clients_app/a.py: 701 lines, and nothing allows that"]


@pytest.mark.parametrize("folder", ["clients_app/migrations", "static/vendor"])
def test_what_others_or_django_wrote_is_not_measured(house, folder):
    root = house(**{f"{folder}/a.py": LINE * 900, f"{folder}/a.js": "x" * 900})

    assert limits.long_files(root) == limits.asset_lines(root) == []


@pytest.mark.parametrize(
    ("body", "branches", "paths"),
    [
        ("pass", 1, 1),
        ("if x: pass\n elif y: pass\n else: pass", 3, 3),
        ("for x in y: pass\n while x: pass", 3, 3),
        ("with x: \n  if y: pass", 2, 2),
        ("try: pass\n except A: pass\n except B: pass\n else: pass", 4, 4),
        ("try: pass\n finally:\n  if x: pass", 2, 2),
        ("match x:\n  case 1: pass\n  case _: pass", 2, 2),
        ("match x:\n  case 1: pass\n  case 2: pass", 3, 3),
        ("match x:\n  case 1: pass\n  case y if y: pass", 3, 3),
        ("def g():\n  if x: pass", 3, 3),
        ("return a and b or c", 1, 3),
        ("return a if b else c", 1, 2),
        ("return [a for b in c for d in b if d if a]", 1, 5),
        ("if x and y: pass", 2, 3),
    ],
)
def test_complexity_counts_branches_and_the_paths_of_expressions(body, branches, paths):
    found = code.functions(f"def f():\n {body}\n")[0]

    assert (found.branches, found.paths) == (branches, paths)


def test_complexity_is_what_ruff_counts():
    """Every function of the app and the tools, against ruff's own C901."""
    folders = (*figures.APP, *figures.TOOLS)
    ours = {
        function.place: function.branches
        for function in figures.functions(BASE_DIR, folders)
    }
    asked = [
        *[sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache", "--select", "C901"],
        *["--config", "lint.mccabe.max-complexity=0", "--ignore-noqa"],
        *["--output-format", "json", "--exit-zero", *folders],
    ]  # fmt: skip
    told = subprocess.run(asked, cwd=BASE_DIR, check=True, capture_output=True).stdout
    theirs = {}
    for found in json.loads(told):
        path = Path(found["filename"]).relative_to(BASE_DIR).as_posix()
        place = f"{path}:{found['location']['row']}"
        if place in ours:  # migrations are measured there, and not here
            theirs[place] = int(found["message"].split("(")[1].split(" ")[0])

    assert len(ours) > 1000
    assert theirs == ours


@pytest.mark.parametrize(
    ("imports", "found"),
    [
        ({"a": {"b"}, "b": {"c"}, "c": set()}, []),
        ({"a": {"b"}, "b": {"a"}, "c": {"a"}}, [["a", "b"]]),
        (
            {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": {"e"}, "e": {"d"}},
            [["a", "b", "c"], ["d", "e"]],
        ),
    ],
)
def test_circles_are_groups_that_all_reach_one_another(imports, found):
    assert circles.circles(imports) == found


def test_a_circle_for_types_alone_is_told_from_one_at_runtime(house):
    root = house(
        **{
            "clients_app/a.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from clients_app import b\n",
            "clients_app/b.py": "import clients_app.a\n",
        }
    )

    assert figures.circles(root, for_types=True) == [["clients_app.a", "clients_app.b"]]
    assert figures.circles(root, for_types=False) == []


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 5), (0.9, 9), (0.91, 10), (1.0, 10)]
)
def test_percentile_is_the_value_that_so_many_do_not_exceed(share, value):
    assert figures.percentile(range(1, 11), share) == value


def test_a_table_shows_trees_side_by_side_and_what_one_lacks():
    columns = {"before": {"files": "3", "gone": "1"}, "now": {"files": "2"}}

    assert report.table("figure", columns).splitlines() == [
        "| figure | before | now |",
        "| ------ | ------ | --- |",
        "| files  | 3      | 2   |",
        "| gone   | 1      | –   |",
    ]


def test_a_revision_is_read_as_it_was_committed(tmp_path):
    git = ["git", "-c", "user.name=A", "-c", "user.email=a@example.test"]
    (tmp_path / "a.py").write_text("old")
    for asked in (["init", "-q"], ["add", "a.py"], ["commit", "-qm", "Begin"]):
        subprocess.run([*git, *asked], cwd=tmp_path, check=True)
    (tmp_path / "a.py").write_text("new")

    with trees.revision("HEAD", tmp_path) as root:
        assert (root / "a.py").read_text() == "old"
    assert not root.exists()


def test_pages_are_heavier_when_more_travels_whatever_the_html_is():
    before = {"a": "900 / 100 / 50", "b": "900 / 100 / 50", "gone": "1 / 1 / 1"}
    now = {"a": "999 / 99 / 51", "b": "800 / 101 / 51", "new": "1 / 1 / 1"}

    assert report.heavier(before, now) == ["b: 2 bytes more"]


def test_a_page_loads_its_styles_scripts_and_pictures_each_once():
    html = (
        '<link rel="stylesheet" href="/static/a.css"><script src="/static/a.js" defer>'
        '<img class="logo" src="/s/logo.png"><img src="/s/logo.png">'
        '<link rel="expect" href="#live"><link rel="manifest" href="/s/app">'
        '<a href="/clients/"><img src="https://example.com/x.png">'
    )

    assert pages.loaded(html) == ["/static/a.css", "/static/a.js", "/s/logo.png"]
