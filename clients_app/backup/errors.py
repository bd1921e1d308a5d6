"""BackupError, and the words for what a disk or a database refuses."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DataError
from django.db import Error as DatabaseFault

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS}
NO_ROOM = "The disk is full, or this user's share of it: make room and try again."
LONGEST = 300


class BackupError(Exception):
    """Nothing was backed up or restored; the text says why, in plain words."""


def first_line(text: str) -> str:
    """Return the first line of a program's or a driver's message, without its end stop."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    return line.strip()[:LONGEST].rstrip(".")


def _of_disk(error: OSError) -> str:
    where = error.filename or "the files"
    if error.errno in FULL:
        return NO_ROOM
    if error.errno in FORBIDDEN:
        return f"This user may not write or read {where}."
    return f"{where}: {error.strerror or type(error).__name__}."


def in_words(error: Exception) -> str:
    """Return what an error of the disk or the database means. Values are never in it."""
    if isinstance(error, OSError):
        return _of_disk(error)
    if "disk is full" in str(error):
        return NO_ROOM
    if isinstance(error, DataError):  # its message quotes what was stored
        return "A value does not fit into its column."
    return f"The database says: {first_line(str(error))}."


@contextmanager
def plainly() -> Iterator[None]:
    """Turn what a disk or a database refuses into BackupError."""
    try:
        yield
    except (OSError, DatabaseFault, sqlite3.Error) as error:
        raise BackupError(in_words(error)) from None
