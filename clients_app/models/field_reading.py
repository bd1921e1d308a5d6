"""FieldReading: Heffl's own custom fields, as last read, beside those of the form."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from clients_app.models.lenient import Shaped, pairs, records
from clients_app.models.organisation import Organisation


class FieldReading(models.Model):
    """What Heffl last told of its custom fields, and how the form differs from it.

    `told` has each field as remote_fields.Told, `drift` pairs of what differs and the
    key. `read_at` is the last reading that came to its end, None before the first;
    `tried_at` is the last try, `problem` why one has failed since that reading, else
    "".
    """

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, related_name="field_reading"
    )
    read_at = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(default=timezone.now)
    problem = models.CharField(max_length=200, blank=True)
    told = Shaped(default=list, shape=records)
    drift = Shaped(default=list, shape=pairs)

    def __str__(self) -> str:
        return f"fields of organisation {self.organisation_id}"
