"""Whether this very session has proven a second factor, by django-allauth's own records.

A password is half a sign-in for whoever has a factor: a session that knows only that half
gets no page before it has proven the other one. What counts lies in the session itself, so
a factor that is set up elsewhere proves nothing for this one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from enum import Enum
from typing import Any

from allauth.account import app_settings
from allauth.account.authentication import (
    AUTHENTICATION_METHODS_SESSION_KEY,
    get_authentication_records,
)
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Exists, OuterRef, Q
from django.http import HttpRequest
from django.urls import reverse

from clients_app.models import Membership, User

Person = AbstractBaseUser | AnonymousUser
METHOD = "mfa"
# Recovery codes stand in for a factor; alone they are none.
TOTP = Authenticator.Type.TOTP
TYPES = (TOTP, Authenticator.Type.WEBAUTHN)


class Lack(Enum):
    """What a person has yet to do before a session of theirs gets any further."""

    NOTHING = "nothing"
    ENROLMENT = "set a second factor up"
    PROOF = "prove the second factor"


def _proofs(request: HttpRequest) -> Iterator[dict[str, Any]]:
    if request.user.is_authenticated:
        for each in get_authentication_records(request, request.user):
            if each.get("method") == METHOD:
                yield each


def proven(request: HttpRequest) -> bool:
    """Say whether the person proved a second factor in this session. Asks no table."""
    return any(_proofs(request))


def proven_lately(request: HttpRequest) -> bool:
    """Say whether that was within the time after which people are asked again."""
    since = time.time() - app_settings.REAUTHENTICATION_TIMEOUT
    return any(since < each["at"] for each in _proofs(request))


def has_factor(user: Person) -> bool:
    """Say whether a person has set up an authenticator app or a passkey."""
    return bool(Authenticator.objects.filter(user_id=user.pk, type__in=TYPES).exists())


def _must_have() -> Q:
    """Return which people need a factor: by role, and operators where any role does."""
    roles = settings.MFA_REQUIRED_ROLES
    if not roles:
        return Q(pk__in=[])
    memberships = Membership.objects.filter(
        user=OuterRef("pk"), role__in=roles, suspended_at__isnull=True
    )
    return Q(is_staff=True) | Q(Exists(memberships))


def must_have_factor(user: Person) -> bool:
    """Say whether a person's role needs a second factor."""
    return User.objects.filter(_must_have(), pk=user.pk or 0).exists()


def lacking(request: HttpRequest) -> Lack:
    """Return what the person of this session has yet to do.

    One query, and none once the session has proven a factor.
    """
    if not request.user.is_authenticated or proven(request):
        return Lack.NOTHING
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=TYPES)
    found = (
        User.objects.filter(Q(Exists(factors)) | _must_have(), pk=request.user.pk)
        .values_list(Exists(factors), flat=True)
        .first()
    )
    if found is None:
        return Lack.NOTHING
    return Lack.PROOF if found else Lack.ENROLMENT


def has_app(user: Person) -> bool:
    """Say whether a person has set up an authenticator app."""
    apps = Authenticator.objects.filter(user_id=user.pk, type=TOTP)
    return bool(apps.exists())


def newest(user: Person) -> Authenticator:
    """Return the factor that a person set up last.

    Raises Authenticator.DoesNotExist for somebody without one.
    """
    return Authenticator.objects.filter(user_id=user.pk, type__in=TYPES).latest("pk")


def page_for(user: Person) -> str:
    """Return the address of the page where a person proves their factor."""
    return reverse(
        "mfa_reauthenticate" if has_app(user) else "mfa_reauthenticate_webauthn"
    )


def note(request: HttpRequest, factor: Authenticator) -> None:
    """Keep in the session that a factor was proven in it, by the step that set it up."""
    record_authentication(
        request,
        request.user,
        METHOD,
        id=factor.pk,
        type=factor.type,
        reauthenticated=True,
    )


def forget_gone(request: HttpRequest) -> None:
    """Let factors that are gone prove nothing any more in this session."""
    left = set(
        Authenticator.objects.filter(user_id=request.user.pk).values_list(
            "pk", flat=True
        )
    )
    request.session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        each
        for each in get_authentication_records(request, request.user)
        if each.get("method") != METHOD or each.get("id") in left
    ]
