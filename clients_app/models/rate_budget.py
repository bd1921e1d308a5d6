"""RateBudget: what Heffl's limit leaves to one key, in one row."""

from __future__ import annotations

from django.db import models

from clients_app.models.lenient import Shaped, numbers


class RateBudget(models.Model):
    """The calls one API key has left, shared by every worker on every machine.

    `recent` holds the start times (epoch seconds, by the database's clock) of the calls
    inside the window.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    recent = Shaped(default=list, shape=numbers)
    limit_seen = models.PositiveIntegerField(null=True)
    limit_seen_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    desk_seen_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    desk_wake_at = models.DateTimeField(null=True)
    failures_in_row = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    last_answer_at = models.DateTimeField(null=True)
    firewalls_in_row = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"budget {self.fingerprint[:8]}"
