"""WebhookEvent: what Heffl reported, once each.

An event keeps ids and what came of it, never the body.
"""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.organisation import Organisation


class WebhookOutcome(models.TextChoices):
    """What an event changed here."""

    LOOKED = "looked", _("An unclear client was looked up")
    NOTED = "noted", _("Nothing was unclear")
    IGNORED = "ignored", _("Not about a new client")


class WebhookEvent(models.Model):
    """One report of Heffl; `event_id` is the sender's, so that a repeat is recognised."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="webhook_events"
    )
    event_id = models.CharField(max_length=200)
    sent_at = models.DateTimeField()
    received_at = models.DateTimeField(default=timezone.now, db_index=True)
    kind = models.CharField(max_length=60, blank=True)
    heffl_id = models.CharField(max_length=200, blank=True)
    outcome = models.CharField(max_length=8, choices=WebhookOutcome)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "event_id"], name="webhook_event_once"
            ),
            models.CheckConstraint(
                condition=~Q(event_id=""), name="webhook_event_has_id"
            ),
        ]

    def __str__(self) -> str:
        return f"webhook event {self.pk}"
