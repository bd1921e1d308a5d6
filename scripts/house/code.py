"""Functions as they stand in the source: how long, how winding, with a docstring or not."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Function:
    """One function. `branches` counts as ruff's C901 does, `paths` its expressions too."""

    place: str
    name: str
    lines: int
    branches: int
    paths: int
    documented: bool
    typed: bool


@cache
def functions(source: str, place: str = "") -> tuple[Function, ...]:
    """Return every function of a module, those inside classes and functions included."""
    return tuple(
        _measured(node, place)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, Definition)
    )


def _measured(node: Definition, place: str) -> Function:
    branches = 1 + sum(_branches(statement) for statement in node.body)
    inside = (inner for statement in node.body for inner in ast.walk(statement))
    return Function(
        place=f"{place}:{node.lineno}",
        name=node.name,
        lines=(node.end_lineno or node.lineno) - node.lineno + 1,
        branches=branches,
        paths=branches + sum(_choices(inner) for inner in inside),
        documented=ast.get_docstring(node, clean=False) is not None,
        typed=node.returns is not None,
    )


def _branches(statement: ast.AST) -> int:
    """Return by how much a statement, with all inside it, raises the complexity.

    As ruff counts, which goes through statements alone: a function inside counts for
    one more, the last case of a match for none where it takes everything.
    """
    own = 0
    match statement:
        case ast.If() | ast.For() | ast.AsyncFor() | ast.While():
            own = 1
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ExceptHandler():
            own = 1
        case ast.Try() | ast.TryStar():
            own = 1 if statement.orelse else 0
        case ast.Match():
            own = len(statement.cases) - _takes_everything(statement.cases[-1])
    return own + sum(_branches(inner) for inner in _statements(statement))


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.stmt | ast.ExceptHandler | ast.match_case):
            yield inner


def _takes_everything(case: ast.match_case) -> bool:
    found = case.pattern
    return case.guard is None and isinstance(found, ast.MatchAs) and not found.pattern


def _choices(node: ast.AST) -> int:
    """Return how many ways to go an expression adds by itself."""
    match node:
        case ast.BoolOp():
            return len(node.values) - 1
        case ast.IfExp():
            return 1
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return sum(1 + len(loop.ifs) for loop in node.generators)
    return 0
