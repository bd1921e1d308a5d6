"""Why does a queued client wait, and how long? The scheduler's answer, as data.

What is read here is what `outbox.claim` goes by: holds, the key, its budget, the client's own
earliest time, look-alikes, and the order of the queue. Nothing is changed, and nothing here
is put into words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from django.conf import settings
from django.db.models import Max

from clients_app.delivery import holds
from clients_app.delivery.outbox import look_alike_open
from clients_app.models import (
    ApiCredential,
    IncidentKind,
    Organisation,
    RateBudget,
    Status,
    Submission,
)

MANY_AHEAD = 10
"""Fewer clients than this before one are no wait worth a word."""
COUNT_AHEAD = 3_000
SOON = 5.0
"""Seconds that are no wait worth a word."""


class Reason(Enum):
    """What a queued client waits for."""

    STOPPED = auto()
    """Nothing is sent for its organisation; `Wait.stop` says why."""
    UNREACHED = auto()
    """Heffl could not be reached with it; there is a pause between two tries."""
    ASKED_TO_WAIT = auto()
    """Heffl asked for a pause."""
    LOOK_ALIKE = auto()
    """Another one with the same name, e-mail and phone is on its way or unclear."""
    BEHIND_OTHERS = auto()
    """Many are sent before it."""
    NOTHING = auto()
    """It is sent in a moment."""


@dataclass(frozen=True)
class Wait:
    """What a client waits for and, where that is known, how long."""

    reason: Reason
    stop: IncidentKind | None = None
    seconds: float = 0.0
    ahead: int = 0


def stop_of(organisation: Organisation) -> IncidentKind | None:
    """Return why nothing is sent for an organisation, the widest reason first."""
    fingerprint = holds.key_of(organisation)
    for hold in holds.open_on(fingerprint):
        return IncidentKind(hold.reason)
    return IncidentKind.NO_KEY if fingerprint is None else None


def seconds_for(calls: int) -> float:
    """Return how long so many calls take under Heffl's limit."""
    limit, period = settings.HEFFL_RATE_LIMIT
    return float(calls * period / limit)


def wait_of(submission: Submission, now: datetime) -> Wait:
    """Return what a QUEUED submission waits for. A few queries, none of them long."""
    if stop := stop_of(submission.organisation):
        return Wait(Reason.STOPPED, stop)
    current = ApiCredential.objects.current()
    own = current.filter(organisation=submission.organisation).values("fingerprint")
    paused = RateBudget.objects.filter(
        fingerprint__in=own, paused_until__gt=now
    ).aggregate(until=Max("paused_until"))["until"]
    not_before = max(submission.not_before, paused or now)
    seconds = (not_before - now).total_seconds()
    if seconds > SOON:
        failed = submission.safe_failures > 0
        reason = Reason.UNREACHED if failed else Reason.ASKED_TO_WAIT
        return Wait(reason, seconds=seconds)
    sharing = current.filter(fingerprint__in=own)
    workspace = list(sharing.values_list("organisation", flat=True))
    if look_alike_open(submission, workspace):
        return Wait(Reason.LOOK_ALIKE)
    ahead = _ahead_of(submission)
    if ahead < MANY_AHEAD:
        return Wait(Reason.NOTHING, ahead=ahead)
    return Wait(Reason.BEHIND_OTHERS, seconds=seconds_for(ahead), ahead=ahead)


def _ahead_of(submission: Submission) -> int:
    """Count what is sent before a client: older ones of its lane, and wider lanes."""
    queue = submission.organisation.submissions.filter(status=Status.QUEUED)
    ahead = len(
        queue.filter(lane=submission.lane, id__lt=submission.pk)
        .values_list("pk")
        .order_by("id")[:COUNT_AHEAD]
    )
    if submission.lane:
        ahead += len(
            queue.filter(lane__lt=submission.lane).values_list("pk")[:COUNT_AHEAD]
        )
    return ahead
