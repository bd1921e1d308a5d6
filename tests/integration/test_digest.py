"""The day's balance: it adds up or says so, and is mailed once a morning."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from django.core import mail
from django.db import connection

from clients_app.delivery import ledger
from clients_app.models import Digest, Organisation, Status, Submission
from clients_app.notices import digest
from tests.journeys import entered

pytestmark = pytest.mark.django_db
DAY = date(2026, 3, 10)
EVENING = datetime(2026, 3, 10, 17, 0, tzinfo=UTC)  # 21:00 in Dubai
MORNING = datetime(2026, 3, 11, 3, 5, tzinfo=UTC)  # 07:05 in Dubai


@pytest.fixture(autouse=True)
def _older_than_the_day(organisation):
    Organisation.objects.update(created_at=EVENING - timedelta(days=60))
    organisation.refresh_from_db()


def accepted(organisation, number, status=Status.QUEUED, at=EVENING):
    row = entered(
        organisation, {"name": f"Day {number}"}, token=f"day-{number:04d}", now=at
    )
    fields = {"heffl_id": f"clt_{number}"} if status == Status.CREATED else {}
    Submission.objects.filter(pk=row.pk).update(status=status, **fields)
    return row


def mail_out(now=MORNING):
    digest.prepare(now)
    return digest.send_due(now)


def test_the_owner_gets_the_day_before_once(owner, organisation):
    for number, status in enumerate(
        [
            Status.CREATED,
            Status.CREATED,
            Status.QUEUED,
            Status.NEEDS_FIX,
            Status.DROPPED,
        ]
    ):
        accepted(organisation, number, status)

    for minute in range(0, 120, 10):
        mail_out(MORNING + timedelta(minutes=minute))

    (told,) = mail.outbox
    assert told.bcc == [owner.user.email]
    assert "Accepted that day: 5" in told.body
    assert "Created in Heffl: 2" in told.body
    assert "It adds up" in told.body
    assert "Day 1" not in told.body


def test_it_goes_out_in_the_morning_of_the_organisation(owner, organisation):
    accepted(organisation, 1)

    assert mail_out(MORNING - timedelta(minutes=10)) == 0
    assert mail_out(MORNING) == 1


def test_a_lost_row_is_told(owner, organisation):
    accepted(organisation, 1)
    accepted(organisation, 2).delete()

    mail_out()

    assert "does NOT add up" in mail.outbox[0].body
    line = ledger.day_of(organisation, DAY)
    assert (line.accepted, line.waiting, line.adds_up) == (2, 1, False)


def test_a_day_without_anything_is_no_mail_and_a_switched_off_one_neither(
    owner, organisation
):
    assert mail_out() == 0
    accepted(organisation, 1, at=EVENING + timedelta(days=1))
    digest.switch(organisation, False, user=owner.user)

    mail_out(MORNING + timedelta(days=1))

    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_many_workers_mail_one_digest(owner, organisation):
    accepted(organisation, 1)
    if connection.vendor == "sqlite":
        connection.close()

    def work(_number):
        try:
            for second in range(4):
                mail_out(MORNING + timedelta(seconds=second))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert Digest.objects.count() == 1
    assert len(mail.outbox) == 1


def test_the_page_and_the_command_count_alike(owner, organisation, signed_in, capsys):
    from django.core.management import call_command
    from django.utils import timezone

    now = timezone.now()
    for number in range(3):
        accepted(organisation, number, at=now)
    accepted(organisation, 9, Status.CREATED, at=now - timedelta(days=2))

    call_command("balance")
    answer = signed_in(owner).get("/o/al-noor/balance/")

    lines = answer.context["lines"]
    assert [(line.accepted, line.created) for line in lines] == [(3, 0), (1, 1)]
    assert all(line.adds_up for line in lines)
    assert "al-noor" in capsys.readouterr().out


@pytest.mark.parametrize(
    "until", ["", "nonsense", "2026-13-45", "9999-12-31", "0001-01-01", "2020-01-01"]
)
def test_any_day_in_the_address_is_survived(owner, signed_in, until):
    answer = signed_in(owner).get("/o/al-noor/balance/", {"until": until})

    assert answer.status_code == 200


def test_the_switch_is_for_administrators(
    owner, admin_member, reviewer, signed_in, organisation
):
    refused = signed_in(reviewer).post("/o/al-noor/balance/", {"digest": "off"})
    assert refused.status_code == 403
    for person, on in ((admin_member, False), (owner, True)):
        answer = signed_in(person).post(
            "/o/al-noor/balance/", {"digest": "on" if on else "off"}
        )
        organisation.refresh_from_db()
        assert answer.status_code == 302
        assert organisation.digest is on


def test_the_page_s_queries_do_not_grow(
    owner, organisation, signed_in, django_assert_max_num_queries
):
    for number in range(40):
        accepted(organisation, number)
    browser = signed_in(owner)
    browser.get("/o/al-noor/balance/")

    with django_assert_max_num_queries(14):
        browser.get("/o/al-noor/balance/")
