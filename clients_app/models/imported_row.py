"""ImportedRow: what became of a line of an imported file."""

from __future__ import annotations

from django.db import models

from clients_app.models.file_import import FileImport
from clients_app.models.submission import Submission


class ImportedRow(models.Model):
    """Which line of which import a submission came from."""

    file_import = models.ForeignKey(
        FileImport,
        on_delete=models.CASCADE,
        related_name="rows",
        db_column="csv_import_id",  # older than the name of the field
    )
    line = models.PositiveIntegerField()
    submission = models.OneToOneField(
        Submission, on_delete=models.CASCADE, related_name="imported_row"
    )

    def __str__(self) -> str:
        return f"line {self.line} of {self.file_import_id}"
