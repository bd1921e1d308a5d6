"""Which test shows which requirement of OWASP ASVS 5.0; tests/unit/test_asvs.py holds it.

`python -m tests.asvs` prints the table, and with --keep brings docs/asvs.md in step. A test
may also name its ids itself: `@pytest.mark.asvs("6.3.3")`.
"""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
DOCUMENT = HERE.parent / "docs" / "asvs.md"
MARKS = ("<!-- table -->", "<!-- /table -->")
IN_WRITING = "docs"
"""In place of a test: the requirement asks for something in writing."""

_read: dict[str, Any] = tomllib.loads((HERE / "asvs.toml").read_text())
CHAPTERS: dict[str, dict[str, Any]] = _read["chapters"]
REQUIREMENTS: dict[str, dict[str, Any]] = _read["requirements"]


def table() -> str:
    """Return the requirements as a table in Markdown."""
    lines = ["| id | level | what it asks | shown by |", "| --- | --- | --- | --- |"]
    for name, one in REQUIREMENTS.items():
        tests = ", ".join(
            "this page" if test == IN_WRITING else f"`{test.partition('::')[2]}`"
            for test in one.get("tests", [])
        )
        shown = tests or f"does not apply: {one['absent']}"
        lines.append(f"| {name} | {one['level']} | {one['asks']} | {shown} |")
    for chapter, one in CHAPTERS.items():
        levels = ", ".join(one["count"])
        asks = f"{one['asks']}, {sum(one['count'].values())} requirements"
        lines.append(
            f"| {chapter} | {levels} | {asks} | does not apply: {one['absent']} |"
        )
    return "\n".join(lines)


def page(document: str) -> str:
    """Return a document with the table between its marks."""
    start, end = MARKS
    before, _mark, rest = document.partition(start)
    return f"{before}{start}\n{table()}\n{end}{rest.partition(end)[2]}"


def main() -> None:
    """Print the table, or write it down."""
    if "--keep" in sys.argv:
        DOCUMENT.write_text(page(DOCUMENT.read_text()))
    else:
        sys.stdout.write(table() + "\n")


if __name__ == "__main__":
    main()
