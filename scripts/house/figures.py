"""What is measured of a tree: rooms, layers, files, functions, lines of sources.

Everything is read from files, so that any revision can be measured. Migrations and what
others wrote (`vendor`) are left out.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from scripts.house import code, trees

APP = ("clients_app", "heffl_portal")
TOOLS = ("heffl_sandbox", "scripts")
TESTS = ("tests", "benchmarks")
CONTAINER = "clients_app"
LEFT_OUT = {"migrations", "vendor", "__pycache__"}
WIDE = 120


@dataclass(frozen=True)
class Line:
    """One line of a template, stylesheet or script; `number` counts from 1."""

    place: str
    number: int
    width: int


def percentile(values: Iterable[int], share: float) -> int:
    """Return the smallest value that `share` of all do not exceed; 0 for none."""
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else 0


def files(root: Path, folders: Sequence[str], suffix: str) -> list[Path]:
    """Return the files of that suffix below the folders, those left out left out."""
    found = (path for name in folders for path in (root / name).rglob(f"*{suffix}"))
    return sorted(
        path for path in found if not LEFT_OUT & set(path.relative_to(root).parts)
    )


def flat_modules(root: Path) -> list[str]:
    """Return the names of the modules at the root of the app."""
    names = (path.stem for path in (root / CONTAINER).glob("*.py"))
    return sorted(name for name in names if name != "__init__")


@dataclass(frozen=True)
class Layers:
    """One layers contract: its containers, and its rungs from the highest down."""

    containers: list[str]
    rungs: list[str]


def layers(root: Path) -> list[Layers]:
    """Return the layers contracts of pyproject.toml in their order."""
    project = tomllib.loads((root / "pyproject.toml").read_text())
    contracts = project["tool"]["importlinter"]["contracts"]
    return [
        Layers(contract.get("containers", []), contract["layers"])
        for contract in contracts
        if contract["type"] == "layers"
    ]


def rungs(root: Path) -> list[str]:
    """Return the rungs of the app, from the highest down."""
    found = (one.rungs for one in layers(root) if one.containers == [CONTAINER])
    return next(found, [])


def circles(root: Path, *, for_types: bool) -> list[list[str]]:
    """Return the groups of modules that import one another around a circle."""
    found: list[list[str]] = _circles(root)["all" if for_types else "runtime"]
    return found


@cache
def _circles(root: Path) -> dict[str, list[list[str]]]:
    answer: dict[str, list[list[str]]] = json.loads(
        trees.run_within(root, "circles.py")
    )
    return answer


def lengths(root: Path, folders: Sequence[str]) -> dict[str, int]:
    """Return path → number of lines of the Python files below the folders."""
    return {
        path.relative_to(root).as_posix(): len(path.read_text().splitlines())
        for path in files(root, folders, ".py")
    }


def functions(root: Path, folders: Sequence[str]) -> list[code.Function]:
    """Return every function below the folders."""
    return [
        function
        for path in files(root, folders, ".py")
        for function in code.functions(
            path.read_text(), path.relative_to(root).as_posix()
        )
    ]


def lines(root: Path, folder: str, suffix: str) -> list[Line]:
    """Return the lines that hold more than blanks, of the files with that suffix."""
    return [
        Line(path.relative_to(root).as_posix(), number, len(line))
        for path in files(root, [folder], suffix)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if line.strip()
    ]


def templates(root: Path) -> list[Line]:
    return lines(root, "templates", ".html")


def wide(of: Sequence[Line], limit: int = WIDE) -> list[Line]:
    """Return the lines of more than `limit` characters."""
    return [line for line in of if line.width > limit]
