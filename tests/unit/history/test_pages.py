"""Filters, search, order and paging of the history, against a plain reading in Python."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from clients_app.history import keys, pages
from clients_app.history.pages import page_of
from clients_app.models import Organisation, Submission, search_index
from clients_app.models.listing import NEWEST_FIRST, PAGE_SIZE, Cursor, Filters, Sort
from clients_app.models.search_text import name_key_for, search_text_for
from tests.factories import OrganisationFactory, SubmissionFactory

NOW = datetime(2026, 11, 20, 13, 25, tzinfo=UTC)
SORTS = ["-added", "added", "name", "-name", "number", "-number"]


def _make(organisation, at, name="", make=SubmissionFactory, **given):
    """Make one client; every third is created, times repeat, names repeat."""
    name = name or f"{['Gulf', 'Oasis', 'Falcon'][at % 3]} Trading {at % 7}"
    status = given.pop("status", ["CREATED", "QUEUED", "NEEDS_FIX"][at % 3])
    number = f"CLT-{at:05d}" if status == "CREATED" else ""
    answers = {"name": name, "email": f"c{at}@example.com"}
    source = given.pop("source", ["frontdesk", "signup", "import"][at % 5 % 3])
    campaign = ["", "fair", "fair", "spring"][at // 5 % 4] if source == "signup" else ""
    return make(
        organisation=organisation,
        display_name=name,
        name_key=name_key_for(name),
        answers=answers,
        search_text=search_text_for(name, answers),
        status=status,
        number=number,
        heffl_id=f"id-{at}" if status == "CREATED" else "",
        type=given.pop("type", ["company", "contact"][at % 2]),
        source=source,
        campaign=given.pop("campaign", campaign),
        created_at=given.pop("created_at", NOW - timedelta(hours=at // 4)),
        **given,
    )


@pytest.fixture
def many(organisation):
    """160 clients of the organisation, and some of another one."""
    other = OrganisationFactory()
    rows = [
        _make(whose, at, make=SubmissionFactory.build)
        for whose, count in ((other, 20), (organisation, 160))
        for at in range(count)
    ]
    return Submission.objects.bulk_create(rows)[20:]


def _walk(organisation, filters, sort):
    """Follow Older to the end, then Newer back to the start: both lists of ids."""
    there, back = [], []
    page = page_of(organisation, filters, sort)
    there += [row.pk for row in page.rows]
    while page.older:
        page = page_of(organisation, filters, sort, Cursor.decode(page.older))
        there += [row.pk for row in page.rows]
    back = [row.pk for row in page.rows]
    while page.newer:
        page = page_of(organisation, filters, sort, Cursor.decode(page.newer))
        back = [row.pk for row in page.rows] + back
    return there, back


def _read(rows, filters, sort):
    """Filter and sort in Python."""
    kept = [
        row
        for row in rows
        if (not filters.status or row.status == filters.status)
        and (not filters.type or row.type == filters.type)
        and (not filters.source or row.source == filters.source)
        and (not filters.campaign or row.campaign == filters.campaign)
        and (not filters.since or row.created_at >= filters.since)
        and (not filters.until or row.created_at < filters.until)
        and filters.q.casefold() in f"{row.search_text} {row.number.lower()}"
    ]
    kept.sort(key=lambda row: (getattr(row, sort.column), row.pk))
    return [row.pk for row in (reversed(kept) if sort.descending else kept)]


@pytest.mark.slow
@pytest.mark.parametrize("name", SORTS)
def test_paging_there_and_back_visits_every_client_once(organisation, many, name):
    sort = Sort.named(name)

    there, back = _walk(organisation, Filters(), sort)

    assert there == _read(many, Filters(), sort)
    assert back == there


ONE = [
    {"status": "CREATED"},
    {"type": "contact"},
    {"source": "import"},
    {"campaign": "fair"},
    {"since": NOW - timedelta(hours=20)},
    {"until": NOW - timedelta(hours=3)},
    {"q": "trading"},
    {"q": "oasis"},
]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["-added", "name", "-number"])
def test_every_filter_and_pair_of_filters_leaves_exactly_its_clients(
    organisation, many, name
):
    sort = Sort.named(name)
    pairs = [left | right for left, right in itertools.combinations(ONE, 2)]

    for asked in [*ONE, *pairs]:
        filters = Filters(**asked)
        expected = _read(many, filters, sort)
        there, back = _walk(organisation, filters, sort)
        page = page_of(organisation, filters, sort)

        assert (asked, there) == (asked, expected)
        assert back == there
        assert (page.count, page.capped) == (len(expected), False)


@pytest.mark.slow
@pytest.mark.parametrize("order", ["with time", "against time", "at random"])
@pytest.mark.parametrize("name", ["-added", "added", "name"])
def test_a_search_with_more_hits_than_are_sorted_still_shows_each_once(
    organisation, monkeypatch, name, order
):
    monkeypatch.setattr(pages, "HITS_CAP", 60)
    monkeypatch.setattr(pages, "SORT_CAP", 70)
    monkeypatch.setattr(pages, "ID_SLACK", 3)
    hours = {
        "with time": list(range(200)),
        "against time": list(range(200, 0, -1)),
        "at random": random.Random(5).sample(range(400), 200),
    }[order]
    rows = [
        _make(organisation, at, created_at=NOW + timedelta(hours=hours[at]))
        for at in range(200)
    ]
    filters, sort = Filters(q="trading"), Sort.named(name)
    page = page_of(organisation, filters, sort)

    there, back = _walk(organisation, filters, sort)

    assert page.capped
    assert page.too_many is (name == "name")
    assert there == _read(rows, filters, page.sort)
    assert back == there


def test_a_page_that_reads_its_share_without_being_full_says_so_and_goes_on(
    organisation, monkeypatch
):
    monkeypatch.setattr(pages, "HITS_CAP", 10)
    monkeypatch.setattr(pages, "LOOKS", (20, 20))
    rows = [
        _make(
            organisation,
            at,
            name="Rare" if at % 2 else "Other",
            # Against the order of ids, so that the index cannot give the page.
            created_at=NOW - timedelta(hours=at * 7919 % 120),
        )
        for at in range(120)
    ]
    filters = Filters(q="rare")

    page = page_of(organisation, filters)
    there, _ = _walk(organisation, filters, NEWEST_FIRST)

    assert 0 < len(page.rows) < PAGE_SIZE
    assert page.looked_through == 40
    assert there == _read(rows, filters, NEWEST_FIRST)


def test_dates_with_too_many_clients_to_sort_by_name_are_shown_by_age(
    organisation, many, monkeypatch
):
    monkeypatch.setattr(pages, "SORT_CAP", 30)
    filters = Filters(since=NOW - timedelta(hours=30))

    page = page_of(organisation, filters, Sort.named("name"))

    assert page.too_many
    assert page.sort == NEWEST_FIRST


def test_the_count_stops_at_its_cap(organisation, many, monkeypatch):
    monkeypatch.setattr(keys, "COUNT_CAP", 100)

    page = page_of(organisation, Filters())
    narrow = page_of(organisation, Filters(status="CREATED"))

    assert (page.count, page.capped) == (100, True)
    assert (narrow.count, narrow.capped) == (54, False)


@pytest.mark.parametrize(
    "typed",
    [
        "Al Wahda Trading",
        "al wahda",
        "WAHDA tr",
        "ahd",
        "trading wahda",
        "الواحة",
        "clt-00871",
        "CLT-00871",
        "00871",
        "sara@example.com",
        "+971501234567",
        "971501234567",
        "050 123 4567",
        "00971 50 123 4567",
        "٠٥٠١٢٣٤٥٦٧",
        "100 1234 5678 9003",
        "100123456789003",
        "al",
        "a",
        "ＷＡＨＤＡ",
    ],
)
def test_a_client_is_found_by(organisation, typed):
    answers = {
        "name": "Al Wahda Trading الواحة",
        "email": "sara@example.com",
        "phone": "+971501234567",
        "tax_number": "100 1234 5678 9003",
    }
    found = SubmissionFactory(
        organisation=organisation,
        display_name=answers["name"],
        name_key=name_key_for(answers["name"]),
        search_text=search_text_for(answers["name"], answers),
        answers=answers,
    )
    _make(organisation, 3, name="Somebody else")
    Submission.objects.filter(pk=found.pk).update(
        status="CREATED", number="CLT-00871", heffl_id="x"
    )

    page = page_of(organisation, Filters(q=typed))

    assert [row.pk for row in page.rows] == [found.pk]


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed",
    ["", " ", "\u200b", "%", "__", "%%%", '"', '"""', "' OR 1=1", "a\" OR \"b", "\\\\\\",
     "NEAR(a b)", "body:x", "-x*^", "🙂", "🙂🙂🙂", "0000000", "@@@", "\x00\x01", "\ue000\uf8ff\uf8a0",
     "\ud800abc", "x" * 330, "ا" * 330, "a b c d e f", "1", "12"],
)  # fmt: skip
def test_no_input_breaks_the_search(organisation, many, typed):
    page = page_of(organisation, Filters(q=typed))

    assert len(page.rows) in {0, 50} or typed in {"1", "12", "a b c d e f"}


def test_signs_that_mean_something_to_the_database_are_searched_as_they_are(
    organisation,
):
    percent = _make(organisation, 1, name='100% "Pure" o_o Water')
    _make(organisation, 2, name="100 Pure oxo Water")

    for typed in ("100%", '"pure"', "o_o"):
        page = page_of(organisation, Filters(q=typed))

        assert [row.pk for row in page.rows] == [percent.pk]


def test_short_input_finds_only_the_beginnings_of_names_and_numbers(organisation):
    noor = _make(organisation, 1, name="Noor Trading")
    _make(organisation, 2, name="Al Noor")
    three = _make(organisation, 4, name="3M Gulf")

    letters = page_of(organisation, Filters(q="no"))
    by_name = page_of(organisation, Filters(q="No"), Sort.named("name"))
    digits = page_of(organisation, Filters(q="3m"))

    assert [row.pk for row in letters.rows] == [noor.pk]
    assert [row.pk for row in by_name.rows] == [noor.pk]
    assert [row.pk for row in digits.rows] == [three.pk]


def test_a_search_follows_every_change_of_a_client(organisation):
    row = _make(organisation, 1, name="Before", status="QUEUED")

    def found(**asked):
        return bool(page_of(organisation, Filters(**asked)).rows)

    assert found(q="before", status="QUEUED")
    Submission.objects.filter(pk=row.pk).update(search_text="after", name_key="after")
    assert not found(q="before")
    assert found(q="after")
    Submission.objects.filter(pk=row.pk).update(
        status="CREATED", number="AB-7", heffl_id="x"
    )
    assert found(q="ab-7")
    assert found(q="after", status="CREATED")
    assert not found(q="after", status="QUEUED")
    Submission.objects.filter(pk=row.pk).update(type="contact")
    assert found(q="after", type="contact")
    assert not found(q="after", type="company")
    row.delete()
    assert not found(q="after")


def test_statuses_of_one_group_are_told_apart(organisation):
    _make(organisation, 1, name="Falcon", status="QUEUED")
    uncertain = _make(organisation, 2, name="Falcon", status="UNCERTAIN")

    page = page_of(organisation, Filters(q="falcon", status="UNCERTAIN"))

    assert [row.pk for row in page.rows] == [uncertain.pk]


def test_a_search_never_shows_another_organisations_client(organisation, many):
    other = Organisation.objects.exclude(pk=organisation.pk).get()

    page = page_of(other, Filters(q="trading"))

    assert {row.organisation_id for row in page.rows} == {other.pk}
    assert page.count == 20


def test_a_cursor_of_another_order_gives_the_first_page(organisation, many):
    first = page_of(organisation, Filters(), Sort.named("name"))
    wrong = Cursor.decode(page_of(organisation, Filters()).older)

    page = page_of(organisation, Filters(), Sort.named("name"), wrong)

    assert [row.pk for row in page.rows] == [row.pk for row in first.rows]


def test_a_cursor_behind_the_last_client_gives_the_first_page(organisation, many):
    beyond = Cursor("created_at", datetime(1999, 1, 1, tzinfo=UTC), 1)

    page = page_of(organisation, Filters(), NEWEST_FIRST, beyond)

    assert len(page.rows) == PAGE_SIZE
    assert page.newer is None


@given(st.text(max_size=400))
def test_name_keys_are_short_plain_and_stable(name):
    key = name_key_for(name)

    assert len(key) <= 330
    assert name_key_for(key) == key
    assert "\x00" not in key


@given(st.text(max_size=100), st.text(max_size=30))
def test_search_texts_hold_nothing_that_marks_the_index(name, number):
    text = search_text_for(name, {"email": name, "tax_number": name}, number)

    assert not any("\ue000" <= char <= "\uf8ff" or char == "\x00" for char in text)


def test_the_search_index_has_outlived_every_migration(db):
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute(
                "SELECT count(*) FROM sqlite_master WHERE type = 'trigger'"
                " AND name LIKE 'submission_search_%'"
            )
            assert cursor.fetchone() == (3,)
        else:
            cursor.execute(
                "SELECT attname, collname FROM pg_attribute JOIN pg_collation c"
                " ON c.oid = attcollation WHERE attrelid = %s::regclass"
                " AND attname IN ('name_key', 'number') ORDER BY 1",
                ["clients_app_submission"],
            )
            assert cursor.fetchall() == [("name_key", "C"), ("number", "C")]


def test_the_search_index_can_be_taken_away_and_made_anew(organisation):
    row = _make(organisation, 1, name="Kept Client")

    connection.check_constraints()
    with connection.cursor() as cursor:
        editor = type("Editor", (), {"connection": connection})()
        editor.execute = lambda sql, params=None: cursor.execute(sql, params)
        search_index.install(editor)

    page = page_of(organisation, Filters(q="kept"))
    assert [found.pk for found in page.rows] == [row.pk]
