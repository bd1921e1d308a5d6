"""Beat: a process of the portal that lives, and how right its clock is."""

from __future__ import annotations

from django.db import models


class BeatRole(models.TextChoices):
    """What a process does."""

    WEB = "web"
    WORKER = "worker"


class Beat(models.Model):
    """The last sign of life of one process, by the database's clock.

    `clock_ahead` is by how many seconds the database's clock is ahead of the process's.
    """

    name = models.CharField(max_length=40, primary_key=True)
    role = models.CharField(max_length=8, choices=BeatRole)
    seen_at = models.DateTimeField()
    clock_ahead = models.FloatField(default=0.0)

    def __str__(self) -> str:
        return f"{self.role} {self.name}"
