"""A person decides: approve, reject, send again, link to a client that exists, or drop.

Each of these changes a row only while it still waits for a person, in the revision that
was shown; the second of two people is told, and nothing is done twice. Each is one
transaction with its audit event.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from clients_app import audit
from clients_app.delivery import reconcile
from clients_app.delivery.wakeups import wake_organisation
from clients_app.intake.submissions import queued_again
from clients_app.models import Organisation, Status, Submission, User
from clients_app.review.queue import DECIDABLE

SENDABLE = (Status.NEEDS_FIX, Status.REVIEW)
REJECTABLE = (Status.PENDING, Status.NEEDS_FIX)
LONGEST_REASON = 500


class AlreadyDecided(Exception):
    """Somebody else was faster, or the submission no longer waits for a person."""


class LinkedElsewhere(Exception):
    """The client to link to belongs to another entry that is not settled yet."""


class NotACandidate(Exception):
    """The client to link to is not one of those that were found."""


def _decide(
    submission: Submission,
    action: str,
    *,
    user: User,
    now: datetime,
    among: Sequence[str],
    changes: dict[str, Any],
    detail: dict[str, Any] | None = None,
) -> None:
    """Change a row that waits in the revision shown, and note it. Raises AlreadyDecided."""
    moved = Submission.objects.filter(
        pk=submission.pk, status__in=among, revision=submission.revision
    ).update(
        **{
            "revision": submission.revision + 1,
            "decided_at": now,
            "decided_by": user,
            **changes,
        }
    )
    if not moved:
        raise AlreadyDecided
    audit.record(
        action,
        organisation=submission.organisation,
        actor=user,
        about=submission,
        detail=detail,
    )


def approve(submission: Submission, *, user: User, now: datetime | None = None) -> None:
    """Let a held signup go to Heffl. Raises AlreadyDecided."""
    _queue(submission, "submission.approved", (Status.PENDING,), user, now)


def send_again(
    submission: Submission, *, user: User, now: datetime | None = None
) -> None:
    """Queue a submission again as it is. Heffl is asked first when it may be there already.

    Raises AlreadyDecided.
    """
    _queue(submission, "submission.sent_again", SENDABLE, user, now)


def _queue(
    submission: Submission,
    action: str,
    among: Sequence[str],
    user: User,
    now: datetime | None,
) -> None:
    now = now or timezone.now()
    with transaction.atomic():
        changes = queued_again(submission, now)
        _decide(submission, action, user=user, now=now, among=among, changes=changes)
        wake_organisation(submission.organisation, now, lane=submission.lane)


def reject(
    submission: Submission, reason: str, *, user: User, now: datetime | None = None
) -> None:
    """Close a submission that Heffl does not have. The applicant is told the reason.

    Of it `LONGEST_REASON` characters are kept. Raises AlreadyDecided.
    """
    changes = _closed(Status.REJECTED, reason)
    with transaction.atomic():
        _decide(
            submission, "submission.rejected", user=user, now=now or timezone.now(),
            among=REJECTABLE, changes=changes,
        )  # fmt: skip


def drop(
    submission: Submission, reason: str, *, user: User, now: datetime | None = None
) -> None:
    """Close a submission without creating a client. Raises AlreadyDecided.

    The reason, of which `LONGEST_REASON` characters are kept, is for the organisation
    alone.
    """
    changes = _closed(Status.DROPPED, reason)
    with transaction.atomic():
        _decide(
            submission, "submission.dropped", user=user, now=now or timezone.now(),
            among=DECIDABLE, changes=changes,
        )  # fmt: skip


def _closed(status: Status, reason: str, **more: Any) -> dict[str, Any]:
    return {
        "status": status,
        "closed_reason": reason[:LONGEST_REASON],
        "candidates": [],
        "reconcile_at": None,
        **more,
    }


def link(
    submission: Submission, heffl_id: str, *, user: User, now: datetime | None = None
) -> None:
    """Settle a submission as one of the clients that were found in Heffl.

    One that the history has already makes this entry a double of that one. Raises
    NotACandidate, LinkedElsewhere or AlreadyDecided.
    """
    now = now or timezone.now()
    found = next((c for c in submission.candidates if c.get("id") == heffl_id), None)
    if found is None:
        raise NotACandidate
    own = submission.organisation.submissions.filter(heffl_id=heffl_id)
    if original := own.exclude(pk=submission.pk).first():
        link_to(submission, original, user=user, now=now)
        return
    changes = {
        "status": Status.CREATED,
        "heffl_id": heffl_id,
        "number": found.get("number", "")[:200],
        "delivered_at": now,
        "problem": "",
        "problem_field": "",
        "message": "",
        "candidates": [],
        "reconcile_at": None if found.get("number") else now,
    }
    try:
        with transaction.atomic():
            _decide(
                submission, "submission.linked", user=user, now=now,
                among=DECIDABLE, changes=changes,
            )  # fmt: skip
    except IntegrityError:
        raise LinkedElsewhere from None


def link_to(
    submission: Submission,
    original: Submission,
    *,
    user: User,
    now: datetime | None = None,
) -> None:
    """Close a submission as the double of a created client of the same organisation.

    Raises NotACandidate when that is no such client, else AlreadyDecided.
    """
    is_original = (
        original.status == Status.CREATED
        and original.organisation_id == submission.organisation_id
        and original.pk != submission.pk
    )
    if not is_original:
        raise NotACandidate
    changes = _closed(Status.DROPPED, "", duplicate_of=original)
    with transaction.atomic():
        _decide(
            submission, "submission.linked", user=user, now=now or timezone.now(),
            among=DECIDABLE, changes=changes, detail={"duplicate_of": str(original.uuid)},
        )  # fmt: skip


def search_heffl(submission: Submission, text: str = "") -> int:
    """Look a waiting submission up in Heffl now; keep what is found as its candidates.

    `text` is what to search for; by default its e-mail, else its name. One call of the
    key's budget. Returns how many were found; raises reconcile.NotNow when there
    is no key, a hold, no call left or no answer, and AlreadyDecided.
    """
    found = reconcile.search_now(submission, text)
    kept = Submission.objects.filter(
        pk=submission.pk, status__in=DECIDABLE, revision=submission.revision
    ).update(candidates=found)
    if not kept:
        raise AlreadyDecided
    return len(found)


@dataclass
class BulkResult:
    """To how many it was done, and about how many somebody else had decided (`late`)."""

    done: int = 0
    late: int = 0


def each(
    organisation: Organisation,
    chosen: Iterable[tuple[str, int]],
    act: Callable[[Submission], None],
) -> BulkResult:
    """Do one thing to many submissions, named by uuid and the revision that was shown.

    Each is a transaction of its own: one that somebody else decided stops no other.
    What is no submission of this organisation is left out.
    """
    revisions = dict(chosen)
    result = BulkResult()
    for submission in organisation.submissions.filter(uuid__in=list(revisions)):
        submission.organisation = organisation
        submission.revision = revisions[str(submission.uuid)]
        try:
            act(submission)
        except AlreadyDecided:
            result.late += 1
        else:
            result.done += 1
    return result
