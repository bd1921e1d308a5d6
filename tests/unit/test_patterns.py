"""Every regular expression of the project is linear, those of tomorrow too.

They are found in the source, and judged by what each can be made to do at worst
(tests/patterns.py). A pattern that may stay as it is says here why.
"""

from __future__ import annotations

import ast
import importlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from tests.patterns import SEARCHED, WHOLE, fault_of

ROOT = Path(__file__).resolve().parent.parent.parent
FOLDERS = ("clients_app", "heffl_portal", "scripts")
LIKELY = {"RegexValidator", "RegexField", "re_path"}
"""What else takes a pattern; Django searches with them."""
LEFT = {
    "clients_app/web/content_type.py _PARAMETER": (
        "takes one parameter after the other, and what is none ends it"
    ),
}
"""By file and name: why a pattern may stay though it is not linear."""


@dataclass(frozen=True)
class Found:
    """A pattern, where it stands and what is done with it."""

    file: str
    line: int
    name: str
    pattern: str | bytes
    flags: int
    uses: frozenset[str]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def files() -> list[Path]:
    return [
        path
        for folder in FOLDERS
        for path in sorted((ROOT / folder).rglob("*.py"))
        if "migrations" not in path.parts
    ]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def module_of(path: Path) -> ModuleType:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return importlib.import_module(name.removesuffix(".__init__"))


def last_name(node: ast.expr) -> str:
    """Return the last name of an expression: `c` of `a.b.c` and of `c[0]`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Subscript(value=value):
            return last_name(value)
    return ""


def uses_of_names(paths: list[Path]) -> dict[str, set[str]]:
    """Return by name of a variable what is done with patterns that are kept in it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in paths:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Attribute) and node.attr in SEARCHED | WHOLE:
                found[last_name(node.value)].add(node.attr)
            # A match that begins anywhere is a step of a search.
            match node:
                case ast.Call(
                    func=ast.Attribute(attr="match", value=value), args=[_, _, *_]
                ):
                    found[last_name(value)].add("search")
    return found


def calls(path: Path) -> Iterator[tuple[ast.Call, str, str]]:
    """Yield the calls that take a pattern, with the name of each and what it is kept in."""
    kept = {}
    for node in ast.walk(tree_of(path)):
        match node:
            case ast.Assign(targets=[target], value=ast.Call() as call):
                kept[call] = last_name(target)
        match node:
            case ast.Call(func=ast.Attribute(value=ast.Name(id="re"), attr=name)):
                if name in SEARCHED | WHOLE | {"compile"}:
                    yield node, name, kept.get(node, "")
            case ast.Call(func=ast.Name(id=name)) if name in LIKELY:
                yield node, "search", ""


def patterns() -> list[Found]:
    everywhere = uses_of_names(files())
    found = []
    for path in files():
        here = uses_of_names([path])
        for call, name, kept in calls(path):
            named = here if kept.startswith("_") else everywhere
            uses = {name} if name != "compile" else named.get(kept) or SEARCHED | WHOLE
            for pattern, flags in values_of(path, call):
                file = str(path.relative_to(ROOT))
                one = Found(file, call.lineno, kept, pattern, flags, frozenset(uses))
                found.append(one)
    return found


def values_of(path: Path, call: ast.Call) -> list[tuple[str | bytes, int]]:
    """Return the pattern of a call and its flags: more than one where a loop makes them."""
    names = dict(vars(module_of(path)))
    given = [*call.args, *(each.value for each in call.keywords if each.arg == "flags")]
    needed = {each.id for each in ast.walk(given[0]) if isinstance(each, ast.Name)}
    loops = [
        loop
        for node in ast.walk(tree_of(path))
        if not isinstance(node, ast.Module) and call in ast.walk(node)
        for loop in _loops(node)
        if needed & {e.id for e in ast.walk(loop.target) if isinstance(e, ast.Name)}
    ]
    flags = [each for each in given[1:] if _is_flag(each)]
    pair = ast.Tuple([given[0], flags[-1] if flags else ast.Constant(0)], ast.Load())
    every: ast.expr = (
        ast.ListComp(pair, loops) if loops else ast.List([pair], ast.Load())
    )
    code = ast.fix_missing_locations(ast.Expression(every))
    return [
        (value.pattern, value.flags) if isinstance(value, re.Pattern) else (value, more)
        for value, more in eval(compile(code, str(path), "eval"), names)
    ]


def _loops(node: ast.AST) -> list[ast.comprehension]:
    if isinstance(node, ast.For):
        return [ast.comprehension(node.target, node.iter, [], 0)]
    return getattr(node, "generators", [])


def _is_flag(node: ast.expr) -> bool:
    return any(
        isinstance(each, ast.Attribute) and last_name(each.value) == "re"
        for each in ast.walk(node)
    )


@pytest.fixture(scope="module")
def found() -> list[Found]:
    return patterns()


def test_every_pattern_is_found(found):
    """What the source says of `re` and what was judged are the same in number."""
    said = sum(
        len(
            re.findall(
                r"\bre\.(?:compile|match|fullmatch|search|subn?|split|findall|finditer)\(",
                path.read_text(),
            )
        )
        for path in files()
    )
    assert len({(one.file, one.line, one.pattern) for one in found}) >= said > 80
    imported = [
        str(path)
        for path in files()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.module in {"re", "regex"}
    ]
    assert imported == [], "say `re.…`, so that the pattern is found"


@pytest.mark.slow
def test_every_pattern_is_linear(found):
    faults = {
        f"{one} {one.pattern!r}": fault
        for one in found
        if f"{one.file} {one.name}" not in LEFT
        and (fault := fault_of(one.pattern, one.flags, one.uses))
    }
    assert faults == {}


def test_what_is_left_is_still_there(found):
    there = {f"{one.file} {one.name}" for one in found}
    assert LEFT.keys() <= there


BAD = {
    r"(a+)+b": "match",
    r"(a|a)*b": "match",
    r"(a*)*b": "match",
    r"(?:a?b?)*c": "match",
    r"(\w+\s?)*!": "match",
    r"a*a*b": "match",
    r"\s*(?:,\s*)?\s*x": "match",
    r"(?:mailto:|[^<>@]*<)([^<>\s]+@[^<>\s]+?)>?": "fullmatch",
    r"a+b": "search",
    r"[\w.+%-]+@[\w-]+(\.[\w-]+)+": "sub",
    r"(?<![\w-])\+?\d[\d ()-]{7,}\d(?![\w-])": "sub",
    r"(?:[ab]*c)?": "findall",
    r"a(?:[ab]*c)?": "findall",
    r"(?=.*x)a": "search",
    r"<[^>]*>": "split",
    r"\bfoo\b.*bar": "search",
    r"\s+$": "sub",
    r"[ab]{0,200}c{0,200}x": "search",
}
GOOD = {
    r"a+b": "match",
    r"\s+": "split",
    r"x*": "sub",
    r"a[bc]*d": "search",
    r"<[^<>]*>": "sub",
    r"^.*x": "search",
    r"(\d+,)*\d+x": "fullmatch",
    r"(?:(?!ab).)*ab": "match",
    r"(?<!\w)\w+x": "search",
    r"(?<![\w.+%-])[\w.+%-]++@[\w-]+(\.[\w-]+)+": "sub",
    r"(?<![\w-])\+?\d(?:[ ()-]*+\d){6,}": "sub",
    r"[A-Za-z0-9-]{8,64}": "fullmatch",
    r"(.)\1*|n?a": "fullmatch",
}


@pytest.mark.parametrize(("pattern", "use"), BAD.items())
def test_the_judge_knows_a_bad_pattern(pattern, use):
    assert fault_of(pattern, 0, {use})


@pytest.mark.parametrize(("pattern", "use"), GOOD.items())
def test_the_judge_knows_a_good_pattern(pattern, use):
    assert not fault_of(pattern, 0, {use})
