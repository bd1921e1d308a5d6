"""A process of the web server: gunicorn starts and watches it, waitress serves in it."""

from __future__ import annotations

import os
import resource
import signal
import sys
from time import monotonic
from typing import Any

from gunicorn.workers.base import Worker
from waitress import wasyncore

from heffl_portal.bounds import CONNECTIONS
from heffl_portal.connections import Doors, open_doors

FILES = 5_000
"""Files that a process may have open: connections, answers that wait on disk, the database."""
TURN = 0.001
"""Seconds a thread may compute while the event loop waits: so long twice per connection."""
LINGER_NEW, LINGER_KEPT = 5.0, 2.0
"""Seconds that connections stay open when we stop, for a request that is on its way: those
that were asked nothing yet, and those that are kept."""
ENDS = {signal.SIGTERM, signal.SIGINT, signal.SIGQUIT}
"""Signals that end a worker. One that comes while it is being made must not be lost."""


def hold_signals_over_forks() -> None:
    """Let a new worker get its signals once it listens to them. Call it once, in the master.

    gunicorn's child has the master's handlers for a moment, which only note what comes:
    a worker that was told to end then would be killed ten seconds later, in mid-answer.
    """
    os.register_at_fork(
        before=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, ENDS),
        after_in_parent=lambda: signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS),
    )


class PortalWorker(Worker):  # type: ignore[misc]
    """Serves until it is told to stop, then finishes what is under way."""

    def init_signals(self) -> None:
        """Listen to signals, also to those that came since the fork."""
        super().init_signals()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDS)

    def run(self) -> None:
        """Serve. Returns after SIGTERM, and when the master is gone."""
        from clients_app.views.uploads import bound_at  # needs the application

        sys.setswitchinterval(TURN)
        most = min(CONNECTIONS, allow_files(FILES) // 2)
        listeners = [each.sock for each in self.sockets]
        self._channels, doors = open_doors(
            self.wsgi, listeners, self.cfg.threads, bound_at, most
        )
        while self.alive and self.ppid == os.getppid():
            self._turn(0.5)
        self._finish(doors)

    def _turn(self, seconds: float) -> None:
        """Let the event loop go round once; the master sees that it does."""
        self.notify()
        wasyncore.poll2(seconds, self._channels)

    def _finish(self, doors: list[Doors]) -> None:
        """Accept nothing more, and answer what has been asked, for as long as is allowed."""
        for each in doors:
            each.stop_accepting()
        began = monotonic()
        last = began + float(self.cfg.graceful_timeout) - 1
        while (now := monotonic()) < last:
            self._turn(0.1)
            open_now: list[Any] = []
            for each in doors:
                each.maintenance(now)
                open_now += each.active_channels.values()
            if not any(busy(each) or now < began + linger(each) for each in open_now):
                break


def linger(connection: Any) -> float:
    """Return for how many seconds a connection that is not busy stays open."""
    return LINGER_KEPT if connection.asked else LINGER_NEW


def busy(connection: Any) -> bool:
    """Say whether somebody on a connection waits for the rest of something."""
    return bool(
        connection.requests
        or connection.total_outbufs_len
        or connection.request is not None
        or connection.farewell
    )


def allow_files(wanted: int) -> int:
    """Let this process open so many files; return how many the system lets it have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= most:
        return wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most
