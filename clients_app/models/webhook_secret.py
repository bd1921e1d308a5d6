"""WebhookSecret: what proves that Heffl sent a report; sealed, write-only."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils import timezone

from clients_app.models.organisation import Organisation


class WebhookSecret(models.Model):
    """A signing secret of Heffl's webhooks. Two may be held while one replaces the other."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="webhook_secrets"
    )
    ciphertext = models.TextField()
    last_four = models.CharField(max_length=4)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)
    last_used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"webhook secret …{self.last_four}"
