"""FieldReading: Heffl's own custom fields, as last read, beside those of the form."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from clients_app.models.organisation import Organisation


class FieldReading(models.Model):
    """What Heffl last told of its custom fields, and how the form differs from it."""

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, related_name="field_reading"
    )
    read_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(default=timezone.now)
    problem = models.CharField(max_length=200, blank=True)
    told = models.JSONField(default=list)
    drift = models.JSONField(default=list)

    def __str__(self) -> str:
        return f"fields of organisation {self.organisation_id}"
