"""Both windows, with a clock moved by hand."""

import pytest

from heffl_sandbox.rate_limit import RateLimiter
from heffl_sandbox.settings import Rate, Settings


@pytest.fixture
def limiter_of(now):
    def make(window, rate="3/10"):
        calls, seconds = rate.split("/")
        settings = Settings(rate=Rate(int(calls), float(seconds)), window=window)
        return RateLimiter(settings, clock=lambda: now.value)

    return make


def test_take_without_a_rate_is_free():
    limiter = RateLimiter(Settings())

    assert limiter.take("a") is None
    assert limiter.would_refuse("a") is False


@pytest.mark.parametrize("window", ["sliding", "fixed"])
def test_take_allows_exactly_the_limit(limiter_of, window):
    limiter = limiter_of(window)

    taken = [limiter.take("a") for _ in range(5)]

    assert [one.allowed for one in taken] == [True, True, True, False, False]
    assert [one.remaining for one in taken] == [2, 1, 0, 0, 0]
    assert {one.limit for one in taken} == {3}


def test_sliding_window_frees_one_slot_at_a_time(limiter_of, now):
    limiter = limiter_of("sliding")
    for step in (0, 4, 4):
        now.value += step
        limiter.take("a")

    refused = limiter.take("a")
    now.value += 2
    after_first = [limiter.take("a").allowed for _ in range(2)]

    assert (refused.allowed, refused.reset) == (False, 2)
    assert after_first == [True, False]


def test_fixed_window_frees_all_slots_at_its_end(limiter_of, now):
    limiter = limiter_of("fixed")
    for step in (0, 4, 4):
        now.value += step
        limiter.take("a")

    refused = limiter.take("a")
    now.value += 2
    after = [limiter.take("a").allowed for _ in range(4)]

    assert (refused.allowed, refused.reset) == (False, 2)
    assert after == [True, True, True, False]


def test_fixed_window_opens_with_the_first_call(limiter_of, now):
    limiter = limiter_of("fixed", "2/10")
    now.value += 9
    limiter.take("a")
    now.value += 9

    second, third = limiter.take("a"), limiter.take("a")

    assert (second.allowed, second.reset) == (True, 1)
    assert third.allowed is False


def test_refused_calls_are_not_counted(limiter_of, now):
    limiter = limiter_of("sliding", "1/10")
    limiter.take("a")
    for _ in range(9):
        now.value += 1
        limiter.take("a")

    now.value += 1

    assert limiter.take("a").allowed is True


def test_keys_have_budgets_of_their_own(limiter_of):
    limiter = limiter_of("sliding", "1/10")
    limiter.take("a")

    assert limiter.take("b").allowed is True


def test_would_refuse_does_not_count(limiter_of):
    limiter = limiter_of("sliding", "1/10")

    before = [limiter.would_refuse("a") for _ in range(3)]
    limiter.take("a")

    assert before == [False, False, False]
    assert limiter.would_refuse("a") is True


def test_clear_gives_the_whole_budget_back(limiter_of):
    limiter = limiter_of("fixed", "1/10")
    limiter.take("a")

    limiter.clear()

    assert limiter.take("a").allowed is True
