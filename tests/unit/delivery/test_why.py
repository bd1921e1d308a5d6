"""Why a queued client waits, and how long: each reason, and which goes first."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from clients_app import credentials
from clients_app.crypto import Secret
from clients_app.delivery import holds, why
from clients_app.delivery.why import Reason, Wait
from clients_app.models import HoldReason, IncidentKind, Lane, RateBudget, Status
from tests.conftest import KEY
from tests.factories import OrganisationFactory, SubmissionFactory

pytestmark = pytest.mark.django_db
NOW = timezone.now()
SENDING = {"status": Status.SENDING, "lease_until": NOW + timedelta(minutes=2)}


def after(seconds):
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def key(organisation):
    return credentials.seal_new(organisation, Secret(KEY), verified_at=NOW)


@pytest.fixture
def queued(organisation, key):
    """Return a function that makes a client of an organisation with a key that works."""

    def make(**more):
        return SubmissionFactory(organisation=organisation, not_before=NOW, **more)

    return make


def test_what_nothing_stops_is_sent_in_a_moment(queued):
    assert why.wait_of(queued(), NOW) == Wait(Reason.NOTHING)


def test_without_a_key_nothing_is_sent(organisation):
    row = SubmissionFactory(organisation=organisation)

    assert why.wait_of(row, NOW) == Wait(Reason.STOPPED, IncidentKind.NO_KEY)


@pytest.mark.parametrize("reason", HoldReason)
@pytest.mark.parametrize("scope", ["key", "everything"])
def test_a_hold_stops_the_client_and_the_organisation(queued, key, reason, scope):
    holds.hold(key.fingerprint if scope == "key" else "", reason, NOW)
    row = queued()

    assert why.wait_of(row, NOW) == Wait(Reason.STOPPED, IncidentKind(reason))
    assert why.stop_of(row.organisation) == IncidentKind(reason)


def test_the_hold_on_everything_is_told_before_that_of_the_key(queued, key):
    holds.hold(key.fingerprint, HoldReason.KEY_REFUSED, NOW)
    holds.hold("", HoldReason.OUTAGE, NOW)

    assert why.wait_of(queued(), NOW).stop == IncidentKind.OUTAGE


def test_the_hold_on_everything_is_told_before_a_missing_key(organisation):
    holds.hold("", HoldReason.OUTAGE, NOW)

    assert why.stop_of(organisation) == IncidentKind.OUTAGE


def test_another_keys_hold_and_one_that_ended_stop_nothing(queued, key):
    holds.hold("f" * 64, HoldReason.KEY_REFUSED, NOW)
    holds.hold(key.fingerprint, HoldReason.KEY_REFUSED, NOW)
    holds.release(key.fingerprint, HoldReason.KEY_REFUSED, NOW)

    assert why.wait_of(queued(), NOW) == Wait(Reason.NOTHING)


@pytest.mark.parametrize(
    ("failures", "reason"), [(0, Reason.ASKED_TO_WAIT), (2, Reason.UNREACHED)]
)
def test_a_client_with_a_time_of_its_own_waits_for_it(queued, failures, reason):
    row = queued(safe_failures=failures)
    row.not_before = after(30)

    assert why.wait_of(row, NOW) == Wait(reason, seconds=30)


def test_a_pause_of_the_key_is_waited_for(queued, key):
    RateBudget.objects.create(fingerprint=key.fingerprint, paused_until=after(44))
    RateBudget.objects.create(fingerprint="other", paused_until=after(90))

    assert why.wait_of(queued(), NOW) == Wait(Reason.ASKED_TO_WAIT, seconds=44)


def test_of_pause_and_own_time_the_later_one_counts(queued, key):
    RateBudget.objects.create(fingerprint=key.fingerprint, paused_until=after(44))
    row = queued()
    row.not_before = after(60)

    assert why.wait_of(row, NOW).seconds == 60


def test_a_few_seconds_are_no_wait(queued):
    row = queued(safe_failures=1)
    row.not_before = after(why.SOON)

    assert why.wait_of(row, NOW) == Wait(Reason.NOTHING)


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (SENDING, Reason.LOOK_ALIKE),
        ({"status": Status.UNCERTAIN}, Reason.LOOK_ALIKE),
        ({"status": Status.REVIEW}, Reason.NOTHING),
    ],
)
def test_only_a_look_alike_under_way_is_waited_for(queued, state, reason):
    row = queued()
    queued(match_key=row.match_key, **state)

    assert why.wait_of(row, NOW) == Wait(reason)


def test_a_look_alike_of_an_organisation_with_the_same_key_is_waited_for(queued):
    row = queued()
    other = OrganisationFactory()
    SubmissionFactory(organisation=other, match_key=row.match_key, **SENDING)
    apart = why.wait_of(row, NOW)
    credentials.seal_new(other, Secret(KEY), verified_at=NOW)

    assert apart == Wait(Reason.NOTHING)
    assert why.wait_of(row, NOW) == Wait(Reason.LOOK_ALIKE)


def test_many_before_a_client_are_counted_with_the_time_they_take(queued, settings):
    settings.HEFFL_RATE_LIMIT = (30, 60)
    rows = [queued() for _ in range(why.MANY_AHEAD + 1)]
    queued(lane=Lane.IMPORT)

    assert why.wait_of(rows[-1], NOW) == Wait(
        Reason.BEHIND_OTHERS, seconds=20, ahead=10
    )
    assert why.wait_of(rows[-2], NOW) == Wait(Reason.NOTHING, ahead=9)


def test_an_import_waits_for_the_wider_lanes_too(queued, settings):
    settings.HEFFL_RATE_LIMIT = (60, 60)
    row = queued(lane=Lane.IMPORT)
    for lane in (Lane.FRONTDESK, Lane.SIGNUP):
        for _ in range(5):
            queued(lane=lane)
    queued(status=Status.UNCERTAIN)

    assert why.wait_of(row, NOW) == Wait(Reason.BEHIND_OTHERS, seconds=10, ahead=10)


def test_an_answer_costs_seven_queries_at_most(queued, django_assert_max_num_queries):
    row = queued(lane=Lane.IMPORT)

    with django_assert_max_num_queries(7):
        why.wait_of(row, NOW)
