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

_lock = threading.Lock()
_pending: Counter[tuple[str, str]] = Counter()


def count(name: str, label: object, by: int = 1) -> None:
    """Count something that happened in this process."""
    with _lock:
        _pending[name, str(label)[:40]] += by


def write() -> int:
    """Add what was counted to the stored counters; returns how many were changed."""
    with _lock:
        found = dict(_pending)
        _pending.clear()
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
        with _lock:
            _pending.update(found)
        raise
    return len(found)


def totals() -> list[tuple[str, str, int]]:
    """Return (name, label, value) of every stored counter, sorted."""
    rows = Tally.objects.order_by("name", "label")
    return list(rows.values_list("name", "label", "value"))
