"""What can be changed about a running sandbox, checked when it is changed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields


class BadSetting(ValueError):
    """A setting that cannot be taken; the message says why in plain words."""


@dataclass(frozen=True, slots=True)
class Rate:
    """So many calls (`limit`) in so many seconds (`window`)."""

    limit: int
    window: float

    def __str__(self) -> str:
        return f"{self.limit}/{self.window:g}"


def parse_rate(text: object) -> Rate | None:
    """Read "60/60" as 60 calls in 60 seconds; None, "" and "off" mean no limit."""
    if text is None or text in ("", "off"):
        return None
    try:
        calls, seconds = str(text).split("/")
        rate = Rate(int(calls), float(seconds))
    except ValueError:
        raise BadSetting('A rate is written like "60/60" (calls/seconds).') from None
    if rate.limit < 1 or not (0 < rate.window < math.inf):
        raise BadSetting("A rate needs at least one call and a positive time.")
    return rate


def _seconds(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadSetting(f"{name} is a number of seconds.")
    if not 0 <= value <= 3600:
        raise BadSetting(f"{name} lies between 0 and 3600 seconds.")
    return float(value)


def _yes_no(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise BadSetting(f"{name} is true or false.")
    return value


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if isinstance(value, bool) or value not in allowed:
        choices = ", ".join(str(choice) for choice in allowed)
        raise BadSetting(f"{name} is one of: {choices}.")


@dataclass(slots=True)
class Settings:
    """The knobs of one sandbox.

    `latency` and `list_lag` are seconds: how long every API answer waits, and how
    long a new client stays invisible in lists. `rate` is None for no limit.
    `error_shape` is how v1 words an error: "v1" bare, "v2" wrapped in `error`.
    """

    latency: float = 0.0
    rate: Rate | None = None
    window: str = "sliding"
    retry_after: bool = False
    search_v1: bool = False
    error_shape: str = "v1"
    conflict_status: int = 409
    list_lag: float = 0.0
    extra_keys: bool = False

    def change(self, wanted: Mapping[str, object]) -> None:
        """Apply all of `wanted` or, on the first bad one, none (BadSetting)."""
        checked = {name: _check(name, value) for name, value in wanted.items()}
        for name, value in checked.items():
            setattr(self, name, value)

    def as_json(self) -> dict[str, object]:
        """Give every setting as a JSON value; the rate as "60/60" or null."""
        values = asdict(self)
        values["rate"] = str(self.rate) if self.rate else None
        return values


_NAMES = frozenset(field.name for field in fields(Settings))


def _check(name: str, value: object) -> object:
    if name not in _NAMES:
        raise BadSetting(f"There is no setting {name!r}.")
    if name == "rate":
        return parse_rate(value)
    if name in ("latency", "list_lag"):
        return _seconds(name, value)
    if name in ("retry_after", "search_v1", "extra_keys"):
        return _yes_no(name, value)
    if name == "window":
        _one_of(name, value, ("sliding", "fixed"))
    elif name == "error_shape":
        _one_of(name, value, ("v1", "v2"))
    else:
        _one_of(name, value, (400, 409))
    return value
