"""Incident: something that an owner should hear of, once."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice
from clients_app.models.organisation import Organisation


class IncidentKind(models.TextChoices):
    """What can be wrong; the first six are the reasons of holds."""

    KEY_REFUSED = "key_refused", _("Heffl refuses the API key")
    KEY_UNVERIFIED = "key_unverified", _("The API key has not been checked yet")
    KEY_UNREADABLE = "key_unreadable", _("The stored API key cannot be opened")
    CONFIGURATION = "configuration", _("Heffl's address or certificate is wrong")
    OUTAGE = "outage", _("Heffl is not answering")
    RESTORED = "restored", _("A backup was restored")
    NO_KEY = "no_key", _("Clients wait, and there is no API key")
    DRIFT = "drift", _("Heffl's answers have changed")


class Incident(models.Model):
    """One thing that is wrong for one organisation, from its beginning to its end.

    `subject` tells incidents of one kind apart; `detail` is an example without personal
    data. `told` counts the mails that went out: that it began, that it is over.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="incidents"
    )
    kind = Choice(
        max_length=16, choices=IncidentKind, fallback=IncidentKind.CONFIGURATION
    )
    subject = models.CharField(max_length=80, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    ended_at = models.DateTimeField(null=True)
    told = models.PositiveSmallIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "kind", "subject"],
                condition=Q(ended_at__isnull=True),
                name="incident_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["kind"],
                condition=Q(ended_at__isnull=True),
                name="incident_open",
            ),
        ]

    def __str__(self) -> str:
        return f"incident {self.kind}"
