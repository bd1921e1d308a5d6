"""The calls of a key are counted by the database's clock, whatever this machine's says."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from clients_app.delivery import clock, rate_limit
from clients_app.delivery.rate_limit import Use
from clients_app.models import RateBudget

pytestmark = pytest.mark.django_db
RIGHT = timezone.now


@pytest.fixture(autouse=True)
def _ask_anew(monkeypatch):
    monkeypatch.setattr(clock, "_clock", clock.DatabaseClock())


@pytest.fixture
def _wrong_clock(monkeypatch):
    monkeypatch.setattr(timezone, "now", lambda: RIGHT() + timedelta(seconds=5))


def test_a_right_clock_is_left_alone():
    assert clock.database_ahead() == 0.0


@pytest.mark.usefixtures("_wrong_clock")
def test_a_fast_machine_is_told_that_the_database_is_behind():
    expected = -5.0 if connection.vendor == "postgresql" else 0.0

    assert clock.database_ahead() == pytest.approx(expected, abs=0.2)


@pytest.mark.usefixtures("_wrong_clock")
def test_a_fast_machine_forgets_no_call_early(settings):
    if connection.vendor != "postgresql":
        pytest.skip("SQLite is used on one machine")
    settings.HEFFL_RATE_LIMIT = (4, 60.0)
    others = RIGHT().timestamp() - 58
    budget = RateBudget(
        fingerprint="shared", recent=[others + n / 10 for n in range(3)]
    )

    allowed = rate_limit.next_allowed(budget, Use.FRONTDESK, timezone.now())

    waits = (allowed - timezone.now()).total_seconds()
    assert waits == pytest.approx(2.8, abs=0.3)


def test_a_machine_that_vanished_does_not_keep_its_locks():
    if connection.vendor != "postgresql":
        pytest.skip("about PostgreSQL's connections")
    with connection.cursor() as cursor:
        cursor.execute("SHOW idle_in_transaction_session_timeout")
        answer = cursor.fetchone()[0]

    assert answer == "1min"
