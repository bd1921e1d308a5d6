"""Hold: why nothing goes out, and when to ask again."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice


class HoldReason(models.TextChoices):
    """Why nothing is sent; the words are those of the pages."""

    KEY_REFUSED = "key_refused", _("Heffl refuses the API key")
    KEY_UNVERIFIED = "key_unverified", _("The API key has not been checked yet")
    KEY_UNREADABLE = "key_unreadable", _("The stored API key cannot be opened")
    CONFIGURATION = "configuration", _("Heffl's address or certificate is wrong")
    OUTAGE = "outage", _("Heffl is not answering")
    RESTORED = "restored", _("A backup was restored")


class Hold(models.Model):
    """A stop on sending: for one key (`fingerprint`) or, when that is empty, for everything."""

    fingerprint = models.CharField(max_length=64, blank=True)
    reason = Choice(
        max_length=16, choices=HoldReason, fallback=HoldReason.CONFIGURATION
    )
    detail = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    probe_at = models.DateTimeField(null=True)
    probes = models.PositiveIntegerField(default=0)
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint", "reason"],
                condition=Q(released_at__isnull=True),
                name="hold_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["fingerprint"],
                condition=Q(released_at__isnull=True),
                name="hold_open",
            ),
        ]

    def __str__(self) -> str:
        return f"hold {self.reason}"
