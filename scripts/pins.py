"""Fails when a requirement is not pinned by version and hash, or a file lags behind its .in."""

from __future__ import annotations

import re
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
PAIRS = {
    "requirements.in": "requirements.txt",
    "requirements-dev.in": "requirements-dev.txt",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def canonical(name: str) -> str:
    """Return a distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def wanted(text: str) -> set[str]:
    """Return the names that a .in file asks for."""
    found = (_NAME.match(line) for line in text.splitlines())
    return {canonical(match[0]) for match in found if match}


def pinned(text: str) -> dict[str, str]:
    """Return the requirements of a pinned file by name: version, markers and hashes."""
    entries = text.replace("\\\n", " ").splitlines()
    found = ((entry, _NAME.match(entry)) for entry in entries)
    return {canonical(match[0]): entry for entry, match in found if match}


def faults(asked: str, given: str) -> list[str]:
    """Return what is wrong with a pinned file, given its .in."""
    entries = pinned(given)
    problems = [
        f"{name} is not pinned" for name in sorted(wanted(asked) - set(entries))
    ]
    for name, entry in entries.items():
        if not re.match(r"[^\s=]+==[^\s;]+", entry):
            problems.append(f"{name} has no exact version")
        if "--hash=sha256:" not in entry:
            problems.append(f"{name} has no hash")
    if re.search(r"^[ \t]*-(?!-hash)", given, re.MULTILINE):
        problems.append("an option line does not belong here")
    return problems


def main() -> int:
    """Check both files, and that they agree; return 1 when something is wrong."""
    bad: list[str] = []
    versions: dict[str, set[str]] = {}
    for source, target in PAIRS.items():
        given = (BASE_DIR / target).read_text()
        bad += [
            f"{target}: {fault}"
            for fault in faults((BASE_DIR / source).read_text(), given)
        ]
        for name, entry in pinned(given).items():
            versions.setdefault(name, set()).add(entry.split()[0])
    bad += [
        f"{name} has two versions" for name, both in versions.items() if len(both) > 1
    ]
    for line in bad:
        sys.stderr.write(f"{line}\n")
    if bad:
        return 1
    sys.stdout.write(f"{len(versions)} requirements, each pinned with hashes.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
