"""Owners hear of each incident once, and of its end; everybody sees what is in the way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.db import connection
from django.utils import timezone

from clients_app.delivery import holds, why
from clients_app.models import (
    HoldReason,
    Incident,
    IncidentKind,
    Lane,
    Role,
    Source,
    Status,
)
from clients_app.notices import banner, incidents
from tests.factories import MembershipFactory, SubmissionFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now().replace(microsecond=0)


def after(**time):
    return NOW + timedelta(**time)


def round_at(moment):
    """What each worker does, one after the other."""
    for _worker in range(2):
        incidents.watch(moment)
        incidents.send_due(moment)


def test_a_refused_key_is_told_once_and_its_end_once(owner, connected):
    for number in range(5):
        SubmissionFactory(organisation=owner.organisation, display_name=f"C {number}")
    holds.hold(connected.fingerprint, HoldReason.KEY_REFUSED, NOW)

    for minute in range(0, 60, 7):
        round_at(after(minutes=minute))

    (told,) = mail.outbox
    assert told.bcc == [owner.user.email]
    assert "Heffl refuses the API key" in told.subject
    assert "مفتاح API" in told.body
    assert "C 1" not in told.body

    holds.release(connected.fingerprint, HoldReason.KEY_REFUSED, after(minutes=61))
    for minute in range(61, 120, 7):
        round_at(after(minutes=minute))

    assert len(mail.outbox) == 2
    assert "over" in mail.outbox[1].subject


def test_an_outage_of_a_minute_is_nobodys_mail(owner, connected):
    holds.hold("", HoldReason.OUTAGE, NOW)
    round_at(NOW)
    holds.release("", HoldReason.OUTAGE, after(seconds=50))
    for minute in (1, 2, 5, 30):
        round_at(after(minutes=minute))

    assert mail.outbox == []
    assert Incident.objects.get().ended_at


def test_an_outage_that_comes_and_goes_is_one_incident(owner, connected):
    for minute in range(0, 60, 6):
        holds.hold("", HoldReason.OUTAGE, after(minutes=minute))
        round_at(after(minutes=minute))
        round_at(after(minutes=minute + 3))
        holds.release("", HoldReason.OUTAGE, after(minutes=minute + 4))
        round_at(after(minutes=minute + 5))

    assert len(mail.outbox) == 1
    assert Incident.objects.count() == 1
    round_at(after(minutes=90))
    assert len(mail.outbox) == 2


def test_every_owner_of_an_organisation_hears_and_nobody_else(
    owner, frontdesk, outsider, connected
):
    second = MembershipFactory(organisation=owner.organisation, role=Role.OWNER)
    MembershipFactory(
        organisation=owner.organisation, role=Role.OWNER, suspended_at=NOW
    )
    holds.hold(connected.fingerprint, HoldReason.KEY_REFUSED, NOW)

    round_at(after(minutes=1))

    (told,) = mail.outbox
    assert told.bcc == [owner.user.email, second.user.email]
    assert told.to == []


def test_clients_that_wait_without_a_key_are_an_incident(owner):
    SubmissionFactory(organisation=owner.organisation)

    for minute in range(6):
        round_at(after(minutes=minute))

    (told,) = mail.outbox
    assert "no API key" in told.subject


def test_a_mail_server_that_is_away_delays_and_loses_nothing(
    owner, connected, monkeypatch
):
    holds.hold(connected.fingerprint, HoldReason.KEY_REFUSED, NOW)

    def away(self, *args, **kwargs):
        raise SMTPServerDisconnected("gone")

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.EmailMessage.send", away)
        for minute in range(4):
            round_at(after(minutes=minute))
    assert Incident.objects.get().tries >= 2

    for minute in range(4, 30):
        round_at(after(minutes=minute))
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_many_workers_at_once_tell_once(owner, connected):
    if connection.vendor == "sqlite":
        connection.close()
    holds.hold(connected.fingerprint, HoldReason.KEY_REFUSED, NOW)

    def work(_number):
        try:
            for second in range(5):
                incidents.watch(after(seconds=second))
                incidents.send_due(after(seconds=second))
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))

    assert Incident.objects.count() == 1
    assert len(mail.outbox) == 1


def test_an_incident_of_another_kind_is_kept_apart_by_its_subject(owner):
    pk = owner.organisation.pk

    assert incidents.begin(pk, IncidentKind.DRIFT, subject="a", detail="x" * 900)
    assert not incidents.begin(pk, IncidentKind.DRIFT, subject="a")
    assert incidents.begin(pk, IncidentKind.DRIFT, subject="b")
    incidents.send_due(after(hours=1))

    assert len(mail.outbox) == 2
    assert incidents.end(pk, IncidentKind.DRIFT, subject="a", now=after(hours=2))
    assert not incidents.end(pk, IncidentKind.DRIFT, subject="a", now=after(hours=2))


# What people see


@pytest.fixture
def page(signed_in, frontdesk):
    browser = signed_in(frontdesk)

    def show():
        answer = browser.get("/o/al-noor/clients/new/")
        return answer.content.decode()

    return show


def test_nothing_in_the_way_shows_nothing(page, connected):
    assert "data-standing" not in page()


@pytest.mark.parametrize("reason", HoldReason.values)
@pytest.mark.parametrize("scope", ["key", "everything"])
def test_what_holds_sending_is_told_to_the_desk(page, connected, reason, scope):
    mark = connected.fingerprint if scope == "key" else ""
    holds.hold(mark, HoldReason(reason), NOW)

    shown = page()

    assert shown.count("data-standing") == 1
    assert "kept and sent" in shown
    assert "settings/heffl" not in shown


def test_another_key_s_hold_is_not_told(page, connected):
    holds.hold("f" * 64, HoldReason.KEY_REFUSED, NOW)

    assert "data-standing" not in page()


def test_a_missing_key_is_told_and_the_owner_is_led_to_it(page, owner, signed_in):
    assert "ask an owner" in page()

    shown = signed_in(owner).get("/o/al-noor/clients/new/").content.decode()

    assert "there is no API key yet" in shown
    assert "settings/heffl" in shown


def test_a_long_queue_is_told_with_the_wait(page, connected, organisation, settings):
    settings.HEFFL_RATE_LIMIT = (60, 60)
    for number in range(why.MANY_AHEAD):
        SubmissionFactory(organisation=organisation, display_name=f"N {number}")

    shown = page()

    assert "10 clients are waiting to be sent." in shown
    assert "in about 10 seconds" in shown


def test_imports_do_not_delay_the_desk_and_show_their_own_wait(
    page, connected, organisation
):
    for number in range(30):
        SubmissionFactory(
            organisation=organisation,
            display_name=f"I {number}",
            lane=Lane.IMPORT,
            source=Source.IMPORT,
        )

    assert "data-standing" not in page()
    waits = {
        wait.label: (wait.waiting, wait.wait)
        for wait in banner.lane_waits(organisation)
    }
    assert waits["Front desk"] == (0, "at once")
    assert waits["Import"] == (30, "in about 30 seconds")


def test_the_notices_cost_three_queries_at_most(
    owner, connected, organisation, django_assert_max_num_queries
):
    for _number in range(40):
        SubmissionFactory(organisation=organisation, status=Status.QUEUED)

    with django_assert_max_num_queries(3):
        banner.notices_for(owner)
