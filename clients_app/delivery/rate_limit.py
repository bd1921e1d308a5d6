"""One budget of calls per API key, kept in the database and shared by every worker.

A sliding window over our own calls, a little longer than Heffl's to allow for network
jitter, keeps under the limit whether Heffl's window slides or is fixed. Imports are spaced
evenly and leave a reserve while the front desk is active; so do reads, after a first few,
and one more call is theirs alone, that imports may not crowd them out.
"""

from __future__ import annotations

import enum
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction

from clients_app.delivery.clock import database_ahead
from clients_app.heffl.outcome import RateInfo
from clients_app.models import ApiCredential, Lane, Organisation, RateBudget

JITTER = 0.8
DESK_ACTIVE_FOR = timedelta(minutes=10)
DESK_RESERVE = 4
READS_AT_ONCE = 20
"""After so many calls in a window reads are spaced like imports: a long look reads pages."""
LIMIT_KEPT_FOR = timedelta(hours=1)
"""Heffl may name its limit only when it refuses: a lower one is believed for so long."""
SPACING = 0.95
"""Imports are spaced a little tighter than the window needs: a worker is never on the dot."""


class Use(enum.IntEnum):
    """What a call is for; the first three are the lanes of submissions."""

    FRONTDESK = Lane.FRONTDESK
    SIGNUP = Lane.SIGNUP
    IMPORT = Lane.IMPORT
    READ = 3


def limits(budget: RateBudget, now: datetime) -> tuple[int, float]:
    """Return how many calls a key may make now, in a window of how many seconds."""
    limit, period = settings.HEFFL_RATE_LIMIT
    seen_at = budget.limit_seen_at
    if budget.limit_seen and seen_at and now - seen_at < LIMIT_KEPT_FOR:
        limit = min(limit, budget.limit_seen)
    return int(limit), float(period)


def _cap(budget: RateBudget, use: Use, now: datetime, limit: int) -> int:
    total = max(1, limit - 1)
    if use is Use.FRONTDESK:
        return total
    desk_active = (
        budget.desk_seen_at is not None and now - budget.desk_seen_at < DESK_ACTIVE_FOR
    )
    reserve = min(DESK_RESERVE, total // 4) if desk_active or use is Use.SIGNUP else 0
    return max(1, total - reserve + (use is Use.READ))


def next_allowed(budget: RateBudget, use: Use, now: datetime) -> datetime:
    """Return when a call for `use` may start: `now` itself when it may start at once."""
    if budget.paused_until and budget.paused_until > now:
        return budget.paused_until
    limit, period = limits(budget, now)
    window = period + JITTER
    ahead = database_ahead()
    clock = now.timestamp() + ahead
    recent = sorted(
        called for called in budget.recent if clock - window < called <= clock + window
    )
    cap = _cap(budget, use, now, limit)
    earliest = clock
    if len(recent) >= cap:
        earliest = recent[len(recent) - cap] + window
    spaced = use is Use.READ and READS_AT_ONCE <= len(recent) < cap - 1
    if recent and (spaced or use is Use.IMPORT):
        gap = SPACING * window / max(1, limit - 1)
        earliest = max(earliest, recent[-1] + gap)
    if earliest <= clock:
        return now
    allowed = datetime.fromtimestamp(earliest - ahead, UTC)
    return allowed + timedelta(milliseconds=1)


def next_for(organisation: Organisation, use: Use, now: datetime) -> datetime:
    """Return when a call of an organisation's current key may start; a look, no lock.

    To wake the queue earlier than that would cost a worker a transaction for nothing.
    """
    keys = ApiCredential.objects.current().filter(organisation=organisation)
    found = RateBudget.objects.filter(fingerprint__in=keys.values("fingerprint"))
    budget = found.first()
    return next_allowed(budget, use, now) if budget else now


def take(budget: RateBudget, use: Use, now: datetime) -> datetime | None:
    """Book one call on a locked budget row, unsaved; or return when to ask again.

    Returns None when the call may start now.
    """
    allowed = next_allowed(budget, use, now)
    if allowed > now:
        return allowed
    _book(budget, now)
    return None


def _book(budget: RateBudget, now: datetime) -> None:
    _, period = limits(budget, now)
    clock = now.timestamp() + database_ahead()
    kept = [called for called in budget.recent if clock - called < period + JITTER]
    budget.recent = [*kept, round(clock, 3)]


def take_read(fingerprint: str, now: datetime) -> datetime | None:
    """Book one reading call for a key, in a transaction of its own.

    Returns None when it may start now, else when to ask again.
    """
    with transaction.atomic():
        budget = locked(fingerprint)
        later = take(budget, Use.READ, now)
        if later is None:
            budget.save(update_fields=["recent"])
    return later


def note_call(fingerprint: str, now: datetime) -> None:
    """Count a call that a person asked for and that did not wait for the budget."""
    with transaction.atomic():
        budget = locked(fingerprint)
        _book(budget, now)
        budget.save(update_fields=["recent"])


def locked(fingerprint: str) -> RateBudget:
    """Return the key's budget row, locked until the transaction ends; made when missing."""
    found = RateBudget.objects.select_for_update().filter(fingerprint=fingerprint)
    budget = found.first()
    if budget is None:
        RateBudget.objects.bulk_create(
            [RateBudget(fingerprint=fingerprint)], ignore_conflicts=True
        )
        budget = found.get()
    return budget


def heed(budget: RateBudget, rate: RateInfo | None, now: datetime) -> None:
    """Take to heart what the remote's RateLimit headers say, on a locked row, unsaved.

    A lower limit than ours counts, for an hour; none left pauses the key until the reset.
    """
    if rate is None:
        return
    if rate.limit is not None and rate.limit > 0:
        own, period = settings.HEFFL_RATE_LIMIT
        same_window = rate.window is None or rate.window == period
        budget.limit_seen = rate.limit if same_window and rate.limit < own else None
        budget.limit_seen_at = now if budget.limit_seen else None
    if rate.remaining == 0:
        pause(budget, rate.reset or 1.0, now)


def pause(budget: RateBudget, seconds: float, now: datetime) -> None:
    """Let a key rest for so many seconds, on a locked row, unsaved; never shortens a rest."""
    until = now + timedelta(seconds=min(max(seconds, 1.0), 300.0))
    if budget.paused_until is None or budget.paused_until < until:
        budget.paused_until = until
