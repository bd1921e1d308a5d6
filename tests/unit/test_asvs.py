"""Each requirement that applies to the portal is shown by a test that exists."""

import ast
import re
from pathlib import Path

import pytest

from tests import asvs

pytestmark = pytest.mark.once  # Which test shows what does not depend on the database.

TESTS = Path(__file__).resolve().parents[1]
IN_ALL = {1: 70, 2: 183}
"""So many requirements has OWASP ASVS 5.0 at level 1 and at level 2."""
SHOWN = {
    name: [test for test in one.get("tests", []) if test != asvs.IN_WRITING]
    for name, one in asvs.REQUIREMENTS.items()
}


def marked() -> set[str]:
    """Return the ids that tests name themselves."""
    found: set[str] = set()
    for path in TESTS.rglob("test_*.py"):
        for names in re.findall(r"pytest\.mark\.asvs\(([^)]*)\)", path.read_text()):
            found |= set(re.findall(r"\d+\.\d+\.\d+", names))
    return found


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("level", IN_ALL)
def test_no_requirement_of_a_level_is_left_out(level):
    chapters = {name.partition(".")[0] for name in asvs.REQUIREMENTS}

    absent = sum(one["count"].get(str(level), 0) for one in asvs.CHAPTERS.values())
    plain = sum(one["level"] == level for one in asvs.REQUIREMENTS.values())
    assert plain + absent == IN_ALL[level]
    assert chapters == {str(number) for number in range(1, 18)} - set(asvs.CHAPTERS)


@pytest.mark.parametrize("name", asvs.REQUIREMENTS)
def test_a_requirement_is_shown_or_says_why_it_does_not_apply(name):
    one = asvs.REQUIREMENTS[name]

    assert set(one) <= {"level", "asks", "tests", "absent"}
    assert bool(one.get("tests")) != bool(one.get("absent"))


def test_every_mark_in_a_test_is_a_requirement():
    assert marked() <= set(asvs.REQUIREMENTS)


@pytest.mark.parametrize("name", [name for name, tests in SHOWN.items() if tests])
def test_the_test_that_is_named_exists(name):
    for named in SHOWN[name]:
        path, _colons, function = named.partition("::")
        assert function in functions(TESTS / path), f"{named} is gone"


def sections() -> dict[str, str]:
    """Return the text under each id that stands in a heading of docs/asvs.md."""
    found: dict[str, str] = {}
    for part in re.split(r"^## ", asvs.DOCUMENT.read_text(), flags=re.M)[1:]:
        heading, _line, text = part.partition("\n")
        for name in re.findall(r"\d+\.\d+\.\d+", heading):
            found[name] = text
    return found


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, one in asvs.REQUIREMENTS.items()
        if asvs.IN_WRITING in one.get("tests", [])
    ],
)
def test_what_has_to_be_written_down_is(name):
    assert len(sections()[name].split()) >= 40


def test_the_document_has_the_table_as_it_is():
    text = asvs.DOCUMENT.read_text()

    assert asvs.page(text) == text, "Run `python -m tests.asvs --keep`"
