"""Backups of SQLite: whole, checked, private, and never of something else."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import UTC, datetime

import pytest

from scripts import backup

NOW = datetime(2026, 5, 3, 10, 0, tzinfo=UTC)


def rows_of(path):
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT name FROM client ORDER BY name").fetchall()


@pytest.fixture
def busy(tmp_path):
    """Return the path of a database in use, with rows that only its log holds yet."""
    path = tmp_path / "portal.sqlite3"
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE client (name TEXT)")
        database.executemany("INSERT INTO client VALUES (?)", [("Ann",), ("Ben",)])
        database.commit()
        database.execute("INSERT INTO client VALUES ('not committed')")
        yield path


def test_back_up_holds_what_was_committed(busy, tmp_path):
    copy = backup.back_up(busy, tmp_path / "backups", NOW)

    assert copy.name == "portal-20260503T100000Z.sqlite3"
    assert rows_of(copy) == [("Ann",), ("Ben",)]
    assert copy.stat().st_mode & 0o077 == 0
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_back_up_refuses_what_is_no_database(tmp_path):
    (tmp_path / "portal.sqlite3").write_text("no database, but long enough to be read")

    with pytest.raises(backup.BackupError, match="not backed up"):
        backup.back_up(tmp_path / "portal.sqlite3", tmp_path / "backups", NOW)

    assert list((tmp_path / "backups").iterdir()) == []


def test_back_up_refuses_a_path_without_a_database(tmp_path):
    with pytest.raises(backup.BackupError, match="no database at"):
        backup.back_up(tmp_path / "none.sqlite3", tmp_path / "backups", NOW)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////var/lib/a%20b.sqlite3", "/var/lib/a b.sqlite3"),
        ("", "/data/portal.sqlite3"),
    ],
)
def test_database_path_follows_the_settings(monkeypatch, url, path):
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("PORTAL_VAR_DIR", "/data")

    assert str(backup.database_path()) == path


def test_database_path_refuses_postgresql(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql:///portal")

    with pytest.raises(backup.BackupError, match="pg_dump"):
        backup.database_path()
