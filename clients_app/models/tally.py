"""Tally: how often something happened since the portal was installed, for /metrics."""

from __future__ import annotations

from django.db import models


class Tally(models.Model):
    """One counter: `name` says what is counted, `label` which kind of it."""

    name = models.CharField(max_length=40)
    label = models.CharField(max_length=40)
    value = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "label"], name="tally_once"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.label}"
