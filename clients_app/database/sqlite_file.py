"""Notices that SQLite's file was removed or replaced under a running process.

SQLite itself goes on with the file that has no name any more, and what it acknowledges
then is lost; a new connection makes an empty file. Both are an outage here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]
_files: WeakKeyDictionary[BaseDatabaseWrapper, tuple[int, int]] = WeakKeyDictionary()
_filled: set[str] = set()
"""The files in which this process has seen tables."""


def _identity(connection: BaseDatabaseWrapper) -> tuple[int, int] | None:
    try:
        found = os.stat(connection.settings_dict["NAME"])
    except OSError:
        return None
    return found.st_dev, found.st_ino


def watch(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Remember the file of a new connection to SQLite (a receiver).

    Raises OperationalError for an empty file where this process has seen tables.
    """
    if connection.vendor != "sqlite" or (identity := _identity(connection)) is None:
        return  # a database in memory
    name = str(connection.settings_dict["NAME"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT 1 FROM sqlite_master)")
        filled = bool(cursor.fetchone()[0])
    if filled:
        _filled.add(name)
    elif name in _filled:
        connection.close()
        raise OperationalError("the database file is gone")

    _files[connection] = identity
    if same_file not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, same_file)


def same_file(
    execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a statement, if the file is the one the connection was made to.

    A transaction begins with a statement of its own. Raises OperationalError.
    """
    connection = context["connection"]
    if not connection.in_atomic_block and _identity(connection) != _files[connection]:
        connection.close()
        raise OperationalError("the database file is gone")
    return execute(sql, params, many, context)
