"""ApiCredential: an organisation's Heffl key, sealed.

A table of its own, so that no join ever carries a ciphertext along.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.organisation import Organisation


class KeySlot(models.TextChoices):
    """Which of an organisation's two keys a row is."""

    CURRENT = "current", _("Current")
    NEXT = "next", _("Next")


class ApiCredentialQuerySet(models.QuerySet["ApiCredential"]):
    """Reads of keys that are still held."""

    def held(self) -> ApiCredentialQuerySet:
        """Return the keys that have not been revoked."""
        return self.filter(revoked_at__isnull=True)

    def current(self) -> ApiCredentialQuerySet:
        """Return the keys in use: one per organisation at most."""
        return self.held().filter(slot=KeySlot.CURRENT)


class ApiCredential(models.Model):
    """A Heffl API key, sealed to this organisation and this row. Write-only for people."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="credentials"
    )
    slot = models.CharField(max_length=8, choices=KeySlot, default=KeySlot.CURRENT)
    ciphertext = models.TextField()
    prefix = models.CharField(max_length=16, blank=True)
    last_four = models.CharField(max_length=4)
    fingerprint = models.CharField(max_length=64, db_index=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiCredentialQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "slot"],
                condition=Q(revoked_at__isnull=True),
                name="credential_one_per_slot",
            ),
        ]

    def __str__(self) -> str:
        return f"key …{self.last_four}"
