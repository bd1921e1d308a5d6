"""Counts what happens, for /metrics: in memory first, then in the database.

Counting costs the work that is counted nothing. What a killed process had not written yet
is missing from the counters, never from the submissions: these are figures, not books.
"""

from __future__ import annotations

import threading
from collections import Counter

from django.db import transaction
from django.db.models import F

from clients_app.models import Tally


class Counts:
    """What was counted and not written down yet; threads may share it.

    Its size is bounded by the names and labels there are, which are the code's own.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pending: Counter[tuple[str, str]] = Counter()

    def add(self, name: str, label: str, by: int) -> None:
        with self._lock:
            self._pending[name, label] += by

    def take(self) -> dict[tuple[str, str], int]:
        """Return what was counted, and begin anew."""
        with self._lock:
            found = dict(self._pending)
            self._pending.clear()
        return found

    def put_back(self, found: dict[tuple[str, str], int]) -> None:
        """Count again what was taken and could not be written."""
        with self._lock:
            self._pending.update(found)


_counts = Counts()


def count(name: str, label: object, by: int = 1) -> None:
    """Count something that happened in this process.

    `name` is one that /metrics knows; of the `label` 40 characters count.
    """
    _counts.add(name, str(label)[:40], by)


def write() -> int:
    """Add what was counted to the stored counters; return how many were changed.

    Raises what the database raises; what was counted is kept for the next time.
    """
    found = _counts.take()
    try:
        with transaction.atomic():
            for (name, label), by in sorted(found.items()):
                if not Tally.objects.filter(name=name, label=label).update(
                    value=F("value") + by
                ):
                    Tally.objects.bulk_create(
                        [Tally(name=name, label=label)], ignore_conflicts=True
                    )
                    Tally.objects.filter(name=name, label=label).update(
                        value=F("value") + by
                    )
    except Exception:
        _counts.put_back(found)
        raise
    return len(found)


def totals() -> list[tuple[str, str, int]]:
    """Return (name, label, value) of every stored counter, sorted."""
    rows = Tally.objects.order_by("name", "label")
    return list(rows.values_list("name", "label", "value"))
