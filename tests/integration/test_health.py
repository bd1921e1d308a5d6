"""/readyz, /metrics and the log notice what would keep the portal from its work."""

from __future__ import annotations

import json
import logging
import os
import re
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.db import connection
from django.test import Client
from django.utils import timezone

from clients_app import audit, health
from clients_app.accounts.factors import MFAAdapter
from clients_app.audit import chain
from clients_app.crypto import KeyRing
from clients_app.delivery import beats, clock
from clients_app.models import AuditEvent, Beat, BeatRole, Status, Submission
from tests.factories import SubmissionFactory
from tests.fleet import Worker, wait_until
from tests.journeys import entered

pytestmark = pytest.mark.django_db
RIGHT = timezone.now


@pytest.fixture(autouse=True)
def _look_anew(monkeypatch):
    health.forget()
    monkeypatch.setattr(clock, "_clock", clock.DatabaseClock())


def ready():
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/readyz")
    return answer.status_code, answer.json()


def samples():
    text = Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()
    return dict(re.findall(r"^(portal_\S+) (\S+)$", text, re.M))


def test_all_is_well():
    status, body = ready()

    assert (status, body["status"]) == (200, "ready")
    assert {body[part] for part in health.PARTS} == {"ok"}
    found = samples()
    assert {found[f'portal_ready{{part="{part}"}}'] for part in health.PARTS} == {"1"}


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
@pytest.mark.parametrize(
    "host", ["", "evil.example", "127.0.0.1:8000", "a_b", "[", "x" * 300]
)
def test_monitoring_is_answered_whatever_it_calls_the_host(settings, path, host):
    settings.SECURE_SSL_REDIRECT = True
    asker = Client(REMOTE_ADDR="127.0.0.1", HTTP_HOST=host)

    assert asker.get(path).status_code == 200
    assert asker.head(path).status_code == 200
    assert asker.post(path).status_code == 405


def test_monitoring_asks_for_no_session(owner, signed_in, django_assert_num_queries):
    asker = signed_in(owner)

    with django_assert_num_queries(0):
        assert asker.get("/healthz").status_code == 200


def wrong(settings):
    settings.PORTAL_KEYRING = KeyRing({"test": os.urandom(32)})
    return ready()


WRONG_RING = "key test does not open what it sealed"


def test_a_ring_of_the_right_name_with_wrong_bytes_is_told_by_a_key(
    settings, connected, caplog
):
    assert ready()[0] == 200

    status, body = wrong(settings)

    assert (status, body["keyring"]) == (503, WRONG_RING)
    assert samples()['portal_ready{part="keyring"}'] == "0"
    assert [r.reason for r in caplog.records if r.message == "not ready"] == [
        WRONG_RING
    ]


def test_it_is_told_by_a_seal_of_the_audit_trail(settings):
    audit.record("test", organisation=None)
    chain.seal_due(everything=True)

    assert wrong(settings)[1]["keyring"] == WRONG_RING


def test_it_is_told_by_a_second_factor(settings, owner):
    sealed = MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")
    Authenticator.objects.create(user=owner.user, type="totp", data={"secret": sealed})

    assert ready()[0] == 200
    assert wrong(settings)[1]["keyring"] == "key test does not open second factors"


def test_one_damaged_key_among_others_is_not_the_rings_fault(connected, organisation):
    connected.ciphertext = connected.ciphertext[:-4] + "AAAA"
    connected.save()
    audit.record("test", organisation=None)
    chain.seal_due(everything=True)

    assert ready()[0] == 200


@pytest.mark.parametrize("bound", ["LEAST_BYTES", "LEAST_FILES"])
def test_a_disk_with_too_little_room(monkeypatch, bound):
    monkeypatch.setattr(health, bound, 2**60)

    status, body = ready()

    assert status == 503
    assert "are left for" in body["disk"]
    assert samples()['portal_ready{part="disk"}'] == "0"
    assert float(samples()['portal_disk_free_bytes{of="var"}']) > 0


def test_a_disk_that_is_nearly_full_is_a_warning(monkeypatch):
    monkeypatch.setattr(health, "FEW_BYTES", 2**60)

    status, body = ready()

    assert status == 200
    assert "the disk of var is nearly full" in body["warnings"]


def test_a_clock_that_was_put_back_is_told_by_what_was_written():
    AuditEvent.objects.create(action="test", at=RIGHT() + timedelta(hours=2))

    status, body = ready()

    assert status == 503
    assert re.fullmatch(r"7\d\d\d s behind the database's", body["clock"])
    assert float(samples()["portal_clock_offset_seconds"]) == pytest.approx(
        7200, abs=60
    )


@pytest.mark.skipif(connection.vendor == "sqlite", reason="its clock is the machine's")
@pytest.mark.parametrize(("hours", "side"), [(2, "ahead of"), (-2, "behind")])
def test_a_clock_apart_from_the_databases(monkeypatch, hours, side):
    monkeypatch.setattr(timezone, "now", lambda: RIGHT() + timedelta(hours=hours))

    status, body = ready()

    assert status == 503
    assert re.fullmatch(rf"7[12]\d\d s {side} the database's", body["clock"])


def test_no_worker_is_a_warning():
    assert ready()[1]["warnings"][0] == "no delivery worker was ever seen"
    assert samples()["portal_worker_last_seen_seconds"] == "inf"

    Beat.objects.create(
        name="a", role=BeatRole.WORKER, seen_at=RIGHT() - timedelta(seconds=300)
    )

    status, body = ready()
    assert status == 200
    assert re.fullmatch(r"no delivery worker was seen for 3\d\d s", body["warnings"][0])
    assert 300 <= float(samples()["portal_worker_last_seen_seconds"]) < 400


def test_a_start_does_not_miss_the_worker_that_starts_beside_it(caplog):
    health.tell(starting=True)
    assert caplog.messages == []

    health.tell()
    assert caplog.messages == ["not in order"]


def test_a_process_that_has_gone_is_forgotten():
    long_ago = RIGHT() - timedelta(days=2)
    for role in BeatRole:
        Beat.objects.create(name=role, role=role, seen_at=long_ago)

    beats.beat("newer", BeatRole.WORKER)

    assert set(Beat.objects.values_list("name", flat=True)) == {"newer", "web"}


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_beats(sandbox):
    worker = Worker(sandbox.base_url)
    try:
        assert wait_until(lambda: Beat.objects.filter(role=BeatRole.WORKER).exists())
        assert float(samples()["portal_worker_last_seen_seconds"]) < 90
        assert not [w for w in ready()[1]["warnings"] if "worker" in w]
    finally:
        worker.stop()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="its clock is the machine's")
@pytest.mark.parametrize("seconds", [-7200, 7200])
def test_a_worker_with_a_wrong_clock_sends_nothing_and_says_so(
    sandbox, connected, organisation, seconds
):
    row = entered(organisation)
    held = SubmissionFactory(
        organisation=organisation,
        status=Status.SENDING,
        lease_until=RIGHT() + timedelta(minutes=2),
    )
    worker = Worker(
        sandbox.base_url,
        DJANGO_SETTINGS_MODULE="tests.soak.settings",
        SOAK_CLOCK=str(seconds),
    )
    try:
        assert wait_until(lambda: Beat.objects.filter(role=BeatRole.WORKER).count())
        told = [words for words in ready()[1]["warnings"] if "clock" in words]
        assert len(told) == 1, ready()
        assert told[0].endswith("it sends nothing")
        offset = float(samples()["portal_worker_clock_offset_seconds"])
        assert offset == pytest.approx(-seconds, abs=10)
    finally:
        log = worker.stop()

    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [line for line in lines if line.get("action") == "clock"], log[-2000:]
    statuses = Submission.objects.in_bulk([row.pk, held.pk])
    assert statuses[row.pk].status == Status.QUEUED
    assert statuses[held.pk].status == Status.SENDING


def test_it_is_said_in_the_log_once_and_again_when_it_is_over(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "portal.health")
    with monkeypatch.context() as patch:
        patch.setattr(health, "LEAST_BYTES", 2**60)
        for _ in range(3):
            ready()
    ready()

    said = [r.message for r in caplog.records if getattr(r, "action", "") == "disk"]
    assert said == ["not ready", "ready again"]
