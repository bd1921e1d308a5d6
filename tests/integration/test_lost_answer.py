"""Heffl took the client, or not, and the answer got lost: never twice, never forgotten."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from clients_app.delivery import outbox, reconcile, relay, sweeper
from clients_app.delivery.timing import Timing
from clients_app.intake.submissions import submit
from clients_app.models import (
    DeliveryAttempt,
    HoldReason,
    RateBudget,
    Status,
    Submission,
)
from tests.journeys import CONTACT, entered, look, lost, sent

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _short_times(settings):
    settings.DELIVERY_TIMING = Timing(look_after=(0.0, 0.0, 0.0), lease=0.0)


@pytest.mark.parametrize("answers", [{"name": "Lost LLC"}, CONTACT])
def test_a_client_that_was_created_is_adopted(
    organisation, sandbox, connected, answers
):
    row = lost(organisation, sandbox, connected, created=True, answers=answers)

    result, row = look(row)

    (remote,) = sandbox.control.clients()
    assert result == "adopted"
    assert (row.status, row.number) == (Status.CREATED, remote["number"])


def test_a_client_that_was_not_created_is_sent_again_after_three_clean_looks(
    organisation, sandbox, connected
):
    row = lost(organisation, sandbox, connected, created=False)

    results = [look(row)[0] for _ in range(3)]
    row = sent(connected, row)

    assert results == ["clean", "clean", "queued"]
    assert row.status == Status.CREATED
    assert len(sandbox.control.clients()) == 1


def test_a_client_that_shows_up_late_is_adopted_at_a_later_look(
    organisation, sandbox, connected
):
    row = lost(organisation, sandbox, connected, created=False)
    look(row)
    workspace = sandbox.control.workspaces()[0]["name"]
    sandbox.control.add_client(workspace, {"type": "company", "name": "Lost LLC"})

    result, row = look(row)

    assert (result, row.status) == ("adopted", Status.CREATED)


def test_the_second_time_a_person_decides(organisation, sandbox, connected):
    row = lost(organisation, sandbox, connected, created=False)
    for _ in range(3):
        look(row)
    sandbox.control.push_fault("reset_after_body", created=False)
    row = sent(connected, row)

    results = [look(row)[0] for _ in range(3)]

    row.refresh_from_db()
    assert results == ["clean", "clean", "review"]
    assert (row.status, row.problem) == (Status.REVIEW, "unclear_twice")


def test_two_that_fit_are_shown_to_a_person(organisation, sandbox, connected):
    row = lost(organisation, sandbox, connected, created=True)
    workspace = sandbox.control.workspaces()[0]["name"]
    sandbox.control.add_client(workspace, {"type": "company", "name": "lost  llc"})

    result, row = look(row)

    assert (result, row.status) == ("review", Status.REVIEW)
    assert len(row.candidates) == 2


def test_a_client_created_long_ago_is_not_ours(organisation, sandbox, connected):
    workspace = sandbox.control.workspaces()[0]["name"]
    sandbox.control.add_client(
        workspace,
        {"type": "company", "name": "Lost LLC"},
        created_at="2020-01-01T00:00:00Z",
    )
    row = lost(organisation, sandbox, connected, created=False)

    result, _ = look(row)

    assert result == "clean"


def test_a_client_of_another_submission_is_not_ours(organisation, sandbox, connected):
    sent(connected, entered(organisation, {"name": "Lost LLC"}, token="t-000009"))
    row = lost(organisation, sandbox, connected, created=False)

    result, _ = look(row)

    assert result == "clean"


def test_another_phone_means_another_client(organisation, sandbox, connected):
    answers = {"first_name": "Sara", "phone": "+971501234567"}
    workspace = sandbox.control.workspaces()[0]["name"]
    sandbox.control.add_client(
        workspace, {"type": "contact", "firstName": "Sara", "phone": "+971509999999"}
    )
    row = lost(organisation, sandbox, connected, created=False, answers=answers)

    result, _ = look(row)

    assert result == "clean"


def test_what_cannot_be_read_proves_nothing(organisation, sandbox, connected):
    row = lost(organisation, sandbox, connected, created=False)
    sandbox.control.push_fault("status", count=None, method="GET")

    results = [look(row)[0] for _ in range(5)]

    row.refresh_from_db()
    assert results == ["later"] * 5
    assert (row.status, row.clean_scans) == (Status.UNCERTAIN, 0)


def test_after_a_day_that_nobody_could_look_a_person_has_to(
    organisation, sandbox, connected
):
    row = lost(organisation, sandbox, connected, created=False)
    long_ago = timezone.now() - timedelta(hours=25)
    DeliveryAttempt.objects.update(deadline_at=long_ago)
    Submission.objects.update(queued_at=long_ago)
    sandbox.control.push_fault("status", count=None, method="GET")

    result, row = look(row)

    assert (result, row.problem) == ("review", "cannot_be_proved")


def test_the_old_list_with_page_numbers_is_read_too(organisation, sandbox, connected):
    workspace = sandbox.control.workspaces()[0]["name"]
    row = lost(organisation, sandbox, connected, created=True)
    for number in range(150):
        sandbox.control.add_client(workspace, {"type": "company", "name": f"N{number}"})
    sandbox.control.push_fault(
        "status", method="GET", path="/api/v2/", count=None, params={"status": 404}
    )

    result, row = look(row)

    assert (result, row.status) == ("adopted", Status.CREATED)


def test_looking_stays_inside_the_rate_budget(organisation, sandbox, connected):
    row = lost(organisation, sandbox, connected, created=True)
    clock = timezone.now().timestamp()
    RateBudget.objects.update(recent=[clock] * 60)

    result, row = look(row)

    assert result == "later"
    assert row.reconcile_at > timezone.now() + timedelta(seconds=50)


def test_a_look_that_has_begun_waits_for_its_next_call(
    organisation, sandbox, connected, settings
):
    row = lost(organisation, sandbox, connected, created=False)
    settings.HEFFL_RATE_LIMIT = (2, 0.3)  # and the search is the second call
    budget = RateBudget.objects.get()
    budget.recent = [timezone.now().timestamp()]
    budget.save()

    assert look(row)[0] == "clean"


def test_two_workers_never_look_at_the_same_time(organisation, sandbox, connected):
    row = lost(organisation, sandbox, connected, created=True)
    Submission.objects.update(reconcile_at=timezone.now())
    one = Submission.objects.select_related("organisation").get(pk=row.pk)
    two = Submission.objects.select_related("organisation").get(pk=row.pk)

    results = [reconcile.reconcile(one), reconcile.reconcile(two)]

    assert results == ["adopted", "taken"]


def test_a_worker_that_died_after_claiming_leaves_an_unclear_client(
    organisation, sandbox, connected, settings
):
    row = entered(organisation, {"name": "Lost LLC"})
    taken = outbox.claim(connected.fingerprint, timezone.now())

    sweeper.sweep(timezone.now() + timedelta(seconds=1))

    row.refresh_from_db()
    assert taken is not None
    assert (row.status, row.problem) == (Status.UNCERTAIN, "worker_lost")
    assert row.lease_until is None


def test_a_late_worker_cannot_overwrite_what_others_decided(
    organisation, sandbox, connected
):
    from clients_app.heffl.outcome import Outcome, Phase, Verdict

    row = entered(organisation, {"name": "Lost LLC"})
    taken = outbox.claim(connected.fingerprint, timezone.now())
    sweeper.sweep(timezone.now() + timedelta(seconds=1))
    late = Outcome(Verdict.REFUSED, Phase.DONE, "http_400", status=400, message="no")

    settled = outbox.record_outcome(taken, late, timezone.now())

    row.refresh_from_db()
    assert not settled
    assert row.status == Status.UNCERTAIN
    assert DeliveryAttempt.objects.get().http_status == 400


def test_a_claim_is_written_down_before_any_byte_leaves(organisation, connected):
    row = entered(organisation, {"name": "Lost LLC"})

    taken = outbox.claim(connected.fingerprint, timezone.now())

    attempt = DeliveryAttempt.objects.get(submission=row)
    row.refresh_from_db()
    assert (row.status, row.fence, attempt.fence) == (Status.SENDING, 1, 1)
    assert attempt.body_sha256
    assert taken.deadline_at > attempt.started_at


def test_only_one_of_two_claims_wins(organisation, connected):
    entered(organisation, {"name": "Lost LLC"})

    claims = [outbox.claim(connected.fingerprint, timezone.now()) for _ in range(2)]

    assert [claim is not None for claim in claims] == [True, False]


def test_a_number_that_was_left_out_is_fetched(organisation, sandbox, connected):
    sandbox.control.push_fault("no_number")
    row = sent(connected, entered(organisation, {"name": "Lost LLC"}))
    assert (row.status, row.number) == (Status.CREATED, "")

    result, row = look(row)

    assert result == "numbered"
    assert row.number == sandbox.control.clients()[0]["number"]


def test_a_refused_duplicate_shows_whom_heffl_may_mean(
    organisation, sandbox, connected
):
    workspace = sandbox.control.workspaces()[0]["name"]
    sandbox.control.add_client(workspace, {"type": "company", "name": "Lost LLC"})
    sandbox.control.push_fault("status", params={"status": 409, "message": "exists"})
    row = sent(connected, entered(organisation, {"name": "Lost LLC"}))

    result, row = look(row)

    assert (row.status, result) == (Status.NEEDS_FIX, "candidates")
    assert row.candidates[0]["name"] == "Lost LLC"


def test_a_hold_keeps_reconcile_quiet(organisation, sandbox, connected):
    from clients_app.delivery.holds import hold

    row = lost(organisation, sandbox, connected, created=True)
    before = len(sandbox.control.calls())
    hold(connected.fingerprint, HoldReason.OUTAGE, timezone.now())

    result, _ = look(row)

    assert result == "later"
    assert len(sandbox.control.calls()) == before


def test_submit_again_with_the_same_token_finds_the_unclear_one(
    organisation, sandbox, connected
):
    row = lost(organisation, sandbox, connected, created=True)

    again = submit(
        organisation=organisation,
        client_type="company",
        answers={"name": "Lost LLC"},
        source="frontdesk",
        token=row.submission_token,
        user=None,
    )

    assert again.pk == row.pk


def test_a_worker_that_froze_while_its_claim_was_committed_sends_nothing(
    organisation, sandbox, connected, settings, monkeypatch
):
    """Its lease is over then, and another may have sent the client meanwhile."""
    settings.HEFFL_TIMEOUTS = {**settings.HEFFL_TIMEOUTS, "total": 0.3}
    row = entered(organisation, {"name": "Frozen LLC"})
    claim = outbox.claim

    def claim_and_freeze(*args, **kwargs):
        taken = claim(*args, **kwargs)
        time.sleep(0.4)
        return taken

    monkeypatch.setattr(outbox, "claim", claim_and_freeze)

    relay.deliver_next(connected.fingerprint)

    row.refresh_from_db()
    assert sandbox.control.clients() == []
    assert (row.status, row.problem) == (Status.QUEUED, "deadline_before_send")
