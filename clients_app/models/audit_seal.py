"""AuditSeal: the chain over the audit events. Append-only, like them: see audit_guard.py."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class AuditSeal(models.Model):
    """One link of the chain over the events: see clients_app.audit.chain.

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
