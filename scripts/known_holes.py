"""Asks whether a pinned requirement has a known hole, where the network allows, and says so where not.

The tool itself is content when it could ask about nothing at all; this tells the two apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent
PATIENCE = 120
"""Seconds until a registry that does not answer is given up."""


def ask() -> list[dict[str, Any]] | None:
    """Return what pip-audit says of each pinned requirement; None when it got no answer."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "requirements.txt"]
    command += ["--require-hashes", "--disable-pip", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "15"]
    try:
        done = subprocess.run(
            command, cwd=BASE_DIR, capture_output=True, timeout=PATIENCE, check=False
        )
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    return found


def verdict(found: Sequence[Mapping[str, Any]] | None) -> tuple[int, list[str]]:
    """Return the exit code and the lines to print for what pip-audit said."""
    if not found or all("skip_reason" in each for each in found):
        return 0, ["Known holes: not asked, the network here does not allow it."]
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, "
        f"mended in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for each in found
        for hole in each.get("vulns", [])
    ]
    if holes:
        return 1, holes
    skipped = [each["name"] for each in found if "skip_reason" in each]
    rest = f"; not known there: {', '.join(skipped)}" if skipped else ""
    asked = len(found) - len(skipped)
    return 0, [f"Known holes: none in {asked} requirements{rest}."]


def main() -> int:
    """Ask and tell; return 1 when a requirement has a known hole."""
    code, lines = verdict(ask())
    (sys.stderr if code else sys.stdout).write("\n".join(lines) + "\n")
    return code


if __name__ == "__main__":
    sys.exit(main())
