"""SQLite: copied by its backup interface, restored into a file beside that takes its place."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from django.db import connection

from clients_app.backup import folder, manifest, schema
from clients_app.backup.errors import BackupError
from clients_app.backup.manifest import Contents, Manifest

ENGINE = "sqlite"
PATIENCE = 20.0
_PAGES = 4096
_LEFT = ("-wal", "-journal", "-shm")


def _path() -> Path:
    name = str(connection.settings_dict["NAME"])
    if ":memory:" in name or name.startswith("file:"):
        raise BackupError("DATABASE_URL names no file: there is nothing on a disk.")
    return Path(name).absolute()


def _opened(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None)


def dump(target: Path, handle: int) -> Contents:
    """Copy the database, as it is at one moment, into an empty file."""
    source = _path()
    if not source.is_file() or not source.stat().st_size:
        raise BackupError(f"There is nothing to back up: no database at {source}.")
    with closing(_opened(source, "mode=ro")) as old:
        # Within one reading transaction: what is counted is what is copied.
        old.execute("BEGIN")

        def ask(sql: str) -> list[tuple[object, ...]]:
            return list(old.execute(sql).fetchall())

        rows = schema.rows(ask, ENGINE)
        applied = schema.migrations(ask, rows)
        with closing(sqlite3.connect(target, isolation_level=None)) as new:
            new.execute("PRAGMA journal_mode=OFF")
            new.execute("PRAGMA synchronous=OFF")  # it is synced when it is whole
            # In pieces, so that a signal is heard between them.
            old.backup(new, pages=_PAGES, progress=lambda *_: None)
            new.execute("PRAGMA journal_mode=DELETE")  # no log beside it
    return Contents(ENGINE, str(source), applied, rows)


def verify(path: Path, contents: Contents) -> None:
    """Read a copy from end to end. Raises BackupError when it is not whole."""
    with closing(_opened(path, "mode=ro&immutable=1")) as copy:
        verdict = str(copy.execute("PRAGMA integrity_check").fetchone()[0])
        if verdict != "ok":
            raise BackupError(f"The database is damaged: {verdict.splitlines()[0]}.")
        dangling = copy.execute("PRAGMA foreign_key_check").fetchone()
        if dangling:
            raise BackupError(
                f"The database is damaged: {dangling[0]} refers to rows of "
                f"{dangling[2]} that are not there."
            )
        found = schema.rows(lambda sql: copy.execute(sql).fetchall(), ENGINE)
    if found != contents.rows:
        raise BackupError("The copy is not whole: tables or rows are missing.")


def require_empty() -> None:
    """Raise BackupError where the database has anything in it."""
    path = _path()
    if not path.exists() or not path.stat().st_size:
        return
    with closing(_opened(path, "mode=rw")) as database:
        try:
            found = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise
            found = 1  # no database, and still somebody's file
    if found:
        raise BackupError(
            f"{path} is not empty, and a restore fills only an empty database. Stop the "
            f"portal and move {path.name}, {path.name}-wal and {path.name}-shm to another "
            "directory, all three, if they are there."
        )
    wal = Path(f"{path}-wal")
    if wal.exists() and wal.stat().st_size:
        raise BackupError(f"{path} is in use. Stop the portal first.")


@contextlib.contextmanager
def filling(path: Path, told: Manifest) -> Iterator[None]:
    """Put a backup into a file beside the database's and lend that as the database.

    It takes the database's place when all went well; else it goes.
    """
    target = _path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with folder.partial(target) as (staged, handle):
        with open(handle, "wb", closefd=False) as file:
            manifest.copy_database(path, told, file)
        verify(staged, told.contents)
        with _lent(staged):
            yield
        os.fsync(handle)
        require_empty()
        _set_aside(target)
        folder.publish(staged, target)


@contextlib.contextmanager
def _lent(path: Path) -> Iterator[None]:
    own = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = str(path)
    try:
        yield
    finally:
        connection.close()  # the last one to close empties the log into the file
        connection.settings_dict["NAME"] = own


def _set_aside(target: Path) -> None:
    """Rename logs that an earlier database has left: SQLite would play them into this one."""
    for ending in _LEFT:
        left = Path(f"{target}{ending}")
        if left.exists():
            left.replace(f"{left}.before-restore")
