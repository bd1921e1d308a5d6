"""A sign-in ends by itself: unused after a while, and used or not after a day or a week.

When it began stands in the session; confirming who one is does not move it. The sooner end
is that of owners, administrators and operators, from the moment on that somebody is one.
"""

from __future__ import annotations

import time
from typing import Any

from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from clients_app.models import Membership, Role, User

SIGNED_IN_AT = "signed_in_at"


@receiver(user_logged_in)
def _note(sender: object, request: HttpRequest, **kwargs: Any) -> None:
    request.session[SIGNED_IN_AT] = time.time()


def _longest(person: User) -> int:
    if (
        person.is_staff
        or Membership.objects.filter(
            user=person, role__in=(Role.OWNER, Role.ADMIN), suspended_at__isnull=True
        ).exists()
    ):
        return settings.SESSION_LONGEST_AGE_ADMIN
    return settings.SESSION_LONGEST_AGE


def seconds_left(request: HttpRequest, within: float) -> int:
    """Return in how many seconds this sign-in ends for good, at most `within`."""
    return int(_left(request, within))


def _left(request: HttpRequest, within: float) -> float:
    """Ask the database about the person only where the answer depends on their role."""
    person = request.user
    began = request.session.get(SIGNED_IN_AT)
    if not isinstance(person, User) or not isinstance(began, (int, float)):
        return within
    used = time.time() - began
    if used + within > settings.SESSION_LONGEST_AGE_ADMIN:
        within = min(within, _longest(person) - used)
    return within


def end_if_over(request: HttpRequest) -> None:
    """Sign out whose time is up; they go on as a visitor, as after an unused sign-in.

    A session from before this was counted begins to count now.
    """
    if settings.SESSION_COOKIE_NAME not in request.COOKIES:
        return  # asking for the person would make the page differ by cookie
    if not request.user.is_authenticated:
        return
    if SIGNED_IN_AT not in request.session:
        request.session[SIGNED_IN_AT] = time.time()
    elif _left(request, within=1) <= 0:
        logout(request)
