"""Invitation: an address that may become a member by a link, once, within seven days.

A row lives while the invitation is open; accepting or revoking removes it, and the audit
trail keeps that it was there. The link's token is not kept, only its hash.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from clients_app.models.lenient import Choice
from clients_app.models.membership import Role
from clients_app.models.organisation import Organisation


class Invitation(models.Model):
    """One open invitation of one address to one organisation."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="invitations"
    )
    email = models.EmailField(max_length=254)
    role = Choice(max_length=12, choices=Role, fallback=Role.FRONTDESK)
    language = models.CharField(max_length=5)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    sent_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "email"], name="invitation_once"
            ),
        ]

    def __str__(self) -> str:
        return f"invitation {self.pk}"

    @property
    def is_open(self) -> bool:
        """Say whether its time is not over yet; a used or revoked one has no row."""
        return timezone.now() < self.expires_at
