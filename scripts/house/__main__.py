"""Prints the figures of the house; with --before those of another revision beside them."""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from scripts.house import limits, report, trees

Measure = Callable[[Path], report.Rows]
Columns = dict[str, report.Rows]


def main() -> int:
    """Read the options and print; return 1 where a revision cannot be read."""
    parser = argparse.ArgumentParser(prog="scripts.house", description=__doc__)
    parser.add_argument("--before", metavar="REV", help="a revision to compare with")
    parser.add_argument(
        "--pages", action="store_true", help="what pages weigh, instead"
    )
    parser.add_argument(
        "--map", action="store_true", help="write the map in docs/architecture.md anew"
    )
    options = parser.parse_args()
    if options.map:
        from scripts.house import plan

        plan.write()
        return 0
    with ExitStack() as stack:
        roots = {"now": trees.BASE_DIR}
        if options.before:
            try:
                root = stack.enter_context(trees.revision(options.before))
            except subprocess.CalledProcessError as error:
                return error.returncode
            roots = {options.before: root, **roots}
        if options.pages:
            shown = show("page: HTML / as Brotli / static files", report.pages, roots)
            for words in report.heavier(next(iter(shown.values())), shown["now"]):
                sys.stdout.write(f"{words}\n")
        else:
            show("figure", report.overall, roots)
            show("files over 300 lines", report.long_files, roots)
            show_faults()
    return 0


def show(title: str, measure: Measure, roots: dict[str, Path]) -> Columns:
    """Print one table over all trees; return what it shows, by the tree's name."""
    columns = {name: measure(root) for name, root in roots.items()}
    sys.stdout.write(f"{report.table(title, columns)}\n")
    sys.stdout.flush()
    return columns


def show_faults() -> None:
    """Print how often the working tree exceeds which limit."""
    for limit in limits.LIMITS:
        found = limit(trees.BASE_DIR)
        if found:
            sys.stdout.write(f"Exceeded ({len(found)}): {limit.__doc__}\n")


if __name__ == "__main__":
    sys.exit(main())
