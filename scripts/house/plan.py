"""The map of the house in docs/architecture.md: the layers, the rooms, and the tables.

The layers are those of pyproject.toml; what a room is for, its own docstring says. Of the tables, the map says of each model where it
is; what it holds is prose that stays as somebody wrote it, and for a new model the first
line of its docstring. A test holds the page to `filled`.
"""

from __future__ import annotations

import ast
import os
import re
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from scripts.house import figures, trees

PAGE = trees.BASE_DIR / "docs" / "architecture.md"
TASKS = "django_tasks_db"
"""The task engine, whose tables are ours to explain, too."""
ROW = re.compile(r"^\| `(?P<model>\w+)` \| [^|]*\| (?P<prose>.*?) \|$", re.M)


def layers(contracts: Iterable[figures.Layers]) -> str:
    """Return a picture of the layers, a rung a line, each package under its name."""
    lines = []
    for contract in contracts:
        for container in contract.containers:
            lines += ["", container]
            lines += [f"  {_names(rung)}" for rung in contract.rungs]
    return "\n".join(["```", *lines[1:], "```"]) + "\n"


def _names(rung: str) -> str:
    return " · ".join(name.strip() for name in re.split("[|:]", rung))


def rooms(root: Path) -> str:
    """Return a table of the app's packages and modules, from the top rung to the lowest."""
    app = next(
        contract
        for contract in figures.layers(root)
        if figures.CONTAINER in contract.containers
    )
    rows = ["| room | what it is for |", "| --- | --- |"]
    for rung in app.rungs:
        for name in _names(rung).split(" · "):
            place = root / figures.CONTAINER / name
            module = (
                place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
            )
            shown = f"{name}/" if place.is_dir() else f"{name}.py"
            said = ast.get_docstring(ast.parse(module.read_text())) or ""
            rows.append(f"| `{shown}` | {_first_line(said)} |")
    return "\n".join(rows) + "\n"


def _first_line(docstring: str) -> str:
    return (docstring.splitlines() or [""])[0].replace("|", "or").rstrip(".")


def models() -> dict[str, tuple[str, str]]:
    """Return model → (where it is, the first line of its docstring). Needs Django."""
    from django.apps import apps

    found = {}
    for model in apps.get_models():
        package, _dot, inside = model.__module__.partition(".")
        if package in (figures.CONTAINER, TASKS):
            first = (model.__doc__ or "").strip().splitlines()[0].rstrip(".")
            own = f"{inside.replace('.', '/')}.py"
            place = own if package == figures.CONTAINER else package
            found[model.__name__] = (f"`{place}`", first)
    return found


def tables(found: Mapping[str, tuple[str, str]], written: str) -> str:
    """Return a table of the models, in the order and with the prose of what is written."""
    prose = {row["model"]: row["prose"] for row in ROW.finditer(written)}
    order = [name for name in prose if name in found]
    order += [name for name in found if name not in prose]
    rows = [
        f"| `{name}` | {found[name][0]} | {prose.get(name, found[name][1])} |"
        for name in order
    ]
    head = ["| table | where | what it holds |", "| --- | --- | --- |"]
    return "\n".join([*head, *rows]) + "\n"


def filled(page: str, root: Path = trees.BASE_DIR) -> str:
    """Return the page with all parts between their marks.

    Raises ValueError when the page has lost a mark.
    """
    written = _between(page, "tables")
    page = _replaced(page, "layers", layers(figures.layers(root)))
    page = _replaced(page, "rooms", rooms(root))
    return _replaced(page, "tables", tables(models(), written))


def _between(page: str, name: str) -> str:
    return _parts(page, name)[1]


def _replaced(page: str, name: str, text: str) -> str:
    before, _old, after = _parts(page, name)
    return f"{before}{text}{after}"


def _parts(page: str, name: str) -> tuple[str, str, str]:
    start, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, opened, rest = page.partition(start)
    old, closed, after = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"the page has no part between {start.strip()} and {end}")
    return before + start, old, end + after


def write() -> None:
    """Write the printed parts of the page anew, as the tree is now."""
    import django

    with tempfile.TemporaryDirectory(prefix="house-var-") as folder:
        os.environ.update(trees.environment(folder))
        django.setup()
        PAGE.write_text(filled(PAGE.read_text()))
