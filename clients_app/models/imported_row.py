"""ImportedRow: what became of a line of an imported file."""

from __future__ import annotations

from django.db import models

from clients_app.models.csv_import import CsvImport
from clients_app.models.submission import Submission


class ImportedRow(models.Model):
    """Which line of which import a submission came from."""

    csv_import = models.ForeignKey(
        CsvImport, on_delete=models.CASCADE, related_name="rows"
    )
    line = models.PositiveIntegerField()
    submission = models.OneToOneField(
        Submission, on_delete=models.CASCADE, related_name="imported_row"
    )

    def __str__(self) -> str:
        return f"line {self.line} of {self.csv_import_id}"
