"""Every duration of delivery, in seconds, in one place (settings.DELIVERY_TIMING)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from django.conf import settings


@dataclass(frozen=True)
class Timing:
    """How long things take. The defaults are for real use; tests shorten them."""

    lease: float = 120.0
    """A claimed row may not be touched by others for this long."""
    look_after: tuple[float, ...] = (30.0, 120.0, 600.0)
    """When to look for an unclear client, counted from the attempt's deadline."""
    look_lease: float = 120.0
    """One look may take this long before another worker may begin it anew."""
    unreadable_limit: float = 24 * 3600.0
    """An unclear client that could not be looked up for this long goes to a person."""
    backoff_base: float = 5.0
    backoff_cap: float = 900.0
    give_up: float = 72 * 3600.0
    """A client that could not even be sent for this long goes to a person."""
    sweep: float = 30.0
    late: float = 10.0
    """A queue whose wake-up is overdue by more is woken again by the sweeper."""
    probe_first: float = 5.0
    probe_cap: float = 60.0
    key_probe: float = 600.0
    wait_default: float = 60.0
    task_stuck: float = 600.0
    task_keep: float = 600.0


MAX_IN_FLIGHT = 3
FAILURES_PER_KEY = 5
FAILURES_OVER_ALL = 10
FIREWALLS_IN_ROW = 3


def timing() -> Timing:
    """Return the durations in force."""
    return cast(Timing, getattr(settings, "DELIVERY_TIMING", None) or Timing())
