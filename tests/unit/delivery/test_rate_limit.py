"""The budget of calls, on a simulated clock: pure arithmetic on an unsaved row."""

from __future__ import annotations

import random
from collections import deque
from datetime import UTC, datetime, timedelta

import pytest

from clients_app.delivery import rate_limit
from clients_app.delivery.rate_limit import Use, heed, next_allowed, pause, take
from clients_app.heffl.outcome import RateInfo
from clients_app.models import RateBudget

START = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _own_clock(monkeypatch):
    """These are about the window, without a database to ask for its time."""
    monkeypatch.setattr(rate_limit, "database_ahead", lambda: 0.0)


class Sliding:
    """Heffl with a window that slides: refuses the 61st call in any 60 s."""

    def __init__(self, limit: int, period: float) -> None:
        self.limit, self.period = limit, period
        self.calls: deque[float] = deque()

    def call(self, at: float) -> bool:
        while self.calls and self.calls[0] <= at - self.period:
            self.calls.popleft()
        if len(self.calls) >= self.limit:
            return False
        self.calls.append(at)
        return True


class Fixed(Sliding):
    """Heffl with a window that starts anew every 60 s."""

    def call(self, at: float) -> bool:
        window = at // self.period
        while self.calls and self.calls[0] // self.period != window:
            self.calls.popleft()
        return super().call(at)


def run(use, seconds, remote, *, jitter=0.8, desk_every=None):
    """Call as often as the budget lets us; return (calls made, calls refused)."""
    randomness = random.Random(7)
    budget = RateBudget(fingerprint="k")
    now, end = START, START + timedelta(seconds=seconds)
    arrivals = []
    next_desk = START
    while now < end:
        if desk_every and now >= next_desk:
            budget.desk_seen_at = now
            if take(budget, Use.FRONTDESK, now) is None:
                arrivals.append(now.timestamp() + randomness.uniform(0, jitter))
            next_desk = now + timedelta(seconds=desk_every)
        later = take(budget, use, now)
        if later is None:
            arrivals.append(now.timestamp() + randomness.uniform(0, jitter))
        else:
            now = min(later, next_desk) if desk_every else later
    refused = sum(not remote.call(at) for at in sorted(arrivals))
    return len(arrivals), refused


@pytest.mark.parametrize("remote", [Sliding, Fixed])
def test_imports_alone_use_58_calls_a_minute_and_are_never_refused(remote):
    calls, refused = run(Use.IMPORT, 7200, remote(60, 60.0))

    assert refused == 0
    assert calls / 120 >= 58


@pytest.mark.parametrize("remote", [Sliding, Fixed])
def test_imports_beside_an_active_desk_use_54_calls_a_minute(remote):
    calls, refused = run(Use.IMPORT, 3600, remote(60, 60.0), desk_every=5)

    assert refused == 0
    assert calls / 60 >= 54


@pytest.mark.parametrize("remote", [Sliding, Fixed])
def test_a_flood_at_the_desk_is_never_refused(remote):
    calls, refused = run(Use.FRONTDESK, 3600, remote(60, 60.0))

    assert refused == 0
    assert calls / 60 >= 54


def test_control_without_the_margin_for_jitter_calls_are_refused(monkeypatch):
    monkeypatch.setattr("clients_app.delivery.rate_limit.JITTER", -0.5)

    _, refused = run(Use.FRONTDESK, 3600, Sliding(60, 60.0))

    assert refused > 0


def test_the_desk_finds_a_reserve_beside_running_imports():
    budget = RateBudget(fingerprint="k", desk_seen_at=START)
    now = START
    for _ in range(400):
        later = take(budget, Use.IMPORT, now)
        now = later or now

    for _ in range(4):
        assert next_allowed(budget, Use.FRONTDESK, now) == now
        assert take(budget, Use.FRONTDESK, now) is None


def test_a_read_is_possible_when_imports_use_the_rest():
    budget = RateBudget(fingerprint="k")
    now = START
    for _ in range(300):
        later = take(budget, Use.IMPORT, now)
        now = later or now

    assert take(budget, Use.READ, now) is None


def test_a_desk_does_not_wait_for_the_reads_of_a_long_look():
    budget = RateBudget(fingerprint="k")
    now, end = START, START + timedelta(minutes=10)
    next_desk, came, waits = START + timedelta(seconds=90), None, []
    while now < end:
        if now >= next_desk:
            came, next_desk = now, now + timedelta(seconds=8)
            budget.desk_seen_at = now
        moments = [next_desk]
        if came:
            later = take(budget, Use.FRONTDESK, now)
            if later is None:
                waits.append((now - came).total_seconds())
                came = None
            else:
                moments.append(later)
        moments.append(take(budget, Use.READ, now) or now + timedelta(milliseconds=20))
        now = min(moments)

    assert len(waits) > 60
    assert waits[0] <= 3
    assert max(waits[1:]) <= 1


def test_none_left_pauses_the_key_until_the_reset():
    budget = RateBudget(fingerprint="k")

    heed(budget, RateInfo(limit=60, remaining=0, reset=12.0), START)

    assert next_allowed(budget, Use.FRONTDESK, START) == START + timedelta(seconds=12)


def test_a_lower_limit_in_the_headers_is_obeyed_and_forgotten_when_it_rises():
    budget = RateBudget(fingerprint="k")
    heed(budget, RateInfo(limit=5, remaining=4, reset=60.0), START)
    taken = sum(take(budget, Use.FRONTDESK, START) is None for _ in range(10))

    heed(budget, RateInfo(limit=60, remaining=50, reset=60.0), START)

    assert taken == 4
    assert take(budget, Use.FRONTDESK, START) is None


def test_a_lower_limit_is_forgotten_when_heffl_names_none_any_more():
    budget = RateBudget(fingerprint="k")
    heed(budget, RateInfo(limit=2, remaining=1, reset=60.0), START)

    def left(at):
        return sum(take(budget, Use.FRONTDESK, at) is None for _ in range(70))

    assert left(START + timedelta(minutes=50)) == 1
    assert left(START + timedelta(minutes=61)) == 59


def test_pause_is_clamped_and_never_shortened():
    budget = RateBudget(fingerprint="k")

    pause(budget, 9999, START)
    pause(budget, 5, START)

    assert budget.paused_until == START + timedelta(seconds=300)


def test_calls_from_a_clock_far_ahead_do_not_block_for_ever():
    ahead = START + timedelta(hours=3)
    budget = RateBudget(fingerprint="k", recent=[ahead.timestamp()] * 60)

    assert next_allowed(budget, Use.FRONTDESK, START) == START
