"""How many calls a key has left: a sliding or a fixed window, per key.

Calls that are refused for the limit are not counted themselves.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from heffl_sandbox.settings import Rate, Settings


@dataclass(frozen=True, slots=True)
class Budget:
    """What one call found: `reset` is whole seconds until there is room again."""

    allowed: bool
    limit: int
    remaining: int
    reset: int

    def headers(self) -> dict[str, str]:
        """Give the three RateLimit headers that every answer carries."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
        }


class RateLimiter:
    """Counts calls per key under the rate and window of the settings."""

    def __init__(
        self, settings: Settings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: dict[str, deque[float]] = {}

    def take(self, key: str) -> Budget | None:
        """Count one call of `key`; None when there is no limit."""
        return self._look(key, count=True)

    def would_refuse(self, key: str) -> bool:
        """Say whether the next call of `key` is over the limit, without counting."""
        budget = self._look(key, count=False)
        return budget is not None and not budget.allowed

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()

    def _look(self, key: str, *, count: bool) -> Budget | None:
        rate = self._settings.rate
        if rate is None:
            return None
        with self._lock:
            now = self._clock()
            calls = self._calls.setdefault(key, deque())
            self._expire(calls, rate, now)
            allowed = len(calls) < rate.limit
            if allowed and count:
                calls.append(now)
            start = calls[0] if calls else now
            reset = max(1, math.ceil(start + rate.window - now))
            remaining = max(0, rate.limit - len(calls))
            return Budget(allowed, rate.limit, remaining, reset)

    def _expire(self, calls: deque[float], rate: Rate, now: float) -> None:
        if self._settings.window == "fixed":
            if calls and now - calls[0] >= rate.window:
                calls.clear()
            return
        while calls and now - calls[0] >= rate.window:
            calls.popleft()
