"""FileReading: a file as a table, read once, and what the worker is still asked to do with it.

A row of its own beside FileImport: it goes when the file is forgotten.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from clients_app.models.file_import import FileImport


class Step(models.TextChoices):
    """What a large file waits for before anything is loaded."""

    NONE = "", "nothing"
    READ = "read", "to be read"
    CHECK = "check", "to have its rows checked"


class FileReading(models.Model):
    """What became of reading and checking a file, and what of it the worker does.

    `table` holds the rows, packed, once they are read, under `headers`; `checked` what
    loading would come to. `large` files are left to the worker. Who does the step that
    is awaited holds it until `taken_until`, under a name of the moment in `taken_by`;
    `percent` is how far that is. `problem` is in words for people, in the `language`
    they asked in.
    """

    file_import = models.OneToOneField(
        FileImport, on_delete=models.CASCADE, primary_key=True, related_name="reading"
    )
    large = models.BooleanField(default=False)
    headers = models.JSONField(default=list)
    empty_rows = models.PositiveIntegerField(default=0)
    table = models.BinaryField(null=True)
    checked = models.JSONField(null=True)
    awaits = models.CharField(max_length=5, choices=Step, blank=True)
    asked_at = models.DateTimeField(default=timezone.now)
    language = models.CharField(max_length=10, default="en")
    tries = models.PositiveSmallIntegerField(default=0)
    taken_by = models.CharField(max_length=16, blank=True)
    taken_until = models.DateTimeField(null=True)
    percent = models.PositiveSmallIntegerField(default=0)
    problem = models.TextField(blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(awaits__in=Step.values), name="reading_step_known"
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at"],
                condition=~models.Q(awaits=""),
                name="reading_awaited",
            ),
        ]

    def __str__(self) -> str:
        return f"reading of import {self.pk}"
