"""The CSV: columns, order, quoting, and cells that no spreadsheet takes for a formula."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from clients_app.history import export
from clients_app.history.export import COLUMNS, csv_lines
from clients_app.models.listing import Filters, Sort
from clients_app.models.search_text import search_text_for
from tests.factories import SubmissionFactory, UserFactory

AT = datetime(2026, 11, 20, 21, 25, 7, tzinfo=UTC)
STARTERS = "=+-@＝＋－＠"


def _read(organisation, filters=Filters(), **given):  # noqa: B008 - frozen
    text = b"".join(csv_lines(organisation, filters, **given)).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_columns_are_those_users_rely_on_in_their_order(organisation):
    person = UserFactory(name="Omar")
    SubmissionFactory(
        organisation=organisation,
        type="contact",
        display_name="سارة Mansoori",
        answers={
            "first_name": "سارة",
            "last_name": "Mansoori",
            "email": "sara@example.com",
            "phone": "+971501234567",
            "tax_number": "100123456789003",
        },
        status="CREATED",
        number="CLT-00871",
        heffl_id="abc",
        created_by=person,
        created_at=AT,
        delivered_at=AT + timedelta(seconds=2),
    )

    header, row = _read(organisation)

    assert header == [
        "number", "type", "name", "first_name", "last_name", "email", "phone",
        "tax_number", "status", "source", "created_at", "delivered_at", "created_by",
        "heffl_id",
    ]  # fmt: skip
    assert row == [
        "CLT-00871", "contact", "سارة Mansoori", "سارة", "Mansoori", "sara@example.com",
        "+971501234567", "100123456789003", "CREATED", "frontdesk",
        "2026-11-20T21:25:07Z", "2026-11-20T21:25:09Z", "Omar", "abc",
    ]  # fmt: skip


def test_every_cell_is_quoted_and_lines_end_as_the_standard_says(organisation):
    SubmissionFactory(organisation=organisation, display_name='A "B", C')

    text = b"".join(csv_lines(organisation, Filters())).decode()
    lines = text.removeprefix("\ufeff").split("\r\n")

    assert lines[-1] == ""
    assert all(line.startswith('"') and line.endswith('"') for line in lines[:-1])
    assert '"A ""B"", C"' in lines[1]


@pytest.mark.parametrize("start", list(STARTERS))
@pytest.mark.parametrize("before", ["", "A;", "A; ", "A;B\t", "A\n", "A|", "A,"])
def test_what_could_be_a_formula_gets_an_apostrophe(organisation, before, start):
    blanks = before[len(before.rstrip(" ")) :]
    name = f"{before}{start}SUM(A1)"
    SubmissionFactory(organisation=organisation, display_name=name)

    row = _read(organisation)[1]

    kept = f"{before.rstrip(' ')}'{blanks}{start}SUM(A1)"
    assert row[COLUMNS.index("name")] == kept


@pytest.mark.parametrize(
    ("phone", "cell"),
    [
        ("+971501234567", "+971501234567"),
        ("+971501234567=1", "'+971501234567=1"),
        ("+1+cmd|' /C calc'!A0", "'+1+cmd|' /C calc'!A0"),
        ("-5", "'-5"),
        ("0501234567", "0501234567"),
    ],
)
def test_only_whole_phone_numbers_keep_their_plus(organisation, phone, cell):
    SubmissionFactory(organisation=organisation, answers={"phone": phone})

    row = _read(organisation)[1]

    assert row[COLUMNS.index("phone")] == cell


@pytest.mark.parametrize("name", ["-added", "name", "number"])
def test_all_chunks_come_in_the_order_of_the_list_and_nothing_twice(
    organisation, monkeypatch, name
):
    monkeypatch.setattr(export, "EXPORT_CHUNK", 7)
    for at in range(40):
        SubmissionFactory(
            organisation=organisation,
            display_name=f"Client {at % 5}",
            name_key=f"client {at % 5}",
            heffl_id=f"id-{at}",
            status="CREATED",
            number=f"N-{at:03d}",
            created_at=AT + timedelta(days=at // 3),
        )
    sort = Sort.named(name)

    rows = _read(organisation, sort=sort)[1:]

    expected = organisation.submissions.order_by(*sort.order())
    assert [row[0] for row in rows] == [client.number for client in expected]


def test_only_what_the_filters_leave_is_handed_out(organisation):
    SubmissionFactory()  # somebody else's
    for name, status in (
        ("Falcon One", "QUEUED"),
        ("Falcon Two", "REVIEW"),
        ("X", "REVIEW"),
    ):
        SubmissionFactory(
            organisation=organisation,
            display_name=name,
            search_text=search_text_for(name, {}),
            status=status,
        )

    rows = _read(organisation, Filters(q="falcon", status="REVIEW"))[1:]

    assert [row[COLUMNS.index("name")] for row in rows] == ["Falcon Two"]


def test_the_number_of_queries_grows_with_chunks_not_with_rows(
    organisation, django_assert_max_num_queries
):
    for person in UserFactory.create_batch(5):
        SubmissionFactory.create_batch(20, organisation=organisation, created_by=person)

    with django_assert_max_num_queries(3):
        rows = _read(organisation)

    assert len(rows) == 101
