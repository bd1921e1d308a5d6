"""Rare turns of delivery, each of which once lost a client, made one twice or stuck.

HefflAPI's methods are replaced here; how calls really go is tested elsewhere.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from clients_app import credentials
from clients_app.crypto import Secret
from clients_app.delivery import (
    engine,
    holds,
    outbox,
    probes,
    rate_limit,
    reconcile,
    restore,
)
from clients_app.heffl.contract import ClientPage, RemoteClient
from clients_app.heffl.outcome import Outcome, Phase, Reading, Verdict
from clients_app.intake import submissions
from clients_app.models import (
    ApiCredential,
    DeliveryAttempt,
    Hold,
    HoldReason,
    RateBudget,
    Submission,
)
from clients_app.organisation import api_keys
from clients_app.questions.matching import match_key
from clients_app.review import decisions
from clients_app.views import wording
from tests.conftest import KEY
from tests.factories import OrganisationFactory, SubmissionFactory

NOT_THERE: Reading[ClientPage] = Reading(
    False, Verdict.CONFIGURATION, Phase.DONE, "http_404", status=404
)


class Api:
    """Heffl's reading side over a list of clients."""

    def __init__(self):
        self.clients = []

    def page(self, clients):
        page = ClientPage(tuple(clients), None, False)
        return Reading(True, None, Phase.DONE, "ok", page, status=200)

    def search(self, client_type, text):
        wanted = text.lower()
        return self.page(c for c in self.clients if wanted in c.name.lower())

    def list_clients(self, cursor=None, page_no=None):
        return self.page(self.clients)

    def get_client(self, client_id):
        return Reading(False, Verdict.REFUSED, Phase.DONE, "not_found", status=404)


@pytest.fixture
def key(organisation):
    return credentials.seal_new(organisation, Secret(KEY), verified_at=timezone.now())


@pytest.fixture
def api(monkeypatch):
    stand_in = Api()
    monkeypatch.setattr(credentials, "api_for", lambda credential: stand_in)
    return stand_in


def company(organisation, name="Acme", **more):
    return SubmissionFactory(
        organisation=organisation,
        display_name=name,
        answers={"name": name},
        match_key=match_key("company", {"name": name}),
        **more,
    )


def tried(row, key, at, **more):
    return DeliveryAttempt.objects.create(
        submission=row,
        fence=row.fence,
        fingerprint=key.fingerprint,
        started_at=at,
        deadline_at=at,
        body_sha256="x",
        **{"verdict": "uncertain", **more},
    )


def remote(name="Acme", at=None, client_id="clt_1"):
    return RemoteClient(client_id, "C-1", name, "company", at or timezone.now())


def look(row):
    Submission.objects.filter(pk=row.pk).update(reconcile_at=timezone.now())
    fresh = Submission.objects.select_related("organisation").get(pk=row.pk)
    result = reconcile.reconcile(fresh)
    row.refresh_from_db()
    return result


def answered(row, key, outcome, at):
    claim = outbox.Claim(row.pk, row.organisation_id, key, row.fence, b"", at)
    outbox.record_outcome(claim, outcome, at)


def test_two_organisations_with_one_workspace_never_share_a_client(
    organisation, key, api
):
    other = OrganisationFactory()
    credentials.seal_new(other, Secret(KEY), verified_at=timezone.now())
    first = company(organisation, status="UNCERTAIN", fence=1)
    tried(first, key, timezone.now())
    company(other)

    taken = outbox.claim(key.fingerprint, timezone.now())

    assert taken is None


def test_an_id_that_another_organisation_has_goes_to_a_person(organisation, key):
    company(OrganisationFactory(), status="CREATED", heffl_id="clt_1")
    row = company(organisation)
    taken = outbox.claim(key.fingerprint, timezone.now())

    outcome = Outcome(Verdict.CREATED, Phase.DONE, "created", 200, client=remote())
    outbox.record_outcome(taken, outcome, timezone.now())

    row.refresh_from_db()
    assert (row.status, row.problem) == ("REVIEW", "id_in_use")


def test_what_may_be_in_heffl_is_not_sent_with_other_answers(
    organisation, key, frontdesk
):
    row = company(organisation, status="REVIEW", problem="cannot_be_proved")

    revised = submissions.revise(
        submission=row,
        client_type="company",
        answers={"name": "Acme Trading"},
        user=frontdesk.user,
    )

    row.refresh_from_db()
    assert (revised, row.status) == (False, "REVIEW")


def test_a_slow_clock_of_heffl_is_no_proof_of_absence(organisation, key, api):
    now = timezone.now()
    row = company(organisation, status="UNCERTAIN", fence=1, clean_scans=2)
    tried(row, key, now, reason="read_timeout")
    api.clients = [remote(at=now - timedelta(minutes=3))]

    result = look(row)

    assert (result, row.status) == ("review", "REVIEW")


@pytest.mark.parametrize("year", [1970, 9999])
def test_an_absurd_date_does_not_move_the_window(organisation, key, api, year):
    now = timezone.now()
    row = company(organisation, status="SENDING", fence=1, lease_until=now)
    tried(row, key, now, verdict="")
    date = datetime(year, 12, 31, tzinfo=UTC)
    lost = Outcome(Verdict.UNCERTAIN, Phase.DONE, "http_502", 502, remote_date=date)
    answered(row, key, lost, now)
    api.clients = [remote(at=now - timedelta(days=900))]

    assert look(row) == "clean"


def test_the_older_list_is_read_whole_though_its_pages_are_shorter(
    organisation, key, monkeypatch
):
    everyone = [
        remote("Acme" if n == 50 else f"Other {n}", client_id=f"c{n}")
        for n in range(130)
    ]

    class Older(Api):
        def search(self, client_type, text):
            return NOT_THERE

        def list_clients(self, cursor=None, page_no=None):
            size, number = (100, page_no) if page_no else (20, 1)
            some = tuple(everyone[(number - 1) * size : number * size])
            page = ClientPage(some, None, number * size < 130, 130)
            return Reading(True, None, Phase.DONE, "ok", page, status=200)

    monkeypatch.setattr(credentials, "api_for", lambda credential: Older())
    row = company(organisation, status="UNCERTAIN", clean_scans=2)

    assert look(row) == "adopted"


def test_a_pause_does_not_hand_an_old_client_back_to_a_person(
    organisation, key, reviewer, api
):
    old = timezone.now() - timedelta(days=3)
    row = company(organisation, status="REVIEW", queued_at=old, fence=1)
    tried(row, key, old)
    decisions.send_again(row, user=reviewer.user)
    outbox.claim(key.fingerprint, timezone.now())
    budget = rate_limit.locked(key.fingerprint)
    rate_limit.pause(budget, 5, timezone.now())
    budget.save()

    result = look(row)

    assert (result, row.status) == ("later", "UNCERTAIN")


def test_a_restored_queue_waits_for_its_looks(organisation, key, api):
    old = timezone.now() - timedelta(days=2)
    rows = [company(organisation, f"C {n}", queued_at=old) for n in range(40)]
    restore.begin()

    for row in rows:
        look(row)

    assert not Submission.objects.filter(status="REVIEW").exists()


def test_an_unreadable_key_says_nothing_about_heffl(organisation, key):
    ApiCredential.objects.update(ciphertext=key.ciphertext[:-6] + "AAAAAA")
    holds.hold("", HoldReason.OUTAGE, timezone.now() - timedelta(minutes=5))

    probes.probe_due(lambda credential: "unreadable")

    assert holds.is_held("")


def test_an_unreadable_key_is_not_called_refused(organisation, key):
    ApiCredential.objects.update(ciphertext=key.ciphertext[:-6] + "AAAAAA")

    look(company(organisation, status="UNCERTAIN"))

    assert Hold.objects.get().reason == HoldReason.KEY_UNREADABLE


def test_a_number_that_is_not_to_be_had_is_not_asked_for_for_ever(
    organisation, key, api
):
    row = company(organisation, status="CREATED", heffl_id="gone")

    result = look(row)

    assert (result, row.reconcile_at) == ("given_up", None)


def test_a_waiting_key_that_was_refused_is_asked_about_rarely(organisation, key):
    credentials.seal_new(organisation, Secret(KEY + "x"), slot="next")
    asked = []
    waiting = probes.WaitingKeys(lambda c: asked.append(c) or "unknown")

    for _ in range(3):
        waiting.ask()

    assert len(asked) == 1


def test_the_answer_to_a_replaced_key_wakes_the_new_one(organisation, key, monkeypatch):
    row = company(organisation)
    taken = outbox.claim(key.fingerprint, timezone.now())
    works = api_keys.KeyCheck.WORKS
    monkeypatch.setattr(api_keys, "ask_about", lambda secret: works)
    change = api_keys.replace_api_key(organisation, Secret(KEY + "new"), user=None)
    outbox.claim(change.credential.fingerprint, timezone.now())

    refused = Outcome(Verdict.KEY_REFUSED, Phase.DONE, "http_401", 401)
    outbox.record_outcome(taken, refused, timezone.now())

    row.refresh_from_db()
    budget = RateBudget.objects.get(fingerprint=change.credential.fingerprint)
    assert row.status == "QUEUED"
    assert budget.wake_at or budget.desk_wake_at
    assert not Hold.objects.filter(released_at=None).exists()


def test_a_look_waits_for_a_look_alike_under_way(organisation, key, reviewer, api):
    first = company(organisation, status="REVIEW", fence=1)
    tried(first, key, timezone.now())
    second = company(organisation)
    taken = outbox.claim(key.fingerprint, timezone.now())
    decisions.send_again(first, user=reviewer.user)
    outbox.claim(key.fingerprint, timezone.now())

    made = Outcome(Verdict.CREATED, Phase.DONE, "created", 200, client=remote())
    outbox.record_outcome(taken, made, timezone.now())

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("QUEUED", "CREATED")


def test_deliver_once_does_not_wait_behind_a_look_alike(organisation, key):
    later = timezone.now() + timedelta(minutes=10)
    company(organisation, status="UNCERTAIN", reconcile_at=later)
    waiting = company(organisation)
    outbox.claim(key.fingerprint, timezone.now())
    waiting.refresh_from_db()

    assert engine._next_due_in(timezone.now()) is None
    assert "still under way" in str(wording.explain(waiting))


def test_waiting_for_a_key_is_not_failing_to_send(organisation, key):
    old = timezone.now() - timedelta(days=4)
    row = company(organisation, queued_at=old)
    taken = outbox.claim(key.fingerprint, timezone.now())

    failed = Outcome(Verdict.SAFE, Phase.CONNECTING, "refused")
    outbox.record_outcome(taken, failed, timezone.now())

    row.refresh_from_db()
    assert row.status == "QUEUED"


def test_overlong_words_of_heffl_are_cut(organisation, key):
    row = company(organisation)
    taken = outbox.claim(key.fingerprint, timezone.now())
    refused = Outcome(
        Verdict.REFUSED, Phase.DONE, "http_400", 400, "m" * 900, field="cf_" + "x" * 99
    )

    outbox.record_outcome(taken, refused, timezone.now())

    row.refresh_from_db()
    assert (len(row.message), len(row.problem_field)) == (500, 80)


def test_a_client_linked_already_is_not_linked_twice(organisation, key, reviewer, api):
    original = company(organisation, status="CREATED", heffl_id="clt_1", number="C-1")
    row = company(organisation, status="NEEDS_FIX", problem="conflict")
    api.clients = [remote()]
    look(row)

    decisions.link(row, "clt_1", user=reviewer.user)

    row.refresh_from_db()
    assert (row.status, row.heffl_id) == ("DROPPED", "")
    assert row.duplicate_of == original


def test_a_probe_waits_for_the_rate_limit_as_every_other_call(
    organisation, key, monkeypatch, settings
):
    settings.HEFFL_RATE_LIMIT = (20, 10.0)
    now = timezone.now()
    RateBudget.objects.update_or_create(
        fingerprint=key.fingerprint, defaults={"recent": [now.timestamp()] * 20}
    )
    holds.hold("", HoldReason.OUTAGE, now - timedelta(minutes=5))

    def call(_credential):
        raise AssertionError("one call too many")

    monkeypatch.setattr(probes.credentials, "api_for", call)

    probes.probe_due(lambda credential: "works")

    assert Hold.objects.get().probe_at > now
    assert holds.is_held("")
