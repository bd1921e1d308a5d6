"""The figures of one tree as rows of a table: name of the figure → what was found."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.house import figures, trees

Rows = dict[str, str]
ABSENT = "–"
FOLDERS = {
    "app": figures.APP,
    "stand-in and tools": figures.TOOLS,
    "tests and benchmarks": figures.TESTS,
}
SOURCES = {
    "templates": ("templates", ".html"),
    "stylesheets": ("static", ".css"),
    "scripts": ("static", ".js"),
}


def overall(root: Path) -> Rows:
    """Return the figures of rooms, files, functions and lines."""
    rows = {
        "flat modules at the app's root": str(len(figures.flat_modules(root))),
        "rungs of layers": str(len(figures.rungs(root))),
        "import circles": str(len(figures.circles(root, for_types=False))),
        "import circles, types too": str(len(figures.circles(root, for_types=True))),
    }
    for name, folders in FOLDERS.items():
        rows |= _files(name, [*figures.lengths(root, folders).values()])
    for name, folders in FOLDERS.items():
        rows |= _functions(name, root, folders)
    for name, (folder, suffix) in SOURCES.items():
        rows |= _lines(name, figures.lines(root, folder, suffix))
    return rows


def _spread(values: Sequence[int]) -> str:
    middle, most = (figures.percentile(values, share) for share in (0.5, 0.9))
    return f"{middle} / {most} / {max(values, default=0)}"


def _files(name: str, lengths: Sequence[int]) -> Rows:
    over = (sum(length > limit for length in lengths) for limit in (300, 400, 700))
    return {
        f"{name}: files": str(len(lengths)),
        f"{name}: lines p50 / p90 / longest": _spread(lengths),
        f"{name}: files over 300 / 400 / 700 lines": " / ".join(map(str, over)),
    }


def _functions(name: str, root: Path, folders: Sequence[str]) -> Rows:
    found = figures.functions(root, folders)
    count = max(len(found), 1)
    return {
        f"{name}: functions": str(len(found)),
        f"{name}: function lines p50 / p90 / longest": _spread(
            [function.lines for function in found]
        ),
        f"{name}: worst complexity (C901)": str(
            max((function.branches for function in found), default=0)
        ),
        f"{name}: worst complexity, expressions too": str(
            max((function.paths for function in found), default=0)
        ),
        f"{name}: with a docstring": f"{sum(f.documented for f in found) / count:.0%}",
        f"{name}: with a return type": f"{sum(f.typed for f in found) / count:.0%}",
    }


def _lines(name: str, found: Sequence[figures.Line]) -> Rows:
    share = len(figures.wide(found)) / max(len(found), 1)
    return {
        f"{name}: lines": str(len(found)),
        f"{name}: over {figures.WIDE} characters": f"{share:.1%}",
        f"{name}: longest": str(max((line.width for line in found), default=0)),
    }


def long_files(root: Path) -> Rows:
    """Return the files of over 300 lines by name, the longest first."""
    every = figures.lengths(
        root, [name for names in FOLDERS.values() for name in names]
    )
    ordered = sorted(every, key=lambda path: -every[path])
    return {path: str(every[path]) for path in ordered if every[path] > 300}


def pages(root: Path) -> Rows:
    """Return what pages weigh: HTML, the same as Brotli, static files as Brotli."""
    with tempfile.TemporaryDirectory(prefix="house-var-") as folder:
        printed = trees.run_within(root, "pages.py", trees.environment(folder))
    weights: dict[str, list[int]] = json.loads(printed)
    return {page: " / ".join(map(str, three)) for page, three in weights.items()}


def heavier(before: Rows, now: Rows) -> list[str]:
    """Return the pages of which more bytes travel than before, each with how many."""

    def travels(weights: str) -> int:
        _html, *sent = map(int, weights.split(" / "))
        return sum(sent)

    more = {
        page: travels(now[page]) - travels(before[page])
        for page in before
        if page in now
    }
    return [f"{page}: {count} bytes more" for page, count in more.items() if count > 0]


def table(title: str, columns: Mapping[str, Rows]) -> str:
    """Return a Markdown table with a column for each tree, by its name."""
    names = dict.fromkeys(name for rows in columns.values() for name in rows)
    lines = [[title, *columns]]
    lines += [
        [name, *(rows.get(name, ABSENT) for rows in columns.values())] for name in names
    ]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = (
        (cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(f"| {' | '.join(cells)} |" for cells in padded) + "\n"
