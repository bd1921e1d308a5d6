"""A person decides: send again, link to a client that exists in Heffl, or drop.

Each of these changes a row only while it still waits for a person; the second of two people
is told, and nothing is done twice.
"""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from clients_app import audit
from clients_app.delivery.wakeups import wake_organisation
from clients_app.models import Status, Submission, User
from clients_app.submissions import queued_again

DECIDABLE = (Status.NEEDS_FIX, Status.REVIEW)


class AlreadyDecided(Exception):
    """Somebody else was faster, or the submission no longer waits for a person."""


class LinkedElsewhere(Exception):
    """The client to link to belongs to another submission already."""


class NotACandidate(Exception):
    """The client to link to is not one of those that were found."""


def send_again(
    submission: Submission, *, user: User, now: datetime | None = None
) -> None:
    """Queue a submission again as it is. Heffl is asked first when it may be there already.

    Raises AlreadyDecided.
    """
    now = now or timezone.now()
    with transaction.atomic():
        moved = Submission.objects.filter(
            pk=submission.pk, status__in=DECIDABLE, revision=submission.revision
        ).update(**queued_again(submission, now))
        if not moved:
            raise AlreadyDecided
        audit.record(
            "submission.sent_again",
            organisation=submission.organisation,
            actor=user,
            about=submission,
        )
        wake_organisation(submission.organisation, now, lane=submission.lane)


def link(
    submission: Submission, heffl_id: str, *, user: User, now: datetime | None = None
) -> None:
    """Settle a submission as one of the clients that were found in Heffl.

    Raises NotACandidate, LinkedElsewhere or AlreadyDecided.
    """
    now = now or timezone.now()
    found = next((c for c in submission.candidates if c.get("id") == heffl_id), None)
    if found is None:
        raise NotACandidate
    try:
        with transaction.atomic():
            moved = Submission.objects.filter(
                pk=submission.pk, status__in=DECIDABLE, revision=submission.revision
            ).update(
                status=Status.CREATED,
                revision=submission.revision + 1,
                heffl_id=heffl_id,
                number=found.get("number", ""),
                delivered_at=now,
                problem="",
                problem_field="",
                message="",
                candidates=[],
                reconcile_at=None if found.get("number") else now,
            )
            if not moved:
                raise AlreadyDecided
            audit.record(
                "submission.linked",
                organisation=submission.organisation,
                actor=user,
                about=submission,
            )
    except IntegrityError:
        raise LinkedElsewhere from None


def drop(
    submission: Submission, reason: str, *, user: User, now: datetime | None = None
) -> None:
    """Close a submission without creating a client. Raises AlreadyDecided."""
    with transaction.atomic():
        moved = Submission.objects.filter(
            pk=submission.pk, status__in=DECIDABLE, revision=submission.revision
        ).update(
            status=Status.DROPPED,
            revision=submission.revision + 1,
            closed_reason=reason[:500],
            candidates=[],
            reconcile_at=None,
        )
        if not moved:
            raise AlreadyDecided
        audit.record(
            "submission.dropped",
            organisation=submission.organisation,
            actor=user,
            about=submission,
        )
