"""Whoever waits for SQLite's one write lock gets it in turn with the others.

SQLite's own wait asks ever less often, up to every 100 ms: in a crowd that asks all the
time, whoever has waited longest has the least chance. Here the wait begins anew every few
milliseconds, so that all have the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import OperationalError

Execute = Callable[[str, Any, bool, dict[str, Any]], Any]
ASK_AGAIN = 8
"""Milliseconds: SQLite asks after 1, 3 and 8 of them, then gives up, and we begin anew."""
PATIENCE = 20.0
"""Seconds until a statement that found no turn fails."""


def take_turns(connection: BaseDatabaseWrapper, **_: object) -> None:
    """Make a new connection to SQLite wait fairly; others are left alone (a receiver)."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout = {ASK_AGAIN}")
    if patiently not in connection.execute_wrappers:
        connection.execute_wrappers.insert(0, patiently)


def patiently(
    execute: Execute, sql: str, params: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Execute a statement, again for as long as another connection holds the lock.

    A statement of its own that finds the lock taken has done nothing. One inside a
    transaction holds the lock since its BEGIN IMMEDIATE. Raises OperationalError.
    """
    connection = context["connection"]
    if connection.in_atomic_block:
        return execute(sql, params, many, context)
    if many:
        with transaction.atomic(using=connection.alias):
            return execute(sql, params, many, context)
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return execute(sql, params, many, context)
        except OperationalError as error:
            if "database is locked" not in str(error) or time.monotonic() > until:
                raise
