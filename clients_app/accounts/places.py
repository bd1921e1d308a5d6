"""Where somebody signs in from: their browser, which a cookie recognises, or their network.

The cookie holds 128 random bits and says nothing of anybody. It lets nobody in: it only
keeps the tries of strangers apart from those of the person whose browser it is.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from clients_app import throttle
from clients_app.models import SignInPlace

KNOWN_FOR = timedelta(days=180)
"""After a sign-in; so long a browser or network stays known."""
_COOKIE = re.compile(r"[\w-]{22}", re.ASCII)
_NEW = "_new_device"


@dataclass(frozen=True)
class Place:
    """Where one try comes from. `mark` names its row."""

    mark: str
    is_known: bool = False
    is_own: bool = False
    """No stranger can try from here: a browser that the person has signed in with."""


def network_of(request: HttpRequest) -> str:
    """Return the network a request came from, as throttle.network_of() does."""
    return throttle.network_of(request.META, settings.TRUSTED_PROXY_COUNT)


def _device_of(request: HttpRequest) -> str:
    given = request.COOKIES.get(settings.DEVICE_COOKIE_NAME, "")
    return given if _COOKIE.fullmatch(given) else ""


def _mark(whose: str, kind: str, where: str) -> str:
    return throttle.mark_of("sign-in", whose, kind, where)


def place_of(request: HttpRequest, whose: str, now: datetime) -> Place:
    """Return from where a request tries `whose` secret: a known browser, else a network."""
    device = _device_of(request)
    by_device = _mark(whose, "device", device)
    by_network = _mark(whose, "network", network_of(request))
    known = set(
        SignInPlace.objects.filter(
            mark__in=(by_device, by_network), known_until__gt=now.timestamp()
        ).values_list("mark", flat=True)
    )
    if device and by_device in known:
        return Place(by_device, is_known=True, is_own=True)
    return Place(by_network, is_known=by_network in known)


def own_place(whose: str) -> Place:
    """Return the place of a person who is signed in: no stranger counts there."""
    return Place(_mark(whose, "session", ""), is_known=True, is_own=True)


def know(request: HttpRequest, whose: str, now: datetime) -> None:
    """Keep that `whose` sign-in succeeded from this browser and this network.

    A browser without a cookie gets one with the answer.
    """
    device = _device_of(request) or secrets.token_urlsafe(16)
    setattr(request, _NEW, device)
    until = (now + KNOWN_FOR).timestamp()
    for kind, where in (("device", device), ("network", network_of(request))):
        SignInPlace.objects.bulk_create(
            [
                SignInPlace(
                    mark=_mark(whose, kind, where), known_until=until, forget_at=until
                )
            ],
            update_conflicts=True,
            unique_fields=["mark"],
            update_fields=["known_until", "forget_at"],
        )


def forgive(request: HttpRequest, whose: str, now: datetime) -> None:
    """Let `whose` owner, who has proved it otherwise, try anew from here."""
    know(request, whose, now)
    SignInPlace.objects.filter(
        mark=_mark(whose, "network", network_of(request))
    ).update(tries=0, free_at=0)


def set_cookie(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give a browser that has just signed in its cookie, or more time to it."""
    if device := getattr(request, _NEW, ""):
        response.set_cookie(
            settings.DEVICE_COOKIE_NAME,
            device,
            max_age=KNOWN_FOR,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def forget_old(now: datetime) -> int:
    """Remove the places where nothing has happened for long; return how many."""
    old = SignInPlace.objects.filter(forget_at__lt=now.timestamp())
    return old.delete()[0] if old.exists() else 0
