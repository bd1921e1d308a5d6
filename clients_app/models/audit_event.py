"""AuditEvent: who did what and to which fields, never with which values. Append-only.

There are no foreign keys: history outlives what it speaks of, and never blocks its removal.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone


class AuditEvent(models.Model):
    """One thing that somebody, or the portal itself, did."""

    at = models.DateTimeField(default=timezone.now)
    organisation_id = models.BigIntegerField(null=True)
    actor_id = models.BigIntegerField(null=True)
    actor_label = models.CharField(max_length=40, blank=True)
    action = models.CharField(max_length=40)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.CharField(max_length=64, blank=True)
    detail = models.JSONField(default=dict)

    class Meta:
        indexes = [
            models.Index(fields=["organisation_id", "-id"], name="audit_by_org"),
            models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.object_id}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Insert the event. Raises TypeError when it has been stored already."""
        if not self._state.adding:
            raise TypeError("An audit event is never changed")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raise TypeError: an audit event is never removed."""
        raise TypeError("An audit event is never removed")
