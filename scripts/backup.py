"""Copies the SQLite database while the portal runs: `python -m scripts.backup DIRECTORY`.

Uses SQLite's backup interface (a plain copy of a database in use may be torn), checks the
copy, and leaves it in the directory under the time it was made, readable by this user only.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent


class BackupError(Exception):
    """No backup was made; the text says why."""


def _sqlite() -> ModuleType:
    try:
        import pysqlite3
    except ImportError:
        import sqlite3

        return sqlite3
    module: ModuleType = pysqlite3
    return module


def database_path() -> Path:
    """Return the path in DATABASE_URL, or the default. Raises BackupError for no SQLite."""
    var = Path(os.environ.get("PORTAL_VAR_DIR") or BASE_DIR / "var")
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return var / "portal.sqlite3"
    parts = urlsplit(url)
    if parts.scheme != "sqlite":
        raise BackupError("DATABASE_URL is no SQLite; back PostgreSQL up with pg_dump.")
    return Path(unquote(parts.path[1:]))


def back_up(source: Path, directory: Path, now: datetime) -> Path:
    """Copy a database into a directory and return the copy. Raises BackupError.

    The copy is named after `now`, and is there only once it has been checked.
    """
    sqlite3 = _sqlite()
    if not source.is_file():
        raise BackupError(f"There is no database at {source}.")
    target = directory / f"portal-{now:%Y%m%dT%H%M%SZ}.sqlite3"
    partial = target.with_suffix(".partial")
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        partial.unlink(missing_ok=True)
        partial.touch(mode=0o600)
        with (
            contextlib.closing(
                sqlite3.connect(f"file:{source}?mode=ro", uri=True)
            ) as old,
            contextlib.closing(sqlite3.connect(partial)) as new,
        ):
            old.backup(new)
            (verdict,) = new.execute("PRAGMA integrity_check").fetchone()
            if verdict != "ok":
                raise BackupError(f"The copy of {source} is damaged: {verdict}")
            new.execute(
                "PRAGMA journal_mode=DELETE"
            )  # one file, without a log beside it
        partial.replace(target)
    except (OSError, sqlite3.Error) as error:
        raise BackupError(f"{source} was not backed up: {error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return target


def main() -> int:
    """Back up and print where; return 1 with the reason when it did not work."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    options = parser.parse_args()
    try:
        copy = back_up(database_path(), options.directory, datetime.now(UTC))
    except BackupError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{copy}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
