"""Wake-ups: tasks that say "look at this key's queue". The rows themselves are the queue.

`wake` enqueues only when it is earlier than the wake-up already known, so that ten thousand
rows make one task. It is called inside the transaction of whatever gave reason to it.
The engine connects the relay, which stands above this module, to `woken`.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q
from django.dispatch import Signal
from django_tasks import task

from clients_app.models import ApiCredential, Lane, Organisation, RateBudget

DESK_QUEUE = "desk"
woken = Signal()
"""Sent by a worker with the `fingerprint` of a key whose queue is to be looked at."""


@task(queue_name="default")
def drain(fingerprint: str) -> None:
    """Send the next client of this key's queue (at most one call)."""
    woken.send(sender=None, fingerprint=fingerprint)


def wake(fingerprint: str, at: datetime, *, desk: bool = False) -> None:
    """See to it that the key's queue is looked at no later than `at`."""
    column = "desk_wake_at" if desk else "wake_at"
    later_or_none = Q(**{f"{column}__isnull": True}) | Q(**{f"{column}__gt": at})
    with transaction.atomic():
        rows = RateBudget.objects.filter(fingerprint=fingerprint)
        # Locked even when nothing changes: a claim under way must not end before what
        # gave reason to this call is there for it to see.
        rows.select_for_update().first()
        changed = rows.filter(later_or_none).update(**{column: at})
        if not changed and not rows.exists():
            RateBudget.objects.bulk_create(
                [RateBudget(fingerprint=fingerprint)], ignore_conflicts=True
            )
            changed = rows.filter(later_or_none).update(**{column: at})
        if changed:
            drain.using(
                queue_name=DESK_QUEUE if desk else "default",
                priority=50 if desk else 0,
                run_after=at,
            ).enqueue(fingerprint)


def rewake(fingerprint: str, at: datetime, *, desk: bool = False) -> None:
    """Forget the wake-up known for a key, which may be lost, and make a new one."""
    column = "desk_wake_at" if desk else "wake_at"
    with transaction.atomic():
        RateBudget.objects.filter(fingerprint=fingerprint).update(**{column: None})
        wake(fingerprint, at, desk=desk)


def wake_organisation(
    organisation: Organisation, at: datetime, *, lane: int = Lane.IMPORT
) -> bool:
    """Wake the queue of an organisation's current key. Returns False when it has no key."""
    fingerprint = (
        ApiCredential.objects.current()
        .filter(organisation=organisation)
        .values_list("fingerprint", flat=True)
        .first()
    )
    if fingerprint is None:
        return False
    desk = lane == Lane.FRONTDESK
    if desk:
        RateBudget.objects.filter(fingerprint=fingerprint).update(desk_seen_at=at)
    wake(fingerprint, at, desk=desk)
    return True
