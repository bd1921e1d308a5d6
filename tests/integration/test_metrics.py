"""/metrics: who may read it, what it says, and that its cost does not grow."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clients_app import tally
from clients_app.delivery import holds
from clients_app.models import HoldReason, Lane, RateBudget, Source, Status
from tests.factories import OrganisationFactory, SubmissionFactory
from tests.journeys import entered, sent

pytestmark = pytest.mark.django_db


def samples(**headers):
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics", headers=headers)
    assert answer.status_code == 200
    text = answer.content.decode()
    return dict(re.findall(r"^(portal_\S+) (\S+)$", text, re.M))


@pytest.mark.parametrize(
    ("address", "proxies", "headers", "allowed"),
    [
        ("127.0.0.1", 0, {}, True),
        ("127.8.9.1", 0, {}, True),
        ("::1", 0, {}, True),
        ("::ffff:127.0.0.1", 0, {}, True),
        ("198.51.100.7", 0, {}, False),
        ("2001:db8::1", 0, {}, False),
        ("", 0, {}, False),
        ("127.0.0.1", 0, {"X-Forwarded-For": "198.51.100.7"}, False),
        ("127.0.0.1", 1, {"X-Forwarded-For": "198.51.100.7"}, False),
        ("127.0.0.1", 1, {"X-Forwarded-For": "127.0.0.1, 198.51.100.7"}, False),
        ("127.0.0.1", 1, {}, True),
    ],
)
def test_only_this_machine_reads_it(settings, address, proxies, headers, allowed):
    settings.TRUSTED_PROXY_COUNT = proxies

    answer = Client(REMOTE_ADDR=address).get("/metrics", headers=headers)

    assert answer.status_code == (200 if allowed else 403)


def test_with_a_token_only_its_bearer_reads_it(settings):
    settings.METRICS_TOKEN = "a-long-token"

    def ask(value, address="198.51.100.7"):
        headers = {"Authorization": value} if value else {}
        return Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code

    assert ask("Bearer a-long-token") == 200
    assert ask("Bearer another") == 403
    assert ask("Bearer é") == 403
    assert ask("Basic a-long-token") == 403
    assert ask("", "127.0.0.1") == 403


def test_it_says_what_waits_and_since_when(organisation):
    now = timezone.now()
    for lane, seconds in ((Lane.FRONTDESK, 90), (Lane.IMPORT, 30), (Lane.IMPORT, 10)):
        SubmissionFactory(
            organisation=organisation,
            lane=lane,
            source=Source.IMPORT,
            queued_at=now - timedelta(seconds=seconds),
        )
    SubmissionFactory(organisation=organisation, status=Status.NEEDS_FIX)
    holds.hold("", HoldReason.OUTAGE, now)
    RateBudget.objects.create(
        fingerprint="ab" * 32, recent=[now.timestamp(), now.timestamp() - 3600]
    )

    found = samples()

    assert 90 <= float(found['portal_oldest_waiting_seconds{lane="frontdesk"}']) < 150
    assert found['portal_oldest_waiting_seconds{lane="signup"}'] == "0"
    assert found['portal_submissions{status="QUEUED"}'] == "3"
    assert found['portal_submissions{status="NEEDS_FIX"}'] == "1"
    assert found['portal_holds{reason="outage"}'] == "1"
    assert found['portal_budget_calls{key="abababab"}'] == "1"
    assert found['portal_budget_limit{key="abababab"}'] == "60"


def test_attempts_are_counted_by_what_came_of_them(organisation, connected, sandbox):
    tally.write()
    before = float(samples().get('portal_attempts_total{verdict="created"}', 0))
    sent(connected, entered(organisation, {"name": "Counted LLC"}))
    tally.write()

    found = samples()

    assert float(found['portal_attempts_total{verdict="created"}']) == before + 1


def test_counting_survives_a_database_that_fails(monkeypatch):
    tally.write()
    tally.count("sweeps", "nothing", 3)

    def fail(*args, **kwargs):
        raise OSError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(tally.transaction, "atomic", fail)
        with pytest.raises(OSError, match="gone"):
            tally.write()

    assert tally.write() == 1
    assert ("sweeps", "nothing", 3) in tally.totals()


def test_its_queries_do_not_grow_with_what_there_is(
    organisation, django_assert_num_queries
):
    samples()
    with CaptureQueriesContext(connection) as few:
        samples()
    for number in range(30):
        other = OrganisationFactory()
        SubmissionFactory(organisation=other)
        RateBudget.objects.create(fingerprint=f"{number:064x}")

    assert len(few) < 20
    with django_assert_num_queries(len(few)):
        samples()
