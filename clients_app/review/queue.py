"""The review queue: its tabs, their pages, and how much waits in each."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from django.db import connection

from clients_app.models import Organisation, Status, Submission
from clients_app.models.listing import (
    OLDEST_FIRST,
    PAGE_SIZE,
    Cursor,
    Slice,
    Sort,
    beyond,
    slice_of,
)

DECIDABLE = (Status.PENDING, Status.NEEDS_FIX, Status.REVIEW)
COUNT_CAP = 99


class Tab(StrEnum):
    """The parts of the review queue: what is open by its status, and what people decided."""

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
    """Return a page of a tab: oldest first, but the newest decisions first.

    A cursor of another order, or one that leads nowhere, gives the first page.
    """
    order = _order_of(tab)
    cursor = order.own(cursor)
    rows = _beyond(organisation, tab, cursor, PAGE_SIZE + 1)
    if not rows and cursor is not None:
        return page_of(organisation, tab)
    return slice_of(rows, order, cursor)


def next_to(
    organisation: Organisation, tab: Tab, submission: Submission, *, backwards: bool
) -> Submission | None:
    """Return what stands after a submission in a tab, or before it; None at its end.

    None, too, for a tab of decisions when nobody has decided about this one.
    """
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
    """Count what stands in each status of the queue, up to one more than COUNT_CAP.

    All statuses of the open tabs, unless some are named.
    """
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
