"""Second factors: what a code or a passkey must be, and how the key ring seals them."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import Any

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_used
from allauth.mfa.totp.forms import ActivateTOTPForm as AllauthActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn import forms as webauthn
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import receiver
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from clients_app.accounts import seals
from clients_app.accounts.credential_field import CredentialField
from clients_app.crypto import SealError, Secret, count_kids

log = logging.getLogger("portal.accounts")
NONSENSE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)


class ActivateTOTPForm(AllauthActivateTOTPForm):  # type: ignore[misc]
    """Keeps the new seed sealed in the session until its first code confirms it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        session, owner = context.request.session, context.request.user.pk
        sealed = session.pop(SECRET_SESSION_KEY, None)
        if sealed:
            # A seed that does not open is made anew: the page then shows another code.
            with suppress(SealError):
                session[SECRET_SESSION_KEY] = seals.open_bound(
                    sealed, owner, seals.IN_SESSION
                ).reveal()
        super().__init__(*args, **kwargs)
        session[SECRET_SESSION_KEY] = seals.seal(
            Secret(self.secret), owner, seals.IN_SESSION
        )


class _SoundCredential:
    """Refuses what no browser sends, where django-allauth would fall over it.

    Both steps raise ValidationError then, as for a code that is not right.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["credential"] = CredentialField()  # type: ignore[attr-defined]

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
        """Return a secret sealed by the ring's first key; saving it binds it to its person."""
        return seals.seal(Secret(text), None, seals.IN_TRANSIT)

    def decrypt(self, encrypted_text: str) -> str:
        """Open what encrypt() sealed, for the person whose row it comes from.

        Raises ImmediateHttpResponse with a plain page, 503, when it does not open.
        """
        try:
            if isinstance(encrypted_text, seals.Owned):
                owner = encrypted_text.owner
                return seals.open_stored(encrypted_text, owner).reveal()
            return seals.open_bound(encrypted_text, None, seals.IN_TRANSIT).reveal()
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


def _sealed() -> QuerySet[Authenticator]:
    factors: QuerySet[Authenticator] = Authenticator.objects.filter(
        type__in=seals.SEALED_TYPES
    )
    return factors


def _tokens(data: Any) -> list[str]:
    """Return the sealed strings in what django-allauth keeps about a factor."""
    found: list[str] = []

    def keep(token: str) -> str:
        found.append(token)
        return token

    seals.each_string(data, keep)
    return found


def kids_in_use() -> dict[str, int]:
    """Count the sealed second factors by the id of the ring key ("?" = malformed)."""
    kept = _sealed().values_list("data", flat=True)
    return count_kids(token for data in kept for token in _tokens(data))


def unreadable() -> int:
    """Count the second factors that this ring cannot open for their person."""
    count = 0
    for owner, data in _sealed().values_list("user_id", "data"):
        try:
            for token in _tokens(data):
                seals.open_stored(token, owner)
        except SealError:
            count += 1
    return count


def bound_to_nobody() -> int:
    """Count the second factors sealed as before, which would open for others, too."""
    return sum(
        any(seals.is_bound_to_nobody(token, owner) for token in _tokens(data))
        for owner, data in _sealed().values_list("user_id", "data")
    )


def reseal_second_factors() -> int:
    """Seal every second factor to its person with the ring's first key.

    Return how many changed. Each is a transaction of its own; what does not open is left
    as it is.
    """
    return sum(reseal(pk) for pk in list(_sealed().values_list("pk", flat=True)))


@transaction.atomic
def reseal(pk: int) -> bool:
    """Seal one second factor to its person anew; say whether that changed it."""
    factor = _sealed().select_for_update().filter(pk=pk).first()
    if factor is None:
        return False
    owner = factor.user_id
    try:
        data = seals.each_string(
            factor.data, lambda token: seals.resealed(token, owner)
        )
    except SealError:
        return False
    if data == factor.data:
        return False
    Authenticator.objects.filter(pk=pk).update(data=data)
    return True


@receiver(authenticator_used)
def _bind_when_used(
    sender: object, authenticator: Authenticator, **kwargs: Any
) -> None:
    reseal(authenticator.pk)
