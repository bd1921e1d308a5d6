"""Which of the two engines the settings' database has."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from django.db import connection

from clients_app.backup import postgresql, sqlite
from clients_app.backup.manifest import Contents, Manifest

NAMES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Engine(Protocol):
    """What an engine does for a backup, and for the way back."""

    def dump(self, target: Path, handle: int) -> Contents: ...
    def verify(self, path: Path, contents: Contents) -> None: ...
    def require_empty(self) -> None: ...
    def filling(self, path: Path, told: Manifest) -> AbstractContextManager[None]: ...


def engine() -> Engine:
    """Return the engine of the database that DATABASE_URL names."""
    return sqlite if connection.vendor == "sqlite" else postgresql
