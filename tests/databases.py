"""Databases beside the test's own, on the same engine: made, filled, asked and compared.

Commands run on them as an operator runs them, in processes of their own.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from scripts import postgresql

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "clients_app" / "migrations"
MIGRATIONS = sorted(path.stem for path in FOLDER.glob("[0-9]*.py"))
NAMES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE"
    " 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}
Rows = dict[str, list[tuple[Any, ...]]]


def engine_of(url: str) -> str:
    """Return the word for the engine in an address."""
    return "sqlite" if url.startswith("sqlite:") else "postgresql"


class Place:
    """Where databases can be made: a folder, or a server (the address of any database)."""

    def __init__(self, folder: Path, server: str = "") -> None:
        self.folder = folder
        self._server = server
        self._made: list[str] = []

    def url(self, name: str) -> str:
        """Return the address of a database that is not there yet."""
        if not self._server:
            path = self.folder / f"{name}.sqlite3"
            for rest in ("", "-wal", "-shm"):
                Path(f"{path}{rest}").unlink(missing_ok=True)
            return f"sqlite:///{path}"
        name = f"portal_{os.getpid()}_{name}"
        self._made.append(name)
        self._drop(name)
        return postgresql.with_database(self._server, name)

    def make(self, url: str) -> None:
        """Make an empty database, where SQLite does not do that by itself."""
        if self._server:
            name = sql.Identifier(name_of(url))
            self.on_server(sql.SQL("CREATE DATABASE {}").format(name))

    def copy(self, url: str, name: str) -> str:
        """Copy a database that nobody uses."""
        target = self.url(name)
        if not self._server:
            with (
                closing(sqlite3.connect(path_of(url))) as old,
                closing(sqlite3.connect(path_of(target))) as new,
            ):
                old.backup(new)
            return target
        self.on_server(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name_of(target)), sql.Identifier(name_of(url))
            )
        )
        return target

    def on_server(self, statement: sql.Composed | sql.SQL) -> list[tuple[Any, ...]]:
        """Run a statement on the server, outside of the databases made here."""
        with psycopg.connect(self._server, autocommit=True) as connection:
            cursor = connection.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def _drop(self, name: str) -> None:
        self.on_server(
            sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(name))
        )

    def remove(self) -> None:
        """Remove every database that was made here."""
        for name in self._made:
            self._drop(name)


def path_of(url: str) -> Path:
    """Return the file of a SQLite database."""
    return Path(unquote(urlsplit(url).path[1:]))


def name_of(url: str) -> str:
    """Return the name of a PostgreSQL database."""
    return urlsplit(url).path[1:]


def manage(
    *arguments: str | Path, url: str, **more: str
) -> subprocess.CompletedProcess[str]:
    """Run a management command on a database; `more` are variables."""
    return subprocess.run(
        [sys.executable, "manage.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url, **more},
        capture_output=True,
        text=True,
        check=False,
    )


def build(url: str, migration: str, environment: dict[str, str] | None = None) -> None:
    """Make a database as it was at a migration, with clients in every status."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.old_schema", migration],
        cwd=ROOT,
        env={**(environment or os.environ), "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def ask(url: str, query: str) -> list[tuple[Any, ...]]:
    """Ask a database, and keep what a change changes."""
    if engine_of(url) == "sqlite":
        with closing(sqlite3.connect(path_of(url))) as connection, connection:
            return connection.execute(query).fetchall()
    with psycopg.connect(url) as server:
        cursor = server.execute(query)
        return cursor.fetchall() if cursor.description else []


def tables(url: str) -> Rows:
    """Return all rows of all tables, sorted."""
    names = [name for (name,) in ask(url, NAMES[engine_of(url)])]
    return {
        name: sorted(ask(url, f'SELECT * FROM "{name}"'), key=repr) for name in names
    }


def is_empty(url: str) -> bool:
    """Say whether a database has nothing in it, or is not there at all."""
    if engine_of(url) == "sqlite":
        path = path_of(url)
        left = [each.name for each in path.parent.glob(f"*{path.name}*")]
        return not left
    try:
        return not tables(url)
    except psycopg.OperationalError:
        return True
