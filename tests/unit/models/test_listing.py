"""Cursors, and going on from one: the rows beyond it, by a range of the index."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clients_app.history.keys import KeyRanges
from clients_app.models import AuditEvent, Submission
from clients_app.models.audit_event import LATEST_FIRST, AuditFilters
from clients_app.models.listing import (
    NEWEST_FIRST,
    OLDEST_FIRST,
    PAGE_SIZE,
    Cursor,
    Filters,
    Sort,
    beyond,
    slice_of,
)
from tests.factories import SubmissionFactory

AT = datetime(2026, 11, 20, 13, 25, tzinfo=UTC)
LAST_DECIDED_FIRST = Sort("-decided", "decided_at", True)
ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from([[], {}, "created_at", "decided_at", "at", "name_key", "number"]),
)  # fmt: skip


@given(st.text(max_size=60))
def test_any_text_is_a_cursor_or_none(text):
    cursor = Cursor.decode(text)

    assert cursor is None or Cursor.decode(cursor.encode()) == cursor


@given(st.integers(0, 2**56), st.integers(0, 2**61), st.booleans())
def test_a_cursor_survives_its_address(micros, row, backwards):
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros)
    cursor = Cursor("created_at", at, row, backwards)

    assert Cursor.decode(cursor.encode()) == cursor


@settings(deadline=None)
@given(st.tuples(ANYTHING, ANYTHING, ANYTHING, ANYTHING))
@example(([], "x", 1, 0))
@example(({}, 5, 1, True))
@example(("at", 2**56, 1, 0))
def test_any_place_is_a_cursor_or_none(place):
    text = base64.urlsafe_b64encode(json.dumps(place).encode()).decode()
    cursor = Cursor.decode(text)

    assert cursor is None or Cursor.decode(cursor.encode()) == cursor


@pytest.mark.parametrize("column", ["created_at", "decided_at", "at", "name_key"])
def test_a_cursor_leads_on_in_its_own_order_only(column):
    key = "noor" if column == "name_key" else AT
    cursor = Cursor.decode(Cursor(column, key, 7).encode())

    orders = (NEWEST_FIRST, LAST_DECIDED_FIRST, LATEST_FIRST, Sort.named("name"))
    assert [order.own(cursor) for order in orders].count(cursor) == 1
    assert all(order.own(None) is None for order in orders)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("order", [NEWEST_FIRST, OLDEST_FIRST, Sort.named("-name")])
def test_both_spellings_of_what_lies_beyond_a_cursor_agree(
    organisation, order, backwards
):
    rows = [
        SubmissionFactory(
            organisation=organisation,
            name_key=f"client {at % 3}",
            created_at=AT + timedelta(hours=at % 4),
        )
        for at in range(12)
    ]
    ranges = KeyRanges(organisation.submissions.all(), organisation.pk)
    walk = sorted(rows, key=lambda row: (getattr(row, order.column), row.pk))
    if order.descending != backwards:
        walk.reverse()

    for at, row in enumerate(walk):
        cursor = Cursor.at(row, order, backwards=backwards)
        wanted = [one.pk for one in walk[at + 1 :]]
        found = beyond(organisation.submissions.all(), order, cursor)
        read = ranges.in_order(Filters(), order, cursor, 100)

        assert [one.pk for one in found] == wanted
        assert [one[0] for one in read] == wanted


@pytest.mark.parametrize(
    ("backwards", "found", "more", "sides"),
    [
        (None, 3, False, (False, False)),
        (None, PAGE_SIZE + 1, False, (False, True)),
        (None, 3, True, (False, True)),
        (False, 3, False, (True, False)),
        (False, PAGE_SIZE + 1, False, (True, True)),
        (True, 3, False, (False, True)),
        (True, PAGE_SIZE + 1, False, (True, True)),
        (False, 0, False, (False, False)),
    ],
)
def test_a_page_leads_to_where_there_is_more(backwards, found, more, sides):
    rows = [Submission(pk=at, created_at=AT) for at in range(found)]
    cursor = None if backwards is None else Cursor("created_at", AT, 99, backwards)

    page = slice_of(rows, OLDEST_FIRST, cursor, more=more)

    kept = rows[:PAGE_SIZE]
    assert page.rows == (kept[::-1] if backwards else kept)
    assert (page.newer is not None, page.older is not None) == sides
    if page.newer:
        wanted = Cursor("created_at", AT, page.rows[0].pk, backwards=True)
        assert Cursor.decode(page.newer) == wanted
    if page.older:
        assert Cursor.decode(page.older) == Cursor("created_at", AT, page.rows[-1].pk)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="words of SQLite's planner")
@pytest.mark.parametrize("backwards", [False, True])
def test_every_list_goes_on_by_a_range_of_its_index(organisation, backwards):
    sign = "<" if backwards else ">"
    other = ">" if backwards else "<"
    at = timezone.now()
    trail = AuditEvent.objects.of(
        organisation.pk, AuditFilters(), Cursor("at", at, 1, backwards)
    )
    own = organisation.submissions.all()
    queue = beyond(
        own.filter(status="PENDING"),
        OLDEST_FIRST,
        Cursor("created_at", at, 1, backwards),
    )
    decided = beyond(
        own.filter(decided_at__isnull=False),
        LAST_DECIDED_FIRST,
        Cursor("decided_at", at, 1, backwards),
    )

    plans = [rows.explain() for rows in (trail, queue, decided)]

    assert f"audit_by_org_at (organisation_id=? AND at{other}?)" in plans[0]
    assert f"created_at{sign}?)" in plans[1]
    assert "submission_decided (organisation_id=? AND decided_at" in plans[2]
    assert f"decided_at{other}?)" in plans[2]
    assert not any("TEMP B-TREE" in plan for plan in plans)
