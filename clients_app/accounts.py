"""Signing in: how django-allauth behaves here, and what of it goes into the audit trail.

There is no open sign-up, a wrong password tells nothing, guessing is throttled per address
and per network, and second factors are sealed by the key ring.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.signals import password_changed, password_reset
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authentication_failed,
    authenticator_added,
    authenticator_removed,
    authenticator_reset,
)
from allauth.mfa.totp.forms import ActivateTOTPForm as AllauthActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn import forms as webauthn
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.http import HttpRequest
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from clients_app import audit
from clients_app.crypto import KeyRing, SealError, Secret, kid_of
from clients_app.models import Membership, Organisation, User

log = logging.getLogger("portal.accounts")
LOCKED_FOR = 300
NONSENSE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
# A passkey's row holds a public key, which is no secret; these hold some.
SEALED_TYPES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)
# Words of django-allauth and Django that our catalogue says better than theirs.
REWORDED = (
    gettext_noop("Authenticator code"),
    gettext_noop("Incorrect code."),
    gettext_noop("MFA"),
    gettext_noop("Forgot your password?"),
    gettext_noop("New Password (again)"),
    gettext_noop("Email address"),
    gettext_noop("This field is required."),
)


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """E-mail and password, named so that password managers know which is which."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login = self.fields["login"]
        login.widget.attrs["autocomplete"] = "username"
        login.error_messages["required"] = _("Enter your email address")
        login.error_messages["invalid"] = _(
            "Enter an email address like name@example.com"
        )
        self.fields["password"].error_messages["required"] = _("Enter your password")


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the organisation, never by a visitor."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The email or password is not right."),
        "incorrect_password": _("The password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: people come by an invitation, or by `add_member`."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Let nobody try a password who has failed too often, by address or by network.

        Raises ImmediateHttpResponse with the 429; its Retry-After is `LOCKED_FOR`, in
        seconds.
        """
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            response = respond_429(request)
            response.headers["Retry-After"] = str(LOCKED_FOR)
            raise ImmediateHttpResponse(response) from None

    def _get_login_attempts_cache_key(
        self, request: HttpRequest, **credentials: Any
    ) -> str:
        """Count per address alone: allauth adds the Host header, which a guesser chooses."""
        return str(credentials.get("email", "")).strip().lower()


def _ring() -> KeyRing:
    ring: KeyRing = settings.PORTAL_KEYRING
    return ring


def _seal(secret: Secret) -> str:
    return _ring().seal(secret, purpose="mfa", organisation="", row="")


def _open(token: str) -> Secret:
    return _ring().open(token, purpose="mfa", organisation="", row="")


class ActivateTOTPForm(AllauthActivateTOTPForm):  # type: ignore[misc]
    """Keeps the new seed sealed in the session until its first code confirms it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session = context.request.session
        sealed = session.pop(SECRET_SESSION_KEY, None)
        if sealed:
            # A seed that does not open is made anew: the page then shows another code.
            with suppress(SealError):
                session[SECRET_SESSION_KEY] = _open(sealed).reveal()
        super().__init__(*args, **kwargs)
        session[SECRET_SESSION_KEY] = _seal(Secret(self.secret))


class _SoundCredential:
    """Refuses what no browser sends, where django-allauth would fall over it.

    Both steps raise ValidationError then, as for a code that is not right.
    """

    def clean_credential(self) -> Any:
        return self._or_refused("clean_credential")

    def clean(self) -> Any:
        return self._or_refused("clean")

    def _or_refused(self, step: str) -> Any:
        cleaned = self.cleaned_data  # type: ignore[attr-defined]
        above = getattr(super(), step, lambda: cleaned.get("credential"))
        try:
            return above()
        except NONSENSE:
            raise get_adapter().validation_error("incorrect_code") from None


class AddWebAuthnForm(_SoundCredential, webauthn.AddWebAuthnForm):  # type: ignore[misc]
    """Takes a new passkey."""


class LoginWebAuthnForm(_SoundCredential, webauthn.LoginWebAuthnForm):  # type: ignore[misc]
    """Signs in with a passkey alone."""


class AuthenticateWebAuthnForm(
    _SoundCredential,
    webauthn.AuthenticateWebAuthnForm,  # type: ignore[misc]
):
    """Takes a passkey as the second factor."""


class ReauthenticateWebAuthnForm(
    _SoundCredential,
    webauthn.ReauthenticateWebAuthnForm,  # type: ignore[misc]
):
    """Confirms with a passkey who somebody is."""


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals TOTP seeds and recovery codes, which allauth would store in clear."""

    def encrypt(self, text: str) -> str:
        """Return a secret as the ring's first key seals it, bound to this purpose alone."""
        return _seal(Secret(text))

    def decrypt(self, encrypted_text: str) -> str:
        """Open what encrypt() sealed.

        Raises ImmediateHttpResponse with a plain page, 503, when the ring cannot.
        """
        try:
            return _open(encrypted_text).reveal()
        except SealError as error:
            log.error("second factor unreadable", extra={"reason": str(error)})
            page = render(context.request, "mfa/unreadable.html", status=503)
            raise ImmediateHttpResponse(page) from None

    def build_totp_svg(self, url: str) -> str:
        """Return the QR code as an element for the page: black on white, with a name."""
        svg = str(super().build_totp_svg(url))
        svg = svg[svg.index("<svg") :]
        name = _("QR code for your authenticator app")
        ground = '<rect width="100%" height="100%" fill="#fff"/>'
        return svg.replace("<svg", f'<svg role="img" aria-label="{name}"', 1).replace(
            "><path", f">{ground}<path", 1
        )


def _sealed_values(data: Any) -> Iterator[str]:
    """Yield the sealed strings in what allauth keeps about a second factor."""
    if isinstance(data, dict):
        data = list(data.values())
    if isinstance(data, list):
        for each in data:
            yield from _sealed_values(each)
    elif isinstance(data, str):
        yield data


def _resealed(data: Any) -> Any:
    """Return the same with every string sealed by the ring's first key."""
    if isinstance(data, dict):
        return {name: _resealed(value) for name, value in data.items()}
    if isinstance(data, list):
        return [_resealed(value) for value in data]
    if isinstance(data, str) and kid_of(data) != _ring().sealing_kid:
        return _seal(_open(data))
    return data


def _sealed() -> QuerySet[Authenticator]:
    factors: QuerySet[Authenticator] = Authenticator.objects.filter(
        type__in=SEALED_TYPES
    )
    return factors


def kids_in_use() -> dict[str, int]:
    """Count the sealed second factors by the id of the ring key ("?" = malformed)."""
    counts: dict[str, int] = {}
    for data in _sealed().values_list("data", flat=True):
        for token in _sealed_values(data):
            try:
                kid = kid_of(token)
            except SealError:
                kid = "?"
            counts[kid] = counts.get(kid, 0) + 1
    return counts


def unreadable() -> int:
    """Count the second factors that this ring cannot open."""
    count = 0
    for data in _sealed().values_list("data", flat=True):
        try:
            for token in _sealed_values(data):
                _open(token)
        except SealError:
            count += 1
    return count


def reseal_second_factors() -> int:
    """Seal every second factor with the ring's first key; return how many changed.

    Each is a transaction of its own; what does not open is left as it is.
    """
    return sum(
        _reseal_factor(pk) for pk in list(_sealed().values_list("pk", flat=True))
    )


@transaction.atomic
def _reseal_factor(pk: int) -> bool:
    factor = Authenticator.objects.select_for_update().filter(pk=pk).first()
    if factor is None:
        return False
    try:
        data = _resealed(factor.data)
    except SealError:
        return False
    if data == factor.data:
        return False
    Authenticator.objects.filter(pk=pk).update(data=data)
    return True


def _note(action: str, user: User | None, *, acts: bool = True) -> None:
    """Record something about a person's sign-in with each organisation they belong to.

    Somebody without any, or an address that nobody has, is recorded with none.
    """
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
        )


@receiver(user_logged_in)
def _signed_in(sender: object, user: User, **kwargs: Any) -> None:
    _note("signed_in", user)


@receiver(user_login_failed)
def _sign_in_failed(sender: object, credentials: Any, **kwargs: Any) -> None:
    email = str(credentials.get("email", "")).strip().lower()
    _note("sign_in_failed", User.objects.filter(email=email).first(), acts=False)


@receiver([password_changed, password_reset])
def _password_changed(sender: object, user: User, **kwargs: Any) -> None:
    _note("password.changed", user)


@receiver(authenticator_added)
def _factor_added(sender: object, user: User, **kwargs: Any) -> None:
    _note("second_factor.added", user)


@receiver(authenticator_removed)
def _factor_removed(sender: object, user: User, **kwargs: Any) -> None:
    _note("second_factor.removed", user)


@receiver(authenticator_reset)
def _codes_made(sender: object, user: User, **kwargs: Any) -> None:
    _note("recovery_codes.made", user)


@receiver(authentication_failed)
def _factor_failed(sender: object, user: User, **kwargs: Any) -> None:
    _note("second_factor.failed", user, acts=False)
