"""Rate limits, pauses and dates out of headers, however they are written."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clients_app.heffl.headers import RateInfo, pause_seconds, read_rate, remote_date

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
EPOCH = int(NOW.timestamp())
NAMES = [
    "retry-after",
    "date",
    *(
        prefix + name
        for prefix in ("ratelimit-", "x-ratelimit-")
        for name in ("limit", "remaining", "reset", "policy")
    ),
]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"retry-after": "7"}, 7),
        ({"retry-after": "7.5"}, 7.5),
        ({"retry-after": "0"}, 1),
        ({"retry-after": "99999"}, 300),
        ({"retry-after": "7, 7"}, 7),
        ({"retry-after": "soon"}, 60),
        ({"retry-after": "-5"}, 60),
        ({"retry-after": "Sun, 01 Mar 2026 08:00:20 GMT"}, 20),
        ({"retry-after": "Sun, 01 Mar 2026 07:00:00 GMT"}, 1),
        ({"ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-reset": "30"}, 30),
        ({"ratelimit-reset": "86400"}, 300),
        ({"ratelimit-reset": "86401"}, 60),
        ({"ratelimit-reset": "1000000000"}, 60),
        ({"ratelimit-reset": str(EPOCH + 45)}, 45),
        ({"ratelimit-reset": str((EPOCH + 45) * 1000)}, 45),
        ({"ratelimit-reset": str(EPOCH - 45)}, 1),
        ({"ratelimit-reset": "1e5"}, 60),
        ({"ratelimit-reset": "٣٠"}, 60),
        ({"retry-after": "7", "ratelimit-reset": "30"}, 7),
        ({"retry-after": "?", "ratelimit-reset": "30"}, 30),
    ],
)
def test_pause_follows_the_headers_within_bounds(headers, seconds):
    assert pause_seconds(headers, NOW) == seconds


def test_pause_goes_by_the_clock_of_heffl_when_it_tells_the_time():
    headers = {
        "date": "Sun, 01 Mar 2026 09:00:00 GMT",
        "ratelimit-reset": str(EPOCH + 3600 + 20),
    }

    assert pause_seconds(headers, NOW) == 20


@pytest.mark.parametrize(
    ("headers", "info"),
    [
        ({}, None),
        ({"ratelimit-limit": "many"}, None),
        (
            {
                "ratelimit-limit": "60",
                "ratelimit-remaining": "0",
                "ratelimit-reset": "12",
            },
            RateInfo(60, 0, 12.0, None),
        ),
        ({"x-ratelimit-limit": "60;w=3600"}, RateInfo(60, None, None, 3600.0)),
        (
            {"ratelimit-limit": "60, 60;w=60", "ratelimit-policy": "60;w=30"},
            RateInfo(60, None, None, 60.0),
        ),
        ({"ratelimit-policy": "60;w=60"}, RateInfo(None, None, None, 60.0)),
    ],
)
def test_rate_is_read_from_either_family_of_headers(headers, info):
    assert read_rate(headers, NOW) == info


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("Sun, 01 Mar 2026 08:00:00 GMT", NOW),
        ("Sun, 01 Mar 2026 08:00:00 -0000", NOW),
        ("Sun, 01 Mar 2026 12:00:00 +0400", NOW),
        ("Sun, 31 Feb 2026 08:00:00 GMT", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_remote_date_is_aware_or_missing(value, moment):
    assert remote_date({"date": value}) == moment


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=40)))
@example({"retry-after": "9" * 5_000, "date": "1 Jan 99999999999 00:00 +9999"})
@example({"date": "Mon, 01 Jan 0001 00:00:00 +2359", "ratelimit-reset": "9" * 16})
def test_headers_of_any_kind_give_a_pause_within_bounds(headers):
    rate = read_rate(headers, NOW)

    assert 1 <= pause_seconds(headers, NOW) <= 300
    assert rate is None or rate.reset is None or rate.reset >= 0
