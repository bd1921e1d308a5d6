"""FileImport: one uploaded file, a table of clients, on its way into the queue.

The file itself is kept, compressed, only as long as somebody may want its failed rows.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice, Shaped, texts
from clients_app.models.organisation import Organisation

PAUSED_UNTIL = datetime(2900, 1, 1, tzinfo=UTC)
"""The `not_before` of a client whose import is paused: no hold that ends moves it."""


class ImportState(models.TextChoices):
    """How far an import is. What becomes of its clients is their own status."""

    DRAFT = "draft", _("Not started")
    STORING = "storing", _("Loading")
    PAUSED = "paused", _("Paused")
    STORED = "stored", _("Loaded")
    CANCELLED = "cancelled", _("Cancelled")


class FileImport(models.Model):
    """One file, CSV or XLSX, and how far it is.

    `done` rows of it are stored; the counter moves with them in one commit. `columns`
    says what each column is ("" for nothing). Of the rows done, `made` made or
    corrected a submission, `known` had been loaded before, and `faulty` could not be
    loaded.
    """

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="imports", db_index=False
    )
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    file_name = models.CharField(max_length=120)
    sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=4)
    content = models.BinaryField(null=True)
    encoding = models.CharField(max_length=10, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    columns = Shaped(default=list, shape=texts)
    default_type = Choice(
        max_length=8,
        default="company",
        known=("company", "contact"),
        fallback="company",
    )
    state = models.CharField(
        max_length=9, choices=ImportState, default=ImportState.DRAFT
    )
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    made = models.PositiveIntegerField(default=0)
    known = models.PositiveIntegerField(default=0)
    faulty = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        # The table is older than this name of the model, see docs/adr/0039.
        db_table = "clients_app_csvimport"
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=ImportState.values), name="import_state_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["organisation", "-created_at"], name="import_by_organisation"
            ),
            models.Index(
                fields=["id"], condition=Q(state="storing"), name="import_at_work"
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(content__isnull=False),
                name="import_with_content",
            ),
        ]

    def __str__(self) -> str:
        return f"import {self.pk}"
