"""AddressChange: the address that a person asked to sign in with, until they confirm it.

Kept apart from the addresses people sign in with: what nobody has confirmed opens nothing.
The link's token is not kept, only its hash.
"""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

LIVES = timedelta(days=1)


class AddressChange(models.Model):
    """One change that was asked for; a person has one at most, the last they asked for."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="address_change",
    )
    email = models.EmailField(max_length=254)
    token_hash = models.CharField(max_length=64, unique=True)
    asked_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"address change {self.pk}"

    @property
    def is_open(self) -> bool:
        """Say whether its link still works; a used or withdrawn one has no row."""
        return timezone.now() < self.asked_at + LIVES
