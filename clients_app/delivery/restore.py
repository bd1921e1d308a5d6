"""After a backup was restored: what it believes is still open may have been sent since."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from clients_app import audit
from clients_app.delivery import holds
from clients_app.models import (
    HoldReason,
    Organisation,
    RateBudget,
    Status,
    Submission,
)

OPEN = (Status.QUEUED, Status.SENDING, Status.UNCERTAIN)
WITH_A_PERSON = (Status.PENDING, Status.NEEDS_FIX, Status.REVIEW)


@transaction.atomic
def begin() -> int:
    """Hold all sending and mark every open submission for a look. Returns how many."""
    now = timezone.now()
    holds.hold(holds.EVERYTHING, HoldReason.RESTORED, now)
    DBTaskResult.objects.all().delete()
    RateBudget.objects.update(wake_at=None, desk_wake_at=None)
    Submission.objects.filter(status__in=WITH_A_PERSON).update(look_first=True)
    count = Submission.objects.filter(status__in=OPEN).update(
        status=Status.UNCERTAIN,
        lease_until=None,
        clean_scans=0,
        reconcile_at=now,
        queued_at=now,
        problem="restored",
        requeued_once=False,
    )
    for organisation in Organisation.objects.all():
        audit.record(
            "backup.restored", organisation=organisation, actor_label="command"
        )
    return count


def confirm() -> bool:
    """Let sending go on. Returns False when it was not held."""
    return holds.release(holds.EVERYTHING, HoldReason.RESTORED, timezone.now())
