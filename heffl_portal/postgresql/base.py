"""Between two requests a connection lies on a shelf, for whichever thread comes next.

Kept by its thread it would be idle while another thread is refused one: a server that
allows too few would answer some threads never again. Who is refused waits for the shelf.
A pool would wait as long for a server that is down: this fails at once, with its reason.
Threads that serve no requests keep theirs.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from django.core.signals import request_finished
from django.db import connections
from django.db.backends.postgresql import base
from psycopg.pq import TransactionStatus

from clients_app.database import outage

PATIENCE = 5.0
"""Seconds for which who is refused a connection waits for one."""
CALM = 10.0
"""Seconds for which nobody waits after somebody did in vain."""
ASK_AGAIN = 0.25
IDLE = 3.0
"""Seconds after which a connection that nobody took is closed, but for the last one."""
OLD = 600.0


class Shelf:
    """The connections of one process to one database that nobody uses now."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._lying: list[tuple[float, psycopg.Connection[Any]]] = []
        self._tidier: threading.Timer | None = None
        self.in_vain_until = 0.0

    def put(self, connection: psycopg.Connection[Any]) -> None:
        """Lay a connection down."""
        with self._changed:
            self._lying.append((time.monotonic(), connection))
            self._changed.notify()
            self._tidy_later()

    def take(self, patience: float = 0.0) -> psycopg.Connection[Any] | None:
        """Return a connection that works, the latest first, or None."""
        while True:
            with self._changed:
                if not self._lying and patience:
                    self._changed.wait(patience)
                if not self._lying:
                    return None
                _since, connection = self._lying.pop()
            if _works(connection):
                return connection

    def clear(self) -> None:
        """Close whatever lies here."""
        self._close(lambda since, newest: True)

    def _tidy_later(self) -> None:
        if self._tidier is None and len(self._lying) > 1:
            self._tidier = threading.Timer(IDLE, self._tidy)
            self._tidier.daemon = True
            self._tidier.start()

    def _tidy(self) -> None:
        with self._changed:
            self._tidier = None
        before = time.monotonic() - IDLE
        self._close(lambda since, newest: since <= before and not newest)
        with self._changed:
            self._tidy_later()

    def _close(self, chosen: Callable[[float, bool], bool]) -> None:
        with self._changed:
            last = len(self._lying) - 1
            marked = [
                (chosen(since, place == last), (since, connection))
                for place, (since, connection) in enumerate(self._lying)
            ]
            self._lying[:] = [entry for closes, entry in marked if not closes]
        for closes, (_since, connection) in marked:
            if closes:
                connection.close()


def _works(connection: psycopg.Connection[Any]) -> bool:
    """Say whether a connection still answers; close it where it does not."""
    try:
        connection.execute("SELECT 1")
    except psycopg.Error:
        connection.close()
        return False
    return True


_shelves: dict[str, Shelf] = {}


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection to PostgreSQL; it takes what it needs from the shelf."""

    opened = 0.0

    @property
    def shelf(self) -> Shelf:
        """Return the shelf for the database that this leads to."""
        place = [
            str(self.settings_dict[part]) for part in ("HOST", "PORT", "USER", "NAME")
        ]
        return _shelves.setdefault("\0".join(place), Shelf())

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Return a connection from the shelf, else a new one.

        Where the server has no more to give, wait some seconds for the shelf. Raises
        psycopg.OperationalError.
        """
        shelf = self.shelf
        until = time.monotonic() + PATIENCE
        found = shelf.take()
        while found is None:
            try:
                found = super().get_new_connection(conn_params)
            except psycopg.OperationalError as error:
                if outage.code_of(error) != outage.TOO_MANY:
                    raise
                now = time.monotonic()
                if now > until:
                    shelf.in_vain_until = now + CALM
                if now > until or now < shelf.in_vain_until:
                    raise
                found = shelf.take(ASK_AGAIN)
            else:
                found.opened = time.monotonic()
        return found

    def close(self) -> None:
        """Close this connection and what lies on the shelf: nothing keeps the database."""
        super().close()
        self.shelf.clear()

    def lay_down(self) -> None:
        """Put the connection on the shelf, unless something is under way on it."""
        connection = self.connection
        if connection is None or self.in_atomic_block or self.alias != "default":
            return
        idle = connection.info.transaction_status == TransactionStatus.IDLE
        if not idle or not connection.autocommit or self.run_on_commit:
            return
        if time.monotonic() - connection.opened > OLD:
            super().close()
            return
        self.connection = None
        self.shelf.put(connection)


def _lay_down(**_signal: object) -> None:
    for connection in connections.all(initialized_only=True):
        if isinstance(connection, DatabaseWrapper):
            connection.lay_down()


request_finished.connect(_lay_down)
