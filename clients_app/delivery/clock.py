"""The database's clock: what machines with clocks of their own agree on.

The calls of a key are counted over a window that all machines share. A machine that is five
seconds ahead would forget the others' calls five seconds early, and the key's limit with them.
"""

from __future__ import annotations

import time

from django.db import connection
from django.utils import timezone

ASK_EVERY = 30.0
SLOW = 0.5
"""Seconds: an answer that took longer says too little about the clock."""
CLOSE = 0.2
"""Seconds: a smaller difference is covered by the window's jitter."""


class DatabaseClock:
    """How far the database's clock is ahead of this machine's, as last heard.

    Threads may share it: two that ask at the same moment hear the same.
    """

    def __init__(self) -> None:
        self._asked_at = float("-inf")
        self._ahead = 0.0

    def ahead(self) -> float:
        """Return by how many seconds; asks the database every half minute."""
        if time.monotonic() - self._asked_at > ASK_EVERY:
            before = timezone.now()
            with connection.cursor() as cursor:
                cursor.execute("SELECT clock_timestamp()")
                theirs = cursor.fetchone()[0]
            took = timezone.now() - before
            if took.total_seconds() < SLOW:
                ahead = (theirs - before - took / 2).total_seconds()
                self._ahead = ahead if abs(ahead) > CLOSE else 0.0
                self._asked_at = time.monotonic()
        return self._ahead


_clock = DatabaseClock()


def database_ahead() -> float:
    """Return by how many seconds the database's clock is ahead of this machine's.

    0 for SQLite, whose clock is the machine's own.
    """
    return _clock.ahead() if connection.vendor == "postgresql" else 0.0
