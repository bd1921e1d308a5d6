"""How django-allauth behaves here: no open sign-up, second factors sealed by the key ring."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest

from clients_app.crypto import Secret


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the organisation, never by a visitor."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: people are added with `add_member`."""
        return False


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """Seals TOTP seeds and recovery codes, which allauth would store in clear."""

    def encrypt(self, text: str) -> str:
        """Seal a second factor's secret."""
        ring: Any = settings.PORTAL_KEYRING
        return str(ring.seal(Secret(text), purpose="mfa", organisation="", row=""))

    def decrypt(self, encrypted_text: str) -> str:
        """Open a second factor's secret. Raises SealError when it was not sealed here."""
        ring: Any = settings.PORTAL_KEYRING
        opened = ring.open(encrypted_text, purpose="mfa", organisation="", row="")
        return str(opened.reveal())
