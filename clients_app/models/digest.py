"""Digest: a day's balance, mailed once."""

from __future__ import annotations

from django.db import models

from clients_app.models.organisation import Organisation


class Digest(models.Model):
    """The mail about one day of one organisation. The row is made by whoever is first."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="digests"
    )
    day = models.DateField()
    sent_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "day"], name="digest_once_a_day"
            ),
        ]

    def __str__(self) -> str:
        return f"digest {self.organisation_id} {self.day}"
