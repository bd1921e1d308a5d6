"""The sweeper: puts right what crashes left behind. Idempotent; any process may run it."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from clients_app import tally
from clients_app.delivery import outbox, reconcile, wakeups
from clients_app.delivery import timing as times
from clients_app.models import ApiCredential, Lane, RateBudget, Status, Submission

log = logging.getLogger("portal.worker")


def sweep(now: datetime) -> dict[str, int]:
    """Take back lost submissions, wake forgotten queues, clear old tasks.

    Returns counts: "lost" leases, "looks" given anew, "woken" queues, "stuck" and "pruned"
    tasks.
    """
    timing = times.timing()
    counts = {
        "lost": outbox.take_back_lost(now),
        "looks": reconcile.stale_looks(now),
        "woken": _wake_forgotten(now),
        "stuck": DBTaskResult.objects.filter(
            status=TaskResultStatus.RUNNING,
            started_at__lt=now - timedelta(seconds=timing.task_stuck),
        ).update(status=TaskResultStatus.FAILED, finished_at=now),
        "pruned": 0,
    }
    kept = now - timedelta(seconds=timing.task_keep)
    done = DBTaskResult.objects.finished().filter(finished_at__lt=kept)
    counts["pruned"] = done.order_by().delete()[0]
    tally.count("sweeps", "something" if any(counts.values()) else "nothing")
    if any(counts.values()):
        log.info("sweep", extra={"count": sum(counts.values())})
    return counts


def _wake_forgotten(now: datetime) -> int:
    """Wake queues with something due whose wake-up is missing or long overdue."""
    due = Submission.objects.filter(status=Status.QUEUED, not_before__lte=now)
    pairs = due.order_by().values_list("organisation_id", "lane").distinct()
    lanes: dict[int, set[int]] = {}
    for organisation, lane in pairs:
        lanes.setdefault(organisation, set()).add(lane)
    credentials_of = ApiCredential.objects.current().filter(organisation__in=lanes)
    woken = 0
    late = now - timedelta(seconds=times.timing().late)
    for credential in credentials_of:
        budget = RateBudget.objects.filter(fingerprint=credential.fingerprint).first()
        desk = Lane.FRONTDESK in lanes[credential.organisation_id]
        known = None
        if budget:
            known = budget.desk_wake_at if desk else budget.wake_at
        if known is None or known < late:
            wakeups.rewake(credential.fingerprint, now, desk=desk)
            woken += 1
    return woken
