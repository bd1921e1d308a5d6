"""PostgreSQL, real threads held apart: no lost wake-up, no deadlock, no value too long."""

from __future__ import annotations

import re
import threading
import time
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection, connections, transaction
from django.utils import timezone

from clients_app import webhooks
from clients_app.credentials import seal_new
from clients_app.crypto import Secret
from clients_app.delivery import holds, outbox, rate_limit, wakeups
from clients_app.heffl.contract import RemoteClient
from clients_app.heffl.outcome import Outcome, Phase, Verdict
from clients_app.models import HoldReason, Source, Status, Submission, User
from clients_app.organisation import api_keys
from tests.conftest import KEY
from tests.factories import SubmissionFactory
from tests.fleet import wait_until
from tests.journeys import code_now, enrolled, entered, half_signed_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite has one writer at a time"
    ),
]


class Aside(threading.Thread):
    """Runs a function beside the test and keeps what it raised."""

    def __init__(self, function):
        super().__init__()
        self._function = function
        self.fault = None
        self.start()

    def run(self):
        try:
            self._function()
        except Exception as fault:  # noqa: BLE001 - the test looks at it
            self.fault = fault
        finally:
            connections.close_all()


@pytest.fixture
def key(organisation):
    made = seal_new(organisation, Secret(KEY), verified_at=timezone.now())
    rate_limit.note_call(made.fingerprint, timezone.now())
    return made


def test_a_claim_waits_for_a_submission_that_is_about_to_be_there(organisation, key):
    wakeups.wake(key.fingerprint, timezone.now())

    with transaction.atomic():
        entered(organisation, source=Source.IMPORT)
        claim = Aside(lambda: outbox.claim(key.fingerprint, timezone.now()))
        claim.join(1)
        waited = claim.is_alive()
    claim.join(60)

    assert waited
    assert claim.fault is None
    assert Submission.objects.get().status == "SENDING"


@pytest.mark.parametrize("other", ["release", "claim"])
def test_checking_a_key_never_deadlocks_with_the_worker(
    organisation, key, monkeypatch, other
):
    now = timezone.now()
    later = now + timedelta(seconds=1)
    for _ in range(2):
        SubmissionFactory(organisation=organisation, not_before=later)
    holds.hold("", HoldReason.OUTAGE, now)
    real, held, go = wakeups.wake_organisation, threading.Event(), threading.Event()

    def slowly(*arguments, **named):
        held.set()
        go.wait(60)
        return real(*arguments, **named)

    monkeypatch.setattr(wakeups, "wake_organisation", slowly)
    check = Aside(lambda: api_keys._verified(key, None, now))
    assert held.wait(60)
    actions = {
        "release": lambda: holds.release("", HoldReason.OUTAGE, now),
        "claim": lambda: outbox.claim(key.fingerprint, now + timedelta(seconds=3)),
    }
    worker = Aside(actions[other])
    time.sleep(0.3)
    go.set()
    check.join(60)
    worker.join(60)

    assert (check.fault, worker.fault) == (None, None)


def test_a_number_longer_than_its_column_is_cut(organisation, key):
    row = SubmissionFactory(organisation=organisation)
    taken = outbox.claim(key.fingerprint, timezone.now())
    client = RemoteClient("clt_1", "9" * 300)
    made = Outcome(Verdict.CREATED, Phase.DONE, "created", 200, client=client)

    outbox.record_outcome(taken, made, timezone.now())

    row.refresh_from_db()
    assert (row.status, len(row.number)) == ("CREATED", 200)


@pytest.mark.parametrize("end", ["outcome", "lost"])
def test_a_report_that_comes_while_a_call_is_written_down_is_not_forgotten(
    organisation, key, monkeypatch, end
):
    """Between reading the submission and changing it, Heffl reports the client."""
    row = entered(organisation, {"name": "Lost LLC"})
    now = timezone.now()
    taken = outbox.claim(key.fingerprint, now)
    report = webhooks.Report("client.created", "clt_77", "Lost LLC", "")
    asides = []
    original = outbox.unclear

    def unclear(*args):
        changes = original(*args)
        asides.append(
            Aside(lambda: webhooks._look_soon(organisation, report, timezone.now()))
        )
        asides[0].join(0.5)
        return changes

    monkeypatch.setattr(outbox, "unclear", unclear)
    if end == "outcome":
        unknown = Outcome(Verdict.UNCERTAIN, Phase.SENDING, "reset")
        outbox.record_outcome(taken, unknown, now)
    else:
        outbox.take_back_lost(now + timedelta(hours=1))
    asides[0].join(60)

    row.refresh_from_db()
    assert asides[0].fault is None
    assert (row.status, row.reported) == (Status.UNCERTAIN, True)
    assert row.reconcile_at <= timezone.now()


def waits_for_a_lock():
    """Say whether any connection here waits for another one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def test_setting_up_a_second_factor_waits_for_another_set_up_and_is_refused(owner):
    client = half_signed_in(owner.user)
    enrol = "/accounts/2fa/totp/activate/"
    page = client.get(enrol).content.decode()
    seed = re.search(r'secret">([A-Z2-7]+)<', page)[1]
    code, answers = code_now(seed), []

    with transaction.atomic():
        User.objects.select_for_update().get(pk=owner.user.pk)
        second = Aside(lambda: answers.append(client.post(enrol, {"code": code})))
        waited = wait_until(lambda: waits_for_a_lock() or not second.is_alive())
        waited = waited and second.is_alive()
        enrolled(owner.user)
    second.join(60)

    assert waited
    assert second.fault is None
    assert answers[0].url.startswith("/accounts/2fa/reauthenticate/")
    assert Authenticator.objects.count() == 1
