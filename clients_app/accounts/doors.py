"""What every request passes on its way to the sign-in pages, and every answer on its way back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from clients_app import throttle
from clients_app.accounts import letters, places, sessions
from clients_app.throttle import Limit

Handler = Callable[[HttpRequest], HttpResponseBase]
POSTS = Limit(window=60.0, odd=60, most=60)
"""Forms of the sign-in pages that one network, or one person, sends in a minute."""
RESETS = Limit(window=3600.0, odd=20, most=20)
"""Asking for a new password, from one network in an hour."""
BOUNDED = ("account_", "mfa_", "usersessions_")
RESET = "account_reset_password"


def too_many(request: HttpRequest, seconds: int) -> HttpResponse:
    """Return the page that says how long to wait; its Retry-After says it in seconds."""
    minutes = (seconds + 59) // 60
    page = render(request, "429.html", {"minutes": minutes}, status=429)
    page.headers["Retry-After"] = str(seconds)
    return page


def refuse(request: HttpRequest, seconds: int) -> ImmediateHttpResponse:
    """Return what a form raises to answer with too_many()."""
    return ImmediateHttpResponse(too_many(request, seconds))


def sign_in_doors(get_response: Handler) -> Handler:
    """End what has lasted too long, bound what is sent, and see to what an answer brings.

    The numbers that allauth would count make threads wait for one another; these do not.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        sessions.end_if_over(request)
        response = get_response(request)
        places.set_cookie(request, response)
        letters.hand_over(request, response)
        return response

    def process_view(
        request: HttpRequest, view: Any, args: Any, kwargs: Any
    ) -> HttpResponse | None:
        match = request.resolver_match
        name = (match.url_name if match else "") or ""
        if request.method != "POST" or not name.startswith(BOUNDED):
            return None
        wait = _wait(request, name)
        return too_many(request, wait) if wait else None

    middleware.process_view = process_view  # type: ignore[attr-defined]
    return middleware


def _wait(request: HttpRequest, name: str) -> int:
    """Count one more form; return after how many seconds to come again, 0 for at once."""
    now = timezone.now()
    person = request.user.pk if request.user.is_authenticated else None
    who = ("person", person) if person else ("network", places.network_of(request))
    limits = [(throttle.mark_of("sign-in form", *who), POSTS)]
    if name == RESET and not person:
        limits.append((throttle.mark_of("reset", *who), RESETS))
    with transaction.atomic():
        for mark, limit in limits:
            if throttle.take(mark, limit, now) is None:
                seconds = throttle.seconds_left(mark, limit, now)
                transaction.set_rollback(True)
                return seconds
    return 0
