"""From submit() over real HTTP to a number: the good way, and every refusal on it."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from clients_app.delivery import holds, relay
from clients_app.intake.submissions import revise
from clients_app.models import (
    AuditEvent,
    DeliveryAttempt,
    Hold,
    HoldReason,
    RateBudget,
    Status,
    Submission,
)
from tests.journeys import CONTACT, entered, sent

pytestmark = pytest.mark.django_db


def test_a_company_gets_its_number(organisation, sandbox, connected):
    row = sent(connected, entered(organisation))

    (remote,) = sandbox.control.clients()
    assert row.status == Status.CREATED
    assert (row.number, row.heffl_id) == (remote["number"], remote["id"])
    assert row.delivered_at is not None


def test_a_contact_sends_exactly_what_was_answered(organisation, sandbox, connected):
    sent(connected, entered(organisation, CONTACT))

    (remote,) = sandbox.control.clients()
    assert remote["received"] == {
        "type": "contact",
        "firstName": "Sara",
        "lastName": "Al Mansoori",
        "email": "s@example.com",
    }


def test_the_same_token_makes_one_submission_and_one_client(
    organisation, sandbox, connected
):
    first = entered(organisation)
    again = entered(organisation, {"name": "Something else"})
    sent(connected, first)
    sent(connected, first)

    assert again.pk == first.pk
    assert len(sandbox.control.clients()) == 1


def test_ten_submissions_make_one_wakeup(organisation, connected):
    for number in range(10):
        entered(organisation, {"name": f"C{number}"}, token=f"token-{number:04}")

    assert DBTaskResult.objects.count() == 1


def test_an_earlier_wakeup_is_added_and_a_later_one_is_not(organisation, connected):
    from clients_app.delivery.wakeups import wake

    now = timezone.now()
    wake(connected.fingerprint, now + timedelta(seconds=60))
    wake(connected.fingerprint, now + timedelta(seconds=90))
    wake(connected.fingerprint, now)

    assert DBTaskResult.objects.count() == 2


def test_a_rolled_back_submission_leaves_nothing(organisation, connected):
    from django.db import transaction

    def break_off():
        with transaction.atomic():
            entered(organisation)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        break_off()

    assert not Submission.objects.exists()
    assert not DBTaskResult.objects.exists()


def test_a_refused_client_waits_for_a_person_with_the_message_at_its_field(
    organisation, sandbox, connected
):
    sandbox.control.push_fault(
        "status",
        params={
            "status": 400,
            "code": "BAD_REQUEST",
            "message": "Invalid email address format",
        },
    )

    row = sent(connected, entered(organisation, CONTACT))

    assert row.status == Status.NEEDS_FIX
    assert (row.message, row.problem_field) == ("Invalid email address format", "email")


def test_a_corrected_client_is_created_once(organisation, owner, sandbox, connected):
    sandbox.control.push_fault("status", params={"status": 400})
    row = sent(connected, entered(organisation, CONTACT))

    moved = revise(
        submission=row,
        client_type="contact",
        answers={**CONTACT, "email": "sara@example.com"},
        user=owner.user,
    )
    row = sent(connected, row)

    assert moved
    assert row.status == Status.CREATED
    assert len(sandbox.control.clients()) == 1
    event = AuditEvent.objects.get(action="submission.corrected")
    assert event.detail == {"fields": ["email"]}


def test_the_second_of_two_corrections_is_told_and_changes_nothing(
    organisation, owner, sandbox, connected
):
    sandbox.control.push_fault("status", params={"status": 400})
    row = sent(connected, entered(organisation, CONTACT))
    change = {"submission": row, "client_type": "contact", "user": owner.user}

    first = revise(**change, answers={**CONTACT, "email": "a@example.com"})
    second = revise(**change, answers={**CONTACT, "email": "b@example.com"})

    assert (first, second) == (True, False)
    assert Submission.objects.get().answers["email"] == "a@example.com"


@pytest.mark.parametrize(
    ("fault", "params", "scope", "reason"),
    [
        ("status", {"status": 401}, "key", HoldReason.KEY_REFUSED),
        ("status", {"status": 403}, "key", HoldReason.KEY_REFUSED),
        ("status", {"status": 404}, "all", HoldReason.CONFIGURATION),
        ("redirect", {"status": 307}, "all", HoldReason.CONFIGURATION),
    ],
)
def test_what_is_no_fault_of_the_client_keeps_it_queued_and_holds(
    organisation, sandbox, connected, fault, params, scope, reason
):
    sandbox.control.push_fault(fault, params=params)

    row = sent(connected, entered(organisation))
    again = relay.deliver_next(connected.fingerprint)

    assert row.status == Status.QUEUED
    assert row.safe_failures == 0
    assert not again
    hold = Hold.objects.get()
    assert hold.reason == reason
    assert hold.fingerprint == (connected.fingerprint if scope == "key" else "")


def test_a_redirect_is_looked_up_before_it_is_sent_again(
    organisation, sandbox, connected
):
    sandbox.control.push_fault("redirect", params={"status": 307})
    row = sent(connected, entered(organisation))
    holds.release("", HoldReason.CONFIGURATION, timezone.now())

    row = sent(connected, row)

    assert row.status == Status.UNCERTAIN
    assert row.reconcile_at <= timezone.now()


def test_too_many_requests_pauses_the_key_and_is_no_failed_try(
    organisation, sandbox, connected
):
    sandbox.control.push_fault("rate_limited", params={"retry_after": "7"})

    row = sent(connected, entered(organisation))

    budget = RateBudget.objects.get(fingerprint=connected.fingerprint)
    wait = (budget.paused_until - timezone.now()).total_seconds()
    assert row.status == Status.QUEUED
    assert row.safe_failures == 0
    assert 5 < wait <= 7


def test_nothing_listening_is_tried_again_later(organisation, connected, settings):
    settings.HEFFL_API_URL = "http://127.0.0.1:9/api/v1"

    row = sent(connected, entered(organisation))

    attempt = DeliveryAttempt.objects.get()
    assert row.status == Status.QUEUED
    assert row.safe_failures == 1
    assert row.not_before > attempt.started_at
    assert attempt.verdict == "safe"


def test_five_failures_in_a_row_hold_the_key_and_an_answer_releases_what_waits(
    organisation, connected, settings, sandbox
):
    settings.HEFFL_API_URL = "http://127.0.0.1:9/api/v1"
    row = entered(organisation)
    for _ in range(5):
        Submission.objects.update(not_before=timezone.now())
        sent(connected, row)
    assert Hold.objects.get().reason == HoldReason.OUTAGE

    settings.HEFFL_API_URL = sandbox.base_url
    Submission.objects.update(not_before=timezone.now() + timedelta(minutes=15))
    holds.release(connected.fingerprint, HoldReason.OUTAGE, timezone.now())
    row = sent(connected, row)

    assert row.status == Status.CREATED


def test_after_three_days_of_failing_a_person_is_asked(
    organisation, connected, settings
):
    settings.HEFFL_API_URL = "http://127.0.0.1:9/api/v1"
    long_ago = timezone.now() - timedelta(hours=73)
    row = sent(connected, entered(organisation, now=long_ago))
    DeliveryAttempt.objects.update(started_at=long_ago)
    Submission.objects.update(not_before=long_ago)

    row = sent(connected, row)

    assert (row.status, row.problem) == (Status.REVIEW, "gave_up")


def test_three_firewall_pages_in_a_row_hold_the_key(organisation, sandbox, connected):
    sandbox.control.push_fault(
        "status", count=3, params={"status": 403, "body": "html"}
    )
    for number in range(3):
        row = entered(organisation, {"name": f"C{number}"}, token=f"token-{number:04}")
        row = sent(connected, row)
        assert row.status == Status.NEEDS_FIX

    hold = Hold.objects.get()
    assert (hold.fingerprint, hold.detail) == (connected.fingerprint, "firewall")


def test_a_payload_that_no_longer_fits_goes_to_a_person(
    organisation, sandbox, connected
):
    row = sent(connected, entered(organisation, {"name": "A", "cf_gone": "x"}))

    assert (row.status, row.problem) == (Status.NEEDS_FIX, "payload")
    assert sandbox.control.calls() == []


def test_the_front_desk_goes_before_imports(organisation, sandbox, connected):
    imported = entered(organisation, {"name": "I"}, token="t-000001", source="import")
    desk = entered(organisation, {"name": "D"}, token="t-000002")

    relay.deliver_next(connected.fingerprint)

    desk.refresh_from_db()
    imported.refresh_from_db()
    assert (desk.status, imported.status) == (Status.CREATED, Status.QUEUED)


def test_look_alikes_are_sent_one_at_a_time(organisation, sandbox, connected):
    first = entered(organisation, token="t-000001")
    second = entered(organisation, {"name": "gulf  STAR logistics"}, token="t-000002")
    sandbox.control.push_fault("reset_after_body", params={})
    first = sent(connected, first)

    relay.deliver_next(connected.fingerprint)

    second.refresh_from_db()
    assert (first.status, second.status) == (Status.UNCERTAIN, Status.QUEUED)
    assert len(sandbox.control.calls()) == 1


def test_without_a_key_a_client_waits_and_goes_out_when_one_is_added(
    organisation, sandbox
):
    from clients_app.crypto import Secret
    from clients_app.organisation.api_keys import replace_api_key

    row = entered(organisation)
    change = replace_api_key(organisation, Secret(sandbox.key), user=None)

    row = sent(change.credential, row)

    assert row.status == Status.CREATED


def test_a_key_that_does_not_open_pauses_the_key_and_keeps_the_client(
    organisation, sandbox, connected, settings
):
    from clients_app.crypto import KeyRing, new_entry

    row = entered(organisation)
    settings.PORTAL_KEYRING = KeyRing.parse(new_entry("other"))

    row = sent(connected, row)

    assert row.status == Status.QUEUED
    assert Hold.objects.get().reason == HoldReason.KEY_UNREADABLE
    assert sandbox.control.calls() == []


def test_an_id_that_another_submission_has_goes_to_a_person(
    organisation, sandbox, connected
):
    first = sent(connected, entered(organisation))
    row = entered(organisation, {"name": "Other"}, token="t-000002")
    body = {
        "id": first.heffl_id,
        "number": "X1",
        "name": "Other",
        "type": "company",
        "createdAt": "2026-01-01T00:00:00Z",
    }
    params = {"status": 200, "body": "raw", "raw": json.dumps(body)}
    sandbox.control.push_fault("status", params=params)

    row = sent(connected, row)

    assert (row.status, row.problem) == (Status.REVIEW, "id_in_use")


def test_claiming_is_a_bounded_number_of_queries(
    organisation, sandbox, connected, django_assert_max_num_queries
):
    for number in range(30):
        entered(organisation, {"name": f"C{number}"}, token=f"token-{number:04}")

    with django_assert_max_num_queries(60):
        relay.deliver_next(connected.fingerprint)


def test_the_queue_is_read_through_its_index(organisation, connected):
    if connection.vendor != "sqlite":
        pytest.skip("the plan is asserted on SQLite; PostgreSQL may scan a tiny table")
    rows = Submission.objects.filter(
        organisation__in=[organisation.pk], status=Status.QUEUED
    ).order_by("lane", "id")[:20]

    plan = rows.explain()

    assert "submission_queue" in plan
