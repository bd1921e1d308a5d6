"""What a backup tells of itself: a few lines of JSON at the end of the file.

    the database, as SQLite or pg_dump wrote it | JSON | version, length of JSON, SHA-256

Both kinds of databases are read from their beginning, so that `sqlite3` and `pg_restore`
open such a file as it is. The sum is over everything before it: what was cut off, altered
or is no backup at all is noticed before anything is done with it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import IO

from clients_app.backup.errors import BackupError

_FOOTER = re.compile(rb"\nheffl-portal-backup 1 ([0-9a-f]{8}) ([0-9a-f]{64})\n")
_FOOTER_BYTES = len("\nheffl-portal-backup 1 \n") + 8 + 1 + 64
_LONGEST = 4_000_000
CHUNK = 1 << 20


@dataclass(frozen=True)
class Contents:
    """What is in a database: which migrations it has had, and how many rows per table.

    `tool` is the main version of the pg_dump that wrote it, `schema` the one it was in.
    """

    engine: str
    database: str
    migrations: list[tuple[str, str]]
    rows: dict[str, int]
    schema: str = ""
    tool: int = 0


@dataclass(frozen=True)
class Manifest:
    """What the end of a file tells: contents, who made it when, and how long they are."""

    contents: Contents
    version: str
    made_at: str
    size: int


def _pieces(file: IO[bytes], length: int) -> Iterator[bytes]:
    while length > 0 and (piece := file.read(min(CHUNK, length))):
        length -= len(piece)
        yield piece


def _sum(file: IO[bytes], length: int) -> str:
    file.seek(0)
    digest = hashlib.sha256()
    for piece in _pieces(file, length):
        digest.update(piece)
    return digest.hexdigest()


def seal(path: Path, contents: Contents, version: str, made_at: str) -> Manifest:
    """Append the manifest to what was written, and see that all of it is on the disk."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        manifest = Manifest(contents, version, made_at, size)
        told = json.dumps(asdict(manifest)).encode()
        file.write(told)
        file.flush()
        total = _sum(file, size + len(told))
        file.seek(0, os.SEEK_END)
        file.write(f"\nheffl-portal-backup 1 {len(told):08x} {total}\n".encode())
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return manifest


def _foreign(path: Path) -> BackupError:
    return BackupError(
        f"{path} was not made by `manage.py backup`, or its end is missing."
    )


def _parsed(told: bytes) -> Manifest:
    found = json.loads(told)
    contents = found["contents"]
    contents["migrations"] = [
        (str(app), str(name)) for app, name in contents["migrations"]
    ]
    contents["rows"] = {str(k): int(v) for k, v in contents["rows"].items()}
    known = {each.name for each in fields(Contents)}
    return Manifest(
        Contents(**{k: v for k, v in contents.items() if k in known}),
        str(found["version"]),
        str(found["made_at"]),
        int(found["size"]),
    )


def _ending(file: IO[bytes], path: Path) -> tuple[Manifest, int, str]:
    """Return the manifest, how many bytes the sum is over, and the sum."""
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - _FOOTER_BYTES))
    footer = _FOOTER.fullmatch(file.read(_FOOTER_BYTES))
    if footer is None:
        raise _foreign(path)
    told, summed = int(footer[1], 16), length - _FOOTER_BYTES
    if told > min(_LONGEST, summed):
        raise _foreign(path)
    file.seek(summed - told)
    try:
        manifest = _parsed(file.read(told))
    except (ValueError, LookupError, TypeError, AttributeError):
        raise _foreign(path) from None
    return manifest, summed, footer[2].decode()


def _damaged(path: Path) -> BackupError:
    return BackupError(f"{path} is damaged: it is not as it was written.")


def read(path: Path) -> Manifest:
    """Return what a file tells of itself. Raises BackupError for what is no backup."""
    with path.open("rb") as file:
        return _ending(file, path)[0]


def check(path: Path) -> Manifest:
    """Read a whole file and return its manifest. Raises BackupError for a damaged one."""
    with path.open("rb") as file:
        manifest, summed, wanted = _ending(file, path)
        if _sum(file, summed) != wanted:
            raise _damaged(path)
    return manifest


def copy_database(path: Path, manifest: Manifest, target: IO[bytes]) -> None:
    """Write the database in a backup, without what was appended, to an open file."""
    with path.open("rb") as file:
        for piece in _pieces(file, manifest.size):
            target.write(piece)
