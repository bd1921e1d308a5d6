"""What of signing in goes into the audit trail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.signals import (
    authentication_step_completed,
    password_changed,
    password_reset,
    password_set,
)
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from clients_app import audit
from clients_app.models import Membership, Organisation, User


def note(
    action: str,
    user: User | None,
    *,
    acts: bool = True,
    factors: Sequence[str] = (),
) -> None:
    """Record something about a person's sign-in with each organisation they belong to.

    Somebody without any, or an address that nobody has, is recorded with none. `factors`
    are by what it was done: "password", "totp", "webauthn", "recovery_codes".
    """
    detail = {"factors": list(factors)} if factors else {}
    memberships = Membership.objects.filter(user=user, suspended_at__isnull=True)
    found: list[Organisation | None] = [
        each.organisation for each in memberships.select_related("organisation")
    ]
    for organisation in found or [None]:
        audit.record(
            action,
            organisation=organisation,
            actor=user if acts else None,
            about=None if acts else user,
            detail=detail,
        )


def factor_of(record: Mapping[str, Any]) -> str:
    """Return what one of allauth's records of a proof was made with."""
    return str(record.get("type") or record.get("method") or "")


@receiver(user_logged_in)
def _signed_in(
    sender: object, user: User, request: HttpRequest | None = None, **kwargs: Any
) -> None:
    records = get_authentication_records(request, user) if request else []
    note("signed_in", user, factors=[factor_of(each) for each in records])


@receiver(authentication_step_completed)
def _confirmed(
    sender: object, user: User, reauthenticated: bool = False, **kwargs: Any
) -> None:
    if reauthenticated:
        note("sign_in.confirmed", user, factors=[factor_of(kwargs)])


@receiver(user_login_failed)
def _sign_in_failed(sender: object, credentials: Any, **kwargs: Any) -> None:
    email = str(credentials.get("email", "")).strip().lower()
    note("sign_in_failed", User.objects.filter(email=email).first(), acts=False)


@receiver([password_changed, password_reset, password_set])
def _password_changed(sender: object, user: User, **kwargs: Any) -> None:
    note("password.changed", user)


@receiver(authenticator_added)
def _factor_added(sender: object, user: User, **kwargs: Any) -> None:
    note("second_factor.added", user)


@receiver(authenticator_removed)
def _factor_removed(sender: object, user: User, **kwargs: Any) -> None:
    note("second_factor.removed", user)


@receiver(authenticator_reset)
def _codes_made(sender: object, user: User, **kwargs: Any) -> None:
    note("recovery_codes.made", user)


@receiver(authentication_failed)
def _factor_failed(sender: object, user: User, **kwargs: Any) -> None:
    note("second_factor.failed", user, acts=False)
