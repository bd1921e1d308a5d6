"""Each requirement that we promise to meet is shown by a test that exists."""

import ast
import re
from pathlib import Path

import pytest

from tests.asvs import SHOWN, WAIVED

pytestmark = pytest.mark.once  # Which test shows what does not depend on the database.

TESTS = Path(__file__).resolve().parents[1]
# OWASP ASVS 5.0, the requirements this portal holds itself to.
PROMISED = [
    "1.2.1",
    "1.2.3",
    "1.2.4",
    "1.2.10",
    "1.3.6",
    "1.3.11",
    "2.2.1",
    "2.2.2",
    "2.3.3",
    "2.3.4",
    "2.4.1",
    "3.3.1",
    "3.3.2",
    "3.3.3",
    "3.3.4",
    "3.4.1",
    "3.4.3",
    "3.4.4",
    "3.4.5",
    "3.4.6",
    "3.5.1",
    "3.5.3",
    "3.5.4",
    "4.1.3",
    "5.4.1",
    "6.2.1",
    "6.2.4",
    "6.3.1",
    "6.3.3",
    "6.3.4",
    "6.4.3",
    "6.5.1",
    "6.5.2",
    "7.2.4",
    "7.3.1",
    "7.4.2",
    "7.4.3",
    "7.5.1",
    "8.2.1",
    "8.2.2",
    "8.2.3",
    "8.3.1",
    "8.4.1",
    "11.2.2",
    "11.3.3",
    "11.3.4",
    "11.5.1",
    "12.3.2",
    "13.2.6",
    "13.3.1",
    "13.3.4",
    "13.4.2",
    "14.2.1",
    "14.2.4",
    "14.2.7",
    "14.3.2",
    "15.2.1",
    "15.3.2",
    "15.3.4",
    "16.2.5",
    "16.3.3",
    "16.5.2",
]


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


@pytest.mark.once
def test_every_requirement_is_shown_by_a_test():
    missing = set(PROMISED) - set(SHOWN) - set(WAIVED) - marked()

    assert not missing, f"Name a test for {sorted(missing)} in tests/asvs.py"


@pytest.mark.once
@pytest.mark.parametrize("requirement", SHOWN)
def test_the_test_that_is_named_exists(requirement):
    for named in SHOWN[requirement].split():
        path, _colons, function = named.partition("::")
        assert function in functions(TESTS / path), f"{named} is gone"
