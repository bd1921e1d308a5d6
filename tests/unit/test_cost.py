"""What a text costs, counted in instructions: twice the text takes about twice as many.

Every reader of input is given its worst texts of 5, 10, 100 and 1,000 thousand characters
(tests/readers.py). A function that uses a pattern or a normal form and that no reader
reaches is named here with a reason, or fails.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import pytest

from tests import instructions, readers
from tests.patterns import SEARCHED, WHOLE

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("clients_app", "heffl_portal")
OWN = "reads what is our own"
OPERATOR = "reads what an operator sets or types"
USUAL = [("words", 40), ("digits", 15), ("ats", 30), ("addresses", 60), ("marks", 300)]
"""Shapes and lengths that lead, one or the other, into every corner."""
PATTERNS = {"re", "pattern", "_usable"}
"""What patterns are called besides the names of constants."""
SHORT = "looks at a few characters at most"
LEFT = {
    "heffl_portal/template_loader.py": OWN,
    "heffl_portal/static_files.py": OWN,
    "clients_app/models/search_index.py": OWN,
    "clients_app/management/commands/audit.py": OPERATOR,
    "clients_app/backup/": OPERATOR,
    "clients_app/crypto.py new_entry": OPERATOR,
    "clients_app/questions/widgets.py": OWN,
    "clients_app/imports/drafts.py upload": SHORT,
    "clients_app/views/brand.py logo_address": OWN,
    "clients_app/views/kiosk.py signup_kiosk_thanks": SHORT,
}
"""Files, and functions in them, that no reader needs to reach, and why."""


def files() -> Iterator[Path]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = str(path.relative_to(ROOT))
            left = name in LEFT or f"{folder}/{path.parent.name}/" in LEFT
            if "migrations" not in path.parts and not left:
                yield path


def looks_closely(node: ast.AST) -> bool:
    """Say whether a part of the source uses a pattern or a normal form."""
    match node:
        case ast.Attribute(
            attr=use, value=ast.Name(id=name) | ast.Attribute(attr=name)
        ):
            is_pattern = name.isupper() or name in PATTERNS
            return is_pattern and use in SEARCHED | WHOLE
        case ast.Name(id="normal_form"):
            return True
    return False


def readers_of_source() -> set[tuple[str, int]]:
    """Return file and first line of each function that looks closely at a text."""
    return {
        (str(path), min([node.lineno, *(each.lineno for each in node.decorator_list)]))
        for path in files()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
        and f"{path.relative_to(ROOT)} {node.name}" not in LEFT
        and any(map(looks_closely, _own_parts(node)))
    }


def _own_parts(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield what is in a function, but not in the functions within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef):
            waiting += ast.iter_child_nodes(node)


def test_every_function_that_looks_closely_at_a_text_is_measured():
    seen: set[tuple[str, int]] = set()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        if event == "call":
            seen.add((frame.f_code.co_filename, frame.f_code.co_firstlineno))

    sys.setprofile(note)
    try:
        for name in readers.READERS:
            for shape, length in USUAL:
                readers.read(name, readers.of_shape(shape, length))
    finally:
        sys.setprofile(None)

    assert readers_of_source() - seen == set()


def test_what_is_left_out_is_there():
    assert all((ROOT / name.split()[0]).exists() for name in LEFT)


@pytest.mark.soak
def test_the_instructions_grow_with_the_text_and_no_faster():
    if why := instructions.missing():
        pytest.skip(why)

    grown = instructions.counted()

    assert grown.keys() == readers.READERS.keys()
    assert all(steps for steps in grown.values())
    too_fast = {
        name: steps
        for name, steps in grown.items()
        if any(step.is_too_fast for step in steps)
    }
    assert too_fast == {}


@pytest.mark.parametrize(("after", "too_fast"), [(10, False), (20, False), (100, True)])
def test_the_square_of_a_text_is_too_fast(after, too_fast):
    """Ten times the text may take 2.5 to the power of 3.3: 21 times as many, not 100."""
    million = 1_000_000

    assert instructions.Step(10_000, million, after * million).is_too_fast is too_fast
