"""DriftSign: in what Heffl's answers to one organisation depart from the specification."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from clients_app.models.lenient import Shaped, numbers
from clients_app.models.organisation import Organisation


class DriftSign(models.Model):
    """One departure, and whether it lasts.

    `operation` and `sign` name it; `example` shows it by names of keys and types alone.
    `seen` counts the answers that had it and `fine` those in a row, since, that had not;
    `submissions` are the first refused ones, by id. It stands from `standing_since` on.
    """

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="drift_signs"
    )
    operation = models.CharField(max_length=20)
    sign = models.CharField(max_length=80)
    example = models.CharField(max_length=500)
    seen = models.PositiveIntegerField(default=0)
    fine = models.PositiveIntegerField(default=0)
    submissions = Shaped(default=list, shape=numbers)
    first_at = models.DateTimeField(default=timezone.now)
    last_at = models.DateTimeField(default=timezone.now)
    standing_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "operation", "sign"], name="drift_sign_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["standing_since"],
                condition=models.Q(standing_since__isnull=False),
                name="drift_standing",
            ),
        ]

    def __str__(self) -> str:
        return f"drift {self.operation} {self.sign}"

    @property
    def subject(self) -> str:
        """Return what tells this departure from others, at most 80 characters."""
        return f"{self.operation}: {self.sign}"[:80]
