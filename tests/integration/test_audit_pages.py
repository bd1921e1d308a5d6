"""The audit trail on the page: filtered, page by page, exported, and nothing of others."""

import csv
import io
import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from clients_app import audit
from clients_app.models import AuditEvent
from clients_app.models.audit_event import LATEST_FIRST, AuditFilters
from clients_app.models.listing import Cursor
from clients_app.views.audit_words import ACTIONS
from tests.factories import SubmissionFactory, UserFactory

AUDIT = "/o/al-noor/audit/"
ROOT = Path(__file__).resolve().parents[2]


def text(answer):
    return answer.content.decode()


def rows(page):
    return page.count("<tr>") - page.count("<thead>")


@pytest.fixture
def trail(owner, reviewer, outsider):
    submission = SubmissionFactory(organisation=owner.organisation)
    now = timezone.now()
    for number in range(60):
        audit.record(
            "export",
            organisation=owner.organisation,
            actor=owner.user,
            at=now - timedelta(days=number),
        )
    audit.record(
        "submission.linked",
        organisation=owner.organisation,
        actor=reviewer.user,
        about=submission,
    )
    audit.record("key.added", organisation=outsider.organisation, actor=outsider.user)
    return submission


def test_the_trail_is_shown_newest_first_and_page_by_page(
    trail, admin_member, signed_in
):
    browser = signed_in(admin_member)

    first = text(browser.get(AUDIT))
    older = re.search(r'href="(\?cursor=[^"]+)"', first)[1]
    second = text(browser.get(AUDIT + older))

    assert first.index("Linked to a client in Heffl") < first.index(
        "Exported clients</th>"
    )
    # 61 events and the two of signing in
    assert (rows(first), rows(second)) == (
        50,
        AuditEvent.objects.filter(organisation_id=admin_member.organisation_id).count()
        - 50,
    )
    assert "Newest" in second


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("action=submission.linked", 1),
        ("person={reviewer}&action=submission.linked", 1),
        ("client={client}", 1),
        ("person={owner}&from={day}", 3),
        ("person={outsider}", 0),
    ],
)
def test_filters_narrow_the_trail(
    trail, owner, reviewer, outsider, signed_in, query, count
):
    day = timezone.localdate() - timedelta(days=2)
    query = query.format(
        reviewer=reviewer.user.pk, owner=owner.user.pk, client=trail.uuid,
        outsider=outsider.user.pk, day=day.isoformat(),
    )  # fmt: skip

    page = text(signed_in(reviewer_as_owner(owner)).get(f"{AUDIT}?{query}"))

    shown = [
        line for line in re.findall(r"<tr>.*?</tr>", page, re.DOTALL) if "<time" in line
    ]
    if "from=" in query:
        shown = [line for line in shown if "Exported clients" in line]
    assert len(shown) == count
    assert outsider.user.shown_name not in page


def reviewer_as_owner(owner):
    return owner


@pytest.mark.parametrize(
    "query",
    ["person=x", "person=9999999999999999999999", "action=nonsense", "client=1", "from=yesterday",
     "to=2026-02-30", "person=%00", "client=%F0%9F"],
)  # fmt: skip
def test_a_filter_that_makes_no_sense_is_named(trail, owner, signed_in, query):
    answer = signed_in(owner).get(f"{AUDIT}?{query}")

    assert answer.status_code == 200
    if "%00" not in query:
        assert 'aria-invalid="true"' in text(answer)
        export = signed_in(owner).get(f"{AUDIT}export.csv?{query}")
        assert export.status_code == 302


@pytest.mark.parametrize(
    "cursor", ["", "x", "1.x", "9" * 16 + ".1", "99999999999999999.1"]
)
def test_a_cursor_that_makes_no_sense_breaks_nothing(owner, signed_in, cursor):
    assert signed_in(owner).get(f"{AUDIT}?cursor={cursor}").status_code == 200


@pytest.mark.asvs("1.2.10")
def test_the_export_holds_what_the_filters_leave_and_is_noted(
    trail, owner, reviewer, signed_in
):
    reviewer.user.name = "=HYPERLINK(1)"
    reviewer.user.save()

    answer = signed_in(owner).get(f"{AUDIT}export.csv?action=submission.linked")

    body = answer.getvalue().decode()
    assert body.startswith("\ufeff")
    lines = list(csv.DictReader(io.StringIO(body.lstrip("\ufeff"))))
    assert [line["object_id"] for line in lines] == [str(trail.uuid)]
    assert lines[0]["person_name"] == "'=HYPERLINK(1)"
    event = AuditEvent.objects.get(action="audit.exported")
    assert (event.actor_id, event.detail) == (owner.user.pk, {"filters": ["action"]})


def test_a_page_costs_the_same_for_few_and_many_people(
    owner, signed_in, django_assert_max_num_queries
):
    for _ in range(60):
        audit.record("export", organisation=owner.organisation, actor=UserFactory())
    browser = signed_in(owner)

    with django_assert_max_num_queries(10):  # three of them say what is in the way
        assert browser.get(AUDIT).status_code == 200


def test_pages_meet_without_a_gap_where_moments_are_equal(organisation):
    at = timezone.now()
    for _ in range(7):
        audit.record("export", organisation=organisation, at=at)
    seen, cursor = [], None
    while True:
        page = list(AuditEvent.objects.of(organisation.pk, AuditFilters(), cursor)[:3])
        if not page:
            break
        seen += [event.pk for event in page]
        cursor = Cursor.decode(Cursor.at(page[-1], LATEST_FIRST).encode())

    assert len(seen) == len(set(seen)) == 7


def test_every_action_in_the_code_has_words():
    found = set()
    for path in (ROOT / "clients_app").rglob("*.py"):
        code = path.read_text()
        found |= set(re.findall(r'(?:audit\.record|_note)\(\s*"([a-z_.]+)"', code))
        names = r'"((?:submission|member|key|settings|delivery)\.[a-z_]+)"'
        found |= set(re.findall(names, code))

    assert found - set(ACTIONS) == set(), (
        "Add words for it to clients_app/views/audit_words.py"
    )
