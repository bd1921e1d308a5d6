"""What the documents name is there: files, modules, functions, layers and tables.

Decisions (docs/adr) and the change log tell of their own day and are not read here.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scripts.house import plan
from scripts.house.figures import Layers
from scripts.house.trees import BASE_DIR

pytestmark = pytest.mark.once
DOCUMENTS = [
    *sorted((BASE_DIR / "docs").glob("*.md")),
    BASE_DIR / "README.md",
    BASE_DIR / "CONTRIBUTING.md",
]
BASES = ("", "clients_app", "templates", "static")
"""Where a path may begin: `views/history.py` is one of the app."""
MADE_LATER = {"var", "staticfiles", ".venv"}
SUFFIXES = "py|md|html|css|js|toml|in|txt|sh|csv|svg|png"
FENCED = re.compile(r"^```.*?^```$", re.M | re.S)
SPAN = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)#:\s]+)\)")
PATH = re.compile(rf"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:{SUFFIXES})")
CALL = re.compile(r"(?:\w+\.)*(\w+)\.(\w+)\(\)")


def named_paths(text: str) -> set[str]:
    """Return the paths in a document's code and links; addresses begin with a slash."""
    text = FENCED.sub("", text)
    words = {word for span in SPAN.findall(text) for word in span.split()}
    paths = {word for word in words if PATH.fullmatch(word)}
    return {
        path
        for path in paths | set(LINK.findall(text))
        if path.partition("/")[0] not in MADE_LATER
    }


def is_there(path: str, root: Path, beside: Path) -> bool:
    """Say whether something has this path; a decision is named by its number alone."""
    if re.fullmatch(r"docs/adr/\d{4}", path):
        return any(root.glob(f"{path}-*.md"))
    return any((base / path).exists() for base in [beside, *(root / b for b in BASES)])


def named_calls(text: str) -> set[tuple[str, str]]:
    """Return (module, function) of each `module.function()` in a document's code."""
    spans = SPAN.findall(FENCED.sub("", text))
    return {call for span in spans for call in CALL.findall(span)}


def has_function(module: str, function: str, root: Path) -> bool:
    """Say whether a module or package of the app of that name has such a function."""
    app = root / "clients_app"
    files = [*app.rglob(f"{module}.py"), *app.rglob(f"{module}/*.py")]
    return any(
        re.search(rf"^\s*def {function}\(", path.read_text(), re.M) for path in files
    )


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_only_paths_that_are_there(document):
    named = named_paths(document.read_text())

    lost = {path for path in named if not is_there(path, BASE_DIR, document.parent)}

    assert lost == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_a_document_names_only_functions_that_are_there(document):
    calls = named_calls(document.read_text())

    assert {call for call in calls if not has_function(*call, BASE_DIR)} == set()


def test_the_documents_name_enough_for_these_tests_to_mean_something():
    text = "".join(document.read_text() for document in DOCUMENTS)

    assert len(named_paths(text)) > 30
    assert named_calls(text)


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            "`views/gone.py`, see [this](docs/gone.md)",
            {"views/gone.py", "docs/gone.md"},
        ),
        ("`pytest tests/gone.py -s`", {"tests/gone.py"}),
        ("`forms.py` `heffl/`", {"forms.py", "heffl/"}),
        ("`/o/al-noor/` `GET /clients` `var/traces` `a/b` text/plain", {"a/b"}),
        ("```\ncat views/gone.py\n```", set()),
        ("[away](https://example.com/a.md) [below](#words)", set()),
    ],
)
def test_paths_are_told_from_addresses_and_commands(text, paths):
    assert named_paths(text) == paths


@pytest.mark.parametrize(
    ("path", "there"),
    [
        ("clients_app/views/page.py", True),
        ("views/page.py", True),
        ("views/", True),
        ("docs/adr/0001", True),
        ("page.py", False),
        ("views/gone.py", False),
        ("docs/adr/0002", False),
    ],
)
def test_a_path_is_looked_for_where_it_may_begin(tmp_path, path, there):
    for made in ("clients_app/views/page.py", "docs/adr/0001-why.md"):
        (tmp_path / made).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / made).write_text("")

    assert is_there(path, tmp_path, tmp_path / "docs") is there


def test_a_function_is_looked_for_in_a_module_and_in_a_package(tmp_path):
    (tmp_path / "clients_app" / "signup").mkdir(parents=True)
    (tmp_path / "clients_app" / "signup" / "accept.py").write_text("def stage_of():")

    assert has_function("accept", "stage_of", tmp_path)
    assert has_function("signup", "stage_of", tmp_path)
    assert not has_function("signup", "stage", tmp_path)
    assert not has_function("review", "stage_of", tmp_path)


def test_the_map_shows_the_layers_and_tables_there_are():
    page = plan.PAGE.read_text()

    assert page == plan.filled(page), "bring it in step: make map"


def test_the_picture_has_a_rung_a_line_under_each_package():
    contracts = [
        Layers(["clients_app"], ["apps", "urls | admin", "(export)"]),
        Layers(["clients_app.heffl"], ["api", "errors : signature"]),
    ]

    assert plan.layers(contracts).splitlines() == [
        *["```", "clients_app", "  apps", "  urls · admin", "  (export)", ""],
        *["clients_app.heffl", "  api", "  errors · signature", "```"],
    ]


def test_the_table_keeps_prose_and_order_and_knows_what_came_and_went():
    written = "| `Hold` | | a stop \\| or two |\n| `Gone` | `x.py` | old |\n| `User` | | us |\n"
    found = {
        "New": ("`models/new.py`", "Something new"),
        "User": ("`models/user.py`", "A person"),
        "Hold": ("`models/delivery.py`", "A stop"),
    }

    assert plan.tables(found, written).splitlines()[2:] == [
        "| `Hold` | `models/delivery.py` | a stop \\| or two |",
        "| `User` | `models/user.py` | us |",
        "| `New` | `models/new.py` | Something new |",
    ]


def test_a_page_without_marks_is_refused():
    with pytest.raises(ValueError, match="<!-- tables -->"):
        plan.filled("# Architecture\n")
