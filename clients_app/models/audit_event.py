"""AuditEvent: who did what and to which fields, never with which values. AuditSeal: its chain.

Both are append-only, and the database itself refuses to change or remove a row. There are
no foreign keys: history outlives what it speaks of, and never blocks its removal.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
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


class AuditSeal(models.Model):
    """One link of the chain over the events: see clients_app.audit_chain.

    `entries` are pairs of event id and digest, in order of id; `digest` covers them and
    the link before; `mac` is made with the key ring from `digest`, so that nobody who can
    write to the database alone can make a chain that holds.
    """

    position = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField(default=timezone.now)
    last_event = models.BigIntegerField()
    entries = models.JSONField()
    digest = models.CharField(max_length=64)
    kid = models.CharField(max_length=32)
    mac = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"seal {self.position}"


GUARDED = (AuditEvent, AuditSeal)
_REFUSAL = "the audit trail is append-only"


def trigger_names(connection: BaseDatabaseWrapper) -> set[str]:
    """Return the names of the triggers that guard the two tables."""
    deeds = ["update", "delete"]
    if connection.vendor == "postgresql":
        deeds.append("truncate")
    return {f"{table._meta.db_table}_no_{deed}" for table in GUARDED for deed in deeds}


def _statements(vendor: str) -> list[str]:
    made = []
    if vendor == "postgresql":
        made.append(
            "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$ LANGUAGE plpgsql"
        )
    for table in (each._meta.db_table for each in GUARDED):
        for deed in ("update", "delete"):
            each_row = "FOR EACH ROW" if vendor == "sqlite" else "FOR EACH STATEMENT"
            does = (
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
                if vendor == "sqlite"
                else "EXECUTE FUNCTION audit_is_append_only()"
            )
            made.append(
                f"CREATE TRIGGER {table}_no_{deed} BEFORE {deed.upper()} ON {table} "
                f"{each_row} {does}"
            )
        if vendor == "postgresql":
            made.append(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
            )
    return made


def _drops(vendor: str) -> list[str]:
    made = []
    for table in (each._meta.db_table for each in GUARDED):
        on = f" ON {table}" if vendor == "postgresql" else ""
        for deed in ("update", "delete", "truncate"):
            made.append(f"DROP TRIGGER IF EXISTS {table}_no_{deed}{on}")
    return made


def guard_statements(vendor: str) -> tuple[list[str], list[str]]:
    """Return what takes the triggers away and what makes them, as SQL for one engine.

    On SQLite a migration that rebuilds one of the tables drops its triggers: such a
    migration makes them again as its last step, with SQL of its own.
    """
    return _drops(vendor), _statements(vendor)
