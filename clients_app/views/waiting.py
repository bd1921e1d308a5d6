"""Holds a status request for a moment, so that a number shows as soon as it is there.

Only for clients just entered, only for two seconds, and only so many at a time: the rest
are answered at once and ask again.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from django.shortcuts import get_object_or_404
from django.utils import timezone

from clients_app.models import Status, Submission

SEATS = threading.BoundedSemaphore(8)  # of the 16 threads of a web process
LONGEST = 2.0
EVERY = 0.04
FRESH = timedelta(seconds=10)
UNDER_WAY = (Status.QUEUED, Status.SENDING)


def wait_for_change(submission: Submission, seen: str) -> Submission:
    """Wait until a submission's status differs from `seen`, and return it as it is then.

    Returns after at most two seconds; at once when there is nothing to wait for, or
    when too many wait already. Raises Http404 when it was removed meanwhile.
    """
    if submission.status != seen or submission.status not in UNDER_WAY:
        return submission
    if timezone.now() - submission.queued_at > FRESH:
        return submission
    if not SEATS.acquire(blocking=False):
        return submission
    try:
        until = time.monotonic() + LONGEST
        statuses = Submission.objects.filter(pk=submission.pk).values_list(
            "status", flat=True
        )
        while time.monotonic() < until and statuses.first() == seen:
            time.sleep(EVERY)
    finally:
        SEATS.release()
    return get_object_or_404(
        Submission.objects.select_related("organisation", "created_by"),
        pk=submission.pk,
    )
