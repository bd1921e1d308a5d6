"""AuditEvent: who did what and to which fields, never with which values.

Append-only: see audit_guard.py. There are no foreign keys: history outlives what it
speaks of, and never blocks its removal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils import timezone

from clients_app.models.listing import Cursor, Sort, beyond

LATEST_FIRST = Sort("-at", "at", True)


@dataclass(frozen=True)
class AuditFilters:
    """What to leave of the trail; empty parts leave everything."""

    person: int | None = None
    client: str = ""
    action: str = ""
    since: datetime | None = None
    until: datetime | None = None


class AuditEventQuerySet(models.QuerySet["AuditEvent"]):
    """Reads of one organisation's trail, newest first, each served by an index."""

    def of(
        self,
        organisation_id: int,
        filters: AuditFilters,
        cursor: Cursor | None = None,
    ) -> AuditEventQuerySet:
        """Return what the filters leave of an organisation's trail beyond a cursor."""
        found = self.filter(organisation_id=organisation_id)
        if filters.client:
            found = found.filter(object_type="submission", object_id=filters.client)
        if filters.person is not None:
            found = found.filter(actor_id=filters.person)
        if filters.action:
            found = found.filter(action=filters.action)
        if filters.since:
            found = found.filter(at__gte=filters.since)
        if filters.until:
            found = found.filter(at__lt=filters.until)
        return beyond(found, LATEST_FIRST, cursor)


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

    objects = AuditEventQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(
                fields=["organisation_id", "-at", "-id"], name="audit_by_org_at"
            ),
            models.Index(
                fields=["organisation_id", "action", "-at", "-id"],
                name="audit_by_action",
            ),
            models.Index(
                fields=["organisation_id", "actor_id", "-at", "-id"],
                condition=Q(actor_id__isnull=False),
                name="audit_by_actor",
            ),
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
