"""Guessing is slowed down, and nobody can lock anybody else out.

Wrong tries count per address and place: the fifth brings a wait, each further one twice as
long, and a try that comes too early makes it a little longer. A try takes its place before the password is looked at, so the count is exact however
many come at once; no thread ever waits. A right one gives its place back, and no more:
somebody in the same network cannot have theirs forgotten that way.

Looser bounds hold for a network over all addresses and for an address over all networks.
A browser that the person has signed in with is bound by its own count alone, and a network
they have signed in from by none of strangers elsewhere. Addresses that nobody has are
treated alike. Passkeys hold nothing to guess; they pass by all this.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, FloatField, Value
from django.db.models.functions import Least
from django.http import HttpRequest
from django.utils import timezone

from clients_app import throttle
from clients_app.accounts import places
from clients_app.accounts.places import Place
from clients_app.models import SignInPlace, User
from clients_app.throttle import Limit

log = logging.getLogger("portal.accounts")
FREE = 5
FIRST_WAIT = 60.0
LONGEST_WAIT = 3600.0
IMPATIENCE = 10.0
"""Seconds that each try adds which comes before its time, and is not looked at."""
FORGET_AFTER = timedelta(days=1)
"""Without a try; then a place counts anew."""
NETWORK = Limit(window=3600.0, odd=60, most=60)
"""Wrong tries from one network, at all addresses. An office is one."""
ADDRESS = Limit(window=3600.0, odd=20, most=100)
"""Wrong passwords for one address, from all networks the person has not used."""
CODES = Limit(window=24 * 3600.0, odd=4, most=20)
"""The same for a second factor: six digits, asked only of who has the password."""
EPISODE = Limit(window=24 * 3600.0, odd=1, most=1)
"""Mails to one person that somebody tries their password."""


class TooManyTries(Exception):
    """This try was not looked at. `seconds` later another one is."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = max(1, math.ceil(seconds))


@dataclass(frozen=True)
class Try:
    """One try that has taken its place; call succeeded() when it was right."""

    request: HttpRequest
    whose: str
    place: Place
    is_odd: bool
    bounds: tuple[tuple[str, Limit], ...]

    def succeeded(self) -> None:
        """Give back what the try took, and know this place from now on."""
        now = timezone.now()
        with transaction.atomic():
            row = SignInPlace.objects.select_for_update().get(mark=self.place.mark)
            row.tries = 0 if self.place.is_own else max(0, row.tries - 1)
            row.free_at = min(row.free_at, now.timestamp())
            row.save(update_fields=["tries", "free_at"])
            for mark, limit in self.bounds:
                throttle.give_back(mark, limit)
            places.know(self.request, self.whose, now)

    def is_alarming(self) -> bool:
        """Say whether the person should hear of it, when it failed: once a day."""
        if not self.is_odd:
            return False
        log.warning("guessing slowed down")
        with transaction.atomic():
            told = throttle.mark_of("guessing told", self.whose)
            return throttle.take(told, EPISODE, timezone.now()) is not None


def _wait(tries: int) -> float:
    return min(FIRST_WAIT * 2.0 ** min(tries - FREE, 20), LONGEST_WAIT)


def _take(place: Place, now: datetime) -> int:
    """Count one more try at a place; return how many there were. Raises TooManyTries."""
    moment = now.timestamp()
    forget_at = moment + FORGET_AFTER.total_seconds()
    SignInPlace.objects.bulk_create(
        [SignInPlace(mark=place.mark, forget_at=forget_at)], ignore_conflicts=True
    )
    row = SignInPlace.objects.select_for_update().get(mark=place.mark)
    if row.free_at > moment:
        raise TooManyTries(row.free_at - moment)
    if row.tried_at < moment - FORGET_AFTER.total_seconds():
        row.tries = 0
    row.tries += 1
    row.free_at = moment + _wait(row.tries) if row.tries >= FREE else 0.0
    row.tried_at = moment
    row.forget_at = max(row.known_until, forget_at)
    row.save(update_fields=["tries", "free_at", "tried_at", "forget_at"])
    return row.tries


def _too_early(place: Place, now: datetime) -> float:
    """Return for how long a place still waits, 0 when it does not; asking makes it longer."""
    moment = now.timestamp()
    waiting = SignInPlace.objects.filter(mark=place.mark, free_at__gt=moment)
    if not waiting.exists():
        return 0.0
    longest = moment + LONGEST_WAIT
    waiting.update(
        free_at=Least(F("free_at") + IMPATIENCE, Value(longest, FloatField()))
    )
    free_at = waiting.values_list("free_at", flat=True).first()
    return free_at - moment if free_at else 0.0


def _begin(
    request: HttpRequest, whose: str, place: Place, everywhere: Limit, now: datetime
) -> Try:
    bounds: list[tuple[str, Limit]] = []
    if not place.is_own:
        network = throttle.mark_of("tries from", places.network_of(request))
        bounds.append((network, NETWORK))
        if not place.is_known:
            bounds.append((throttle.mark_of("tries at", whose), everywhere))
    if seconds := _too_early(place, now):
        raise TooManyTries(seconds)
    with transaction.atomic():
        is_odd = _take(place, now) >= FREE
        for mark, limit in bounds:
            held = throttle.take(mark, limit, now)
            if held is None:
                raise TooManyTries(throttle.seconds_left(mark, limit, now))
            is_odd = is_odd or (limit is everywhere and held > limit.odd)
    return Try(request, whose, place, is_odd, tuple(bounds))


def begin_password(request: HttpRequest, address: str) -> Try:
    """Take the place of one try at the password of an address. Raises TooManyTries."""
    now, whose = timezone.now(), _owner_of(address)
    person = request.user
    if person.is_authenticated and _owner_of(person.email) == whose:
        return _begin(request, whose, places.own_place(whose), ADDRESS, now)
    return _begin(request, whose, places.place_of(request, whose, now), ADDRESS, now)


def begin_code(request: HttpRequest, person: User) -> Try:
    """Take the place of one try at a person's second factor. Raises TooManyTries."""
    now, whose = timezone.now(), f"code of {person.pk}"
    if request.user.is_authenticated:
        return _begin(request, whose, places.own_place(whose), CODES, now)
    return _begin(request, whose, places.place_of(request, whose, now), CODES, now)


def forgive(request: HttpRequest, address: str) -> None:
    """Let who has just chosen a new password for an address sign in from here at once."""
    places.forgive(request, _owner_of(address), timezone.now())


def _owner_of(address: str) -> str:
    return throttle.mailbox_of(address)


def tidy(now: datetime | None = None) -> int:
    """Forget the places that say nothing any more; return how many rows went."""
    return places.forget_old(now or timezone.now())
