"""Fails when a tracked file holds what looks like a real key. Prints places, never values."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parent.parent
# A value that shows that it is made up may stand anywhere: a word and an underscore first,
# a run of digits or letters, or the published example of the webhook standard.
_PLACEHOLDER = (
    r"(?![a-z]{4,}_|\*|0123|1234|abcd|MfKQ9r8G|(?P<again>[A-Za-z0-9])(?P=again){3})"
)
PATTERNS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[\w+/=]{40}"),
    "Heffl API key": re.compile(rf"heffl_user_{_PLACEHOLDER}[\w-]{{16,}}"),
    "webhook secret": re.compile(rf"whsec_{_PLACEHOLDER}[\w+/=-]{{20,}}"),
    "cloud access key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
    "access token": re.compile(r"\b(?:gh[pousr]_\w{30,}|glpat-[\w-]{20,}|xox[abp]-\S{20,})"),
    "password in an address": re.compile(
        r"\b(?:postgres(?:ql)?|smtp(?:\+[a-z]+)?|https?)://[\w.-]+:(?!pass|secret|…|\$|\{|<)[^\s@/:'\"]{8,}@"
    ),
}  # fmt: skip


def findings(text: str) -> list[tuple[int, str]]:
    """Return the line number and the kind of everything in a text that looks secret."""
    found = [
        (text.count("\n", 0, match.start()) + 1, kind)
        for kind, pattern in PATTERNS.items()
        for match in pattern.finditer(text)
    ]
    return sorted(found)


def tracked_files() -> list[Path]:
    """Return every file that git tracks or would track. Raises CalledProcessError."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=BASE_DIR,
        check=True,
        capture_output=True,
    ).stdout
    names = [name for name in listing.decode().split("\0") if name]
    return [BASE_DIR / name for name in names if (BASE_DIR / name).is_file()]


def main() -> int:
    """Scan; return 1 when something was found."""
    files = tracked_files()
    bad = 0
    for path in files:
        for line, kind in findings(path.read_bytes().decode(errors="replace")):
            bad += 1
            sys.stderr.write(f"{path.relative_to(BASE_DIR)}:{line}: a {kind}\n")
    if bad:
        return 1
    sys.stdout.write(f"No secrets in {len(files)} files.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
