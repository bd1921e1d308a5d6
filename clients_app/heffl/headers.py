"""What the headers of an answer say about time: the rate limit, the pause, the date.

Pure and total: any header value whatever gives a result, never an exception. Header
names come in small letters.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

SHORTEST_WAIT = 1.0
LONGEST_WAIT = 300.0
USUAL_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class RateInfo:
    """What the rate headers said; `reset` and `window` in seconds from the answer."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    window: float | None = None


def read_rate(headers: Mapping[str, str], received_at: datetime) -> RateInfo | None:
    """Read `RateLimit-*` (or `X-RateLimit-*`); None when there is nothing of it.

    The window comes as `;w=60` behind the limit or in `RateLimit-Policy`.
    """
    limit, remaining = (
        _rate_number(headers, "limit"),
        _rate_number(headers, "remaining"),
    )
    info = RateInfo(
        limit=None if limit is None else int(limit),
        remaining=None if remaining is None else int(remaining),
        reset=_reset_seconds(headers, received_at),
        window=_rate_window(headers),
    )
    return None if info == RateInfo() else info


def pause_seconds(headers: Mapping[str, str], received_at: datetime) -> float:
    """Return how long a key rests after a 425 or 429: 1 to 300 s, usually 60 s."""
    wait = _retry_after(headers, received_at)
    if wait is None:
        wait = _reset_seconds(headers, received_at)
    if wait is None:
        wait = USUAL_WAIT
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)


def remote_date(headers: Mapping[str, str]) -> datetime | None:
    """Return the moment of the `Date` header, aware, in UTC; None without a readable one."""
    return _http_date(headers.get("date", ""))


# Sixteen digits hold any epoch in milliseconds; more would only slow the parser.
_NUMBER = re.compile(r"\s*([0-9]{1,16}(?:\.[0-9]{1,9})?)\s*(?:[,;].*)?", re.ASCII)
_WINDOW = re.compile(r";\s*w=([0-9]{1,9})\b", re.ASCII)


def _leading_number(value: str) -> float | None:
    found = _NUMBER.fullmatch(value[:200])
    return float(found[1]) if found else None


def _rate_header(headers: Mapping[str, str], name: str) -> str:
    return headers.get(f"ratelimit-{name}", headers.get(f"x-ratelimit-{name}", ""))


def _rate_number(headers: Mapping[str, str], name: str) -> float | None:
    return _leading_number(_rate_header(headers, name))


def _rate_window(headers: Mapping[str, str]) -> float | None:
    for name in ("limit", "policy"):
        found = _WINDOW.search(_rate_header(headers, name)[:200])
        if found:
            return float(found[1])
    return None


def _reset_seconds(headers: Mapping[str, str], received_at: datetime) -> float | None:
    """Return the seconds until the reset, whichever of three units Heffl uses."""
    number = _rate_number(headers, "reset")
    if number is None or number <= 86_400:
        return number
    if number <= 1e9:
        return None
    epoch = number / 1_000 if number > 1e12 else number
    # Their reset is told by their clock, so it is compared with their clock.
    now = remote_date(headers) or received_at
    return max(epoch - now.timestamp(), 0.0)


def _retry_after(headers: Mapping[str, str], received_at: datetime) -> float | None:
    value = headers.get("retry-after", "")
    seconds = _leading_number(value)
    if seconds is not None:
        return seconds
    moment = _http_date(value)
    if moment is None:
        return None
    now = remote_date(headers) or received_at
    return max((moment - now).total_seconds(), 0.0)


def _http_date(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value[:100])
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
