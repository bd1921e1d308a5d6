"""Signs of life of the processes, and the clocks they go by.

A worker whose clock is far from the database's would find nothing due, or the leases of
others over: it sends nothing until the clock is right, and says so.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from clients_app.delivery.clock import database_ahead
from clients_app.models import AuditEvent, Beat, BeatRole

log = logging.getLogger("portal.worker")
EVERY = 10.0
LATE = timedelta(seconds=90)
"""A worker that was not seen for so long does not run."""
FORGOTTEN = timedelta(days=1)
MOST_OFF = 30.0
"""Seconds by which a clock may be off: a quarter of a lease."""


@dataclass(frozen=True)
class Workers:
    """What is known of the workers: since when none was seen, and the worst live clock.

    `unseen` is None where there has never been one.
    """

    unseen: float | None
    clock_ahead: float


def beat(name: str, role: BeatRole) -> None:
    """Write down that a process lives; forget those that have not for a day."""
    ahead = database_ahead()
    now = timezone.now() + timedelta(seconds=ahead)
    with transaction.atomic():
        Beat.objects.filter(seen_at__lt=now - FORGOTTEN, role=role).delete()
        Beat.objects.update_or_create(
            name=name,
            defaults={"role": role, "seen_at": now, "clock_ahead": round(ahead, 3)},
        )


def workers() -> Workers:
    """Return what is known of the workers now."""
    now = timezone.now() + timedelta(seconds=database_ahead())
    seen: QuerySet[Beat] = Beat.objects.filter(role=BeatRole.WORKER)
    newest = seen.order_by("-seen_at").first()
    if newest is None:
        return Workers(None, 0.0)
    live = seen.filter(seen_at__gte=now - LATE).values_list("clock_ahead", flat=True)
    worst = max(live, key=abs, default=0.0)
    return Workers(max(0.0, (now - newest.seen_at).total_seconds()), worst)


def clock_offset() -> float:
    """Return by how many seconds the database is ahead of this process's clock.

    Where both agree, or are the same, by how many what was written last is: a clock that
    was put back makes what is due wait.
    """
    ahead = database_ahead()
    if abs(ahead) > MOST_OFF:
        return ahead
    last = AuditEvent.objects.order_by("-id").values_list("at", flat=True).first()
    if last is None:
        return ahead
    before = (last - timezone.now()).total_seconds()
    return before if before > MOST_OFF else ahead


def may_send() -> bool:
    """Say whether this process's clock is near enough to the database's to send by it."""
    return abs(database_ahead()) <= MOST_OFF
