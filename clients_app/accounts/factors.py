"""Second factors: what a code or a passkey must be, and how the key ring seals them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter, get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.forms import ActivateTOTPForm as AllauthActivateTOTPForm
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from allauth.mfa.webauthn import forms as webauthn
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from clients_app.accounts.credential_field import CredentialField
from clients_app.crypto import KeyRing, SealError, Secret, kid_of

log = logging.getLogger("portal.accounts")
NONSENSE = (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError)
# A passkey's row holds a public key, which is no secret; these hold some.
SEALED_TYPES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


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
