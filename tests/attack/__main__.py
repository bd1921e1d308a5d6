"""Attacks a portal at every door and prints the table: attack, before, after.

    python -m tests.attack                 everything, a few minutes
    python -m tests.attack --only cost     one topic
    python -m tests.attack --keep          also bring the table in docs/security.md in step

Exits with 1 when an attack succeeds, and names it.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.attack.portal import ROOT, Finding, running

MARKS = ("<!-- attacks -->", "<!-- /attacks -->")
PLUMBING = {"__main__", "portal"}


def topics() -> list[str]:
    """Return the names of the modules of this package that attack something."""
    here = str(Path(__file__).parent)
    found = [each.name for each in pkgutil.iter_modules([here])]
    return sorted(set(found) - PLUMBING)


def table(findings: Sequence[Finding]) -> str:
    """Return findings as a table in Markdown."""
    lines = ["| attack | before | after |", "| --- | --- | --- |"]
    for one in findings:
        after = one.after if one.held else f"**{one.after}**"
        lines.append(f"| {one.attack} | {one.before} | {after} |")
    return "\n".join(lines)


def keep(text: str, document: Path) -> None:
    """Put the table between the two marks of a document."""
    start, end = MARKS
    before, _mark, rest = document.read_text().partition(start)
    after = rest.partition(end)[2]
    document.write_text(f"{before}{start}\n{text}\n{end}{after}")


def main() -> int:
    """Run the attacks that were asked for; return the exit code."""
    parser = argparse.ArgumentParser(prog="make attack")
    parser.add_argument("--only", action="append", choices=topics(), default=[])
    parser.add_argument("--keep", action="store_true", help="write the table down")
    options = parser.parse_args()
    findings: list[Finding] = []
    for topic in options.only or topics():
        attacks = importlib.import_module(f"tests.attack.{topic}").attacks
        with (
            tempfile.TemporaryDirectory(prefix="portal-attack-") as folder,
            running(Path(folder)) as portal,
        ):
            for one in attacks(portal):
                findings.append(one)
                word = "held" if one.held else "SUCCEEDED"
                print(f"{topic}: {one.attack}: {one.after} ({word})", flush=True)
    print("\n" + table(findings))
    won = [one.attack for one in findings if not one.held]
    if won:
        print("\nThese attacks succeed: " + "; ".join(won), file=sys.stderr)
        return 1
    if options.keep:
        keep(table(findings), ROOT / "docs" / "security.md")
    return 0


if __name__ == "__main__":
    sys.exit(main())
