"""Heffl changes: it is noticed, told once with an example, and stops nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from clients_app.delivery import drift
from clients_app.models import DriftSign, Incident, Status
from clients_app.notices import incidents
from tests.factories import SubmissionFactory
from tests.journeys import CONTACT, entered, look, lost, sent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_noted():
    drift._notes.take()
    yield
    drift._notes.take()


def rounds(later=timedelta()):
    """What two workers do, one after the other."""
    now = timezone.now() + later
    for _worker in range(2):
        drift.write(now)
        incidents.watch_drift(now)
        incidents.send_due(now)


def client_number(organisation, credential, number, answers=None):
    answers = answers or {"name": f"Zyqq {number}"}
    row = entered(organisation, answers, token=f"token-{number:05}")
    return sent(credential, row)


def test_an_answer_without_a_number_is_told_once_and_its_end_too(
    owner, organisation, sandbox, connected
):
    sandbox.control.push_fault("no_number", count=4)
    rows = [client_number(organisation, connected, each) for each in range(4)]
    rounds()
    rounds()

    assert {row.status for row in rows} == {Status.CREATED}
    (told,) = mail.outbox
    assert told.bcc == [owner.user.email]
    assert "Heffl's answers have changed" in told.subject
    assert "created: number missing" in told.body
    assert "createdAt: string" in told.body
    assert "Zyqq" not in told.body

    for each in range(10, 10 + drift.FINE_AGAIN):
        client_number(organisation, connected, each)
    rounds()
    rounds(timedelta(minutes=11))

    assert not DriftSign.objects.exists()
    assert Incident.objects.get().ended_at
    assert [": over: " in message.subject for message in mail.outbox] == [False, True]


def test_a_proper_answer_is_not_even_written_down(
    organisation, sandbox, connected, django_assert_max_num_queries
):
    row = client_number(organisation, connected, 1)
    assert row.status == Status.CREATED

    with django_assert_max_num_queries(1):
        assert drift.write() == 0


def test_one_page_of_a_firewall_is_an_accident(organisation, sandbox, connected):
    sandbox.control.push_fault("not_json")
    client_number(organisation, connected, 1)
    client_number(organisation, connected, 2)
    rounds()

    assert not Incident.objects.exists()
    assert not DriftSign.objects.exists()


def test_a_list_with_another_paging_is_told(owner, organisation, sandbox, connected):
    row = lost(organisation, sandbox, connected, created=False)
    for path in ("/api/v1/", "/api/v2/"):
        sandbox.control.push_fault(
            "status",
            method="GET",
            path=path,
            count=None,
            params={"status": 200, "body": "raw", "raw": '{"results": [], "page": 1}'},
        )

    result, row = look(row)
    rounds()

    assert (result, row.status) == ("later", Status.UNCERTAIN)
    assert "{page: number, results: []}" in mail.outbox[0].body


def refuse(sandbox, message="Invalid email address format", **changes):
    params = {"status": 400, "message": message, **changes}
    sandbox.control.push_fault("status", method="POST", params=params)


def person(number):
    return {"first_name": f"Zyqq{number}", "email": f"zyqq{number}@x.test"}


def test_refusals_of_what_used_to_pass_are_told(
    owner, organisation, sandbox, connected
):
    client_number(organisation, connected, 1, person(1))
    drift.write()
    for each in (2, 3, 4):
        refuse(sandbox)
        client_number(organisation, connected, each, person(each))
    rounds()

    (told,) = mail.outbox
    assert "refused: with email" in told.body
    assert "sent: contact, email, first_name" in told.body
    assert "zyqq" not in told.body.lower()


def test_what_never_passed_is_no_change_of_heffl(
    owner, organisation, sandbox, connected
):
    client_number(organisation, connected, 1)
    drift.write()
    for each in (2, 3, 4):
        refuse(sandbox)
        client_number(organisation, connected, each, person(each))
    rounds()

    assert not Incident.objects.exists()


def test_a_new_duty_is_told(owner, organisation, sandbox, connected):
    client_number(organisation, connected, 1)
    drift.write()
    for each in (2, 3, 4):
        refuse(sandbox, "Tax number is required")
        client_number(organisation, connected, each)
    rounds()

    assert "refused: without tax_number" in mail.outbox[0].body


@pytest.mark.parametrize("message", ["Email already exists", "must be unique"])
def test_what_is_there_already_is_no_change_of_heffl(
    organisation, sandbox, connected, message
):
    client_number(organisation, connected, 1, person(1))
    for each in (2, 3, 4):
        refuse(sandbox, message)
        client_number(organisation, connected, each, person(each))
    rounds()

    assert not DriftSign.objects.exists()


def test_typing_errors_between_clients_that_pass_are_none(
    organisation, sandbox, connected
):
    for each in range(0, 8, 2):
        client_number(organisation, connected, each, person(each))
        refuse(sandbox)
        client_number(organisation, connected, each + 1, person(each + 1))
    rounds()

    assert not Incident.objects.exists()


def test_one_client_refused_again_and_again_counts_once(
    organisation, sandbox, connected
):
    row = client_number(organisation, connected, 1, CONTACT)
    note = drift._Note(
        organisation.pk, drift.REFUSED, (drift.Oddity("with email", "400", 3),), row.pk
    )
    drift._notes.keep([note] * 5)
    rounds()

    assert DriftSign.objects.get().seen == 1
    assert not Incident.objects.exists()


def test_the_page_and_the_metrics_show_it(
    owner, organisation, sandbox, connected, signed_in
):
    sandbox.control.push_fault("no_number")
    client_number(organisation, connected, 1)
    rounds()

    page = signed_in(owner).get("/o/al-noor/balance/").content.decode()
    metrics = Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()

    assert "created: number missing" in page
    assert "portal_drift_signs 1" in metrics


def test_accidents_are_forgotten(organisation):
    old = timezone.now() - timedelta(days=3)
    DriftSign.objects.create(
        organisation=organisation, operation="list", sign="a", last_at=old
    )
    DriftSign.objects.create(
        organisation=organisation,
        operation="list",
        sign="b",
        last_at=old,
        standing_since=old,
    )

    drift.forget()

    assert [sign.sign for sign in DriftSign.objects.all()] == ["b"]


@pytest.mark.django_db(transaction=True)
def test_workers_that_notice_at_once_make_one_incident(owner, organisation):
    odd = drift.Oddity("number missing", "200 {id: string}")
    note = drift._Note(organisation.pk, "created", (odd,))

    def work(_number):
        try:
            with transaction.atomic():  # as write() does
                drift._apply([note], timezone.now())
            incidents.watch_drift()
            incidents.send_due()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as workers:
        list(workers.map(work, range(4)))

    assert DriftSign.objects.get().seen == 4
    assert Incident.objects.count() == 1
    assert len(mail.outbox) == 1


def test_noting_never_fills_the_memory(organisation):
    notes = drift.Notes(most=10)
    row = SubmissionFactory(organisation=organisation)
    note = drift._Note(organisation.pk, "list", (), row.pk)

    for _ in range(5):
        notes.keep([note] * 4)

    assert len(notes.take()) == 10
