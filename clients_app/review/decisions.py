"""A person decides: approve, reject, send again, link to a client that exists, or drop.

Each of these changes a row only while it still waits for a person, in the revision that was
shown; the second of two people is told, and nothing is done twice. Also what the review
queue shows: its tabs, their counts and pages, at a cost that does not grow with the history.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from clients_app import audit
from clients_app.delivery import reconcile
from clients_app.delivery.wakeups import wake_organisation
from clients_app.intake.submissions import queued_again
from clients_app.models import Organisation, Status, Submission, User
from clients_app.models.listing import (
    OLDEST_FIRST,
    PAGE_SIZE,
    Cursor,
    Slice,
    Sort,
    beyond,
    slice_of,
)

SENDABLE = (Status.NEEDS_FIX, Status.REVIEW)
REJECTABLE = (Status.PENDING, Status.NEEDS_FIX)
DECIDABLE = (Status.PENDING, Status.NEEDS_FIX, Status.REVIEW)
LONGEST_REASON = 500
COUNT_CAP = 99


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

    Raises AlreadyDecided.
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
    """Close a submission without creating a client. Raises AlreadyDecided."""
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
class Tally:
    """What came of doing one thing to many: done, decided by others, and not possible."""

    done: int = 0
    late: int = 0


def each(
    organisation: Organisation,
    chosen: Iterable[tuple[str, int]],
    act: Callable[[Submission], None],
) -> Tally:
    """Do one thing to many submissions, named by uuid and the revision that was shown.

    Each is a transaction of its own: one that somebody else decided stops no other.
    """
    revisions = dict(chosen)
    tally = Tally()
    for submission in organisation.submissions.filter(uuid__in=list(revisions)):
        submission.organisation = organisation
        submission.revision = revisions[str(submission.uuid)]
        try:
            act(submission)
        except AlreadyDecided:
            tally.late += 1
        else:
            tally.done += 1
    return tally


class Tab(StrEnum):
    """The parts of the review queue."""

    WAITING = "waiting"
    FIX = "fix"
    UNCLEAR = "unclear"
    DONE = "done"


STATUSES: dict[Tab, tuple[Status, ...]] = {
    Tab.WAITING: (Status.PENDING,),
    Tab.FIX: (Status.NEEDS_FIX,),
    Tab.UNCLEAR: (Status.REVIEW, Status.UNCERTAIN),
}


_OPEN = "'PENDING', 'NEEDS_FIX', 'UNCERTAIN', 'REVIEW'"
"""The condition of the index submission_review, word for word."""


def tab_of(submission: Submission) -> Tab:
    """Return the tab that a submission stands in now."""
    for tab, statuses in STATUSES.items():
        if submission.status in statuses:
            return tab
    return Tab.DONE


_LAST_DECIDED_FIRST = Sort("-decided", "decided_at", True)


def page_of(
    organisation: Organisation, tab: Tab, cursor: Cursor | None = None
) -> Slice[Submission]:
    """Return a page of a tab: oldest first, but the newest decisions first."""
    order = _order_of(tab)
    cursor = order.own(cursor)
    rows = _beyond(organisation, tab, cursor, PAGE_SIZE + 1)
    if not rows and cursor is not None:
        return page_of(organisation, tab)
    return slice_of(rows, order, cursor)


def next_to(
    organisation: Organisation, tab: Tab, submission: Submission, *, backwards: bool
) -> Submission | None:
    """Return what stands after a submission in a tab, or before it."""
    if tab is Tab.DONE and submission.decided_at is None:
        return None
    place = Cursor.at(submission, _order_of(tab), backwards=backwards)
    return next(iter(_beyond(organisation, tab, place, 1)), None)


def _order_of(tab: Tab) -> Sort:
    return _LAST_DECIDED_FIRST if tab is Tab.DONE else OLDEST_FIRST


def _beyond(
    organisation: Organisation, tab: Tab, cursor: Cursor | None, limit: int
) -> list[Submission]:
    """Return up to `limit` rows after a cursor, in the order of the walk."""
    order = _order_of(tab)
    shown = organisation.submissions.select_related("created_by", "decided_by")
    rows = beyond(shown.defer("search_text", "candidates"), order, cursor)
    if tab is Tab.DONE:
        return list(rows.filter(decided_at__isnull=False)[:limit])
    # SQLite takes the small index of the queue only when told its condition in so many words.
    condition = f'"{Submission._meta.db_table}"."status" IN ({_OPEN})'
    waiting = rows.extra(where=[condition])  # noqa: S610
    # One range of the index per status: two of them at once would have to be sorted.
    found = [row for one in STATUSES[tab] for row in waiting.filter(status=one)[:limit]]
    found.sort(key=lambda row: (row.created_at, row.pk), reverse=order.falls(cursor))
    return found[:limit]


def counts(
    organisation: Organisation, statuses: Sequence[Status] = ()
) -> dict[Status, int]:
    """Count what stands in each status of the queue, up to one more than COUNT_CAP."""
    asked = statuses or [one for every in STATUSES.values() for one in every]
    table = connection.ops.quote_name(Submission._meta.db_table)
    parts = ", ".join(
        f"(SELECT COUNT(*) FROM (SELECT 1 FROM {table} WHERE organisation_id = %s"  # noqa: S608
        f" AND status IN ({_OPEN}) AND status = '{status.value}' LIMIT {COUNT_CAP + 1}) AS counted)"
        for status in asked
    )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {parts}", [organisation.pk] * len(asked))
        return dict(zip(asked, map(int, cursor.fetchone()), strict=True))


def waiting_for_a_person(organisation: Organisation) -> int:
    """Count what somebody has to decide, up to one more than COUNT_CAP."""
    return min(COUNT_CAP + 1, sum(counts(organisation, DECIDABLE).values()))
