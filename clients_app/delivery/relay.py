"""The relay: claim one submission, make one call, record what came of it.

HTTP runs outside every transaction. Nothing here retries: a later wake-up does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, close_old_connections
from django.utils import timezone

from clients_app import credentials
from clients_app.database import outage
from clients_app.delivery import outbox
from clients_app.heffl.outcome import Outcome, Phase, Verdict

T = TypeVar("T")
log = logging.getLogger("portal.delivery")
COMMIT_TRIES = 6


def deliver_next(fingerprint: str) -> bool:
    """Send the next submission of a key's queue, if any may go now.

    Returns False when nothing was sent. Never raises for what Heffl does.
    """
    # The clock starts before the claim: a process frozen while the claim's commit is on
    # its way back must not believe that it has all its time left.
    started, taken = persistently(
        lambda: (time.monotonic(), outbox.claim(fingerprint, timezone.now()))
    )
    if taken is None:
        return False
    outcome = _send(taken, started)
    persistently(lambda: outbox.record_outcome(taken, outcome, timezone.now()))
    return True


def deliver_woken(fingerprint: str, **_signal: object) -> None:
    """Do `deliver_next` as a receiver of `wakeups.woken`."""
    deliver_next(fingerprint)


def _send(taken: outbox.Claim, started: float) -> Outcome:
    """Make the one call. Whatever breaks after it began counts as "may have been sent"."""
    allowed = float(settings.HEFFL_TIMEOUTS["total"])
    try:
        api = credentials.api_for(taken.credential)
        left = min(
            allowed - (time.monotonic() - started),
            (taken.deadline_at - timezone.now()).total_seconds(),
        )
        return api.create_client(taken.body, time_left=left)
    except Exception as error:  # noqa: BLE001 - nobody knows how far the call got
        log.error(
            "relay fault",
            extra={"attempt": taken.fence, "reason": type(error).__name__},
        )
        outcome = Outcome(Verdict.UNCERTAIN, Phase.SENDING, "internal")
        return replace(outcome, duration=time.monotonic() - started)


def persistently(action: Callable[[], T]) -> T:
    """Run a transaction again while the database is locked or away, for some seconds.

    Raises the last error; the sweeper then takes the row back as UNCERTAIN.
    """
    for attempt in range(COMMIT_TRIES):
        try:
            return action()
        except (DatabaseError, InterfaceError) as error:
            if attempt == COMMIT_TRIES - 1 or not outage.of(error):
                raise
            close_old_connections()
            time.sleep(min(0.05 * 4**attempt, 5.0))
    raise AssertionError("not reached")
