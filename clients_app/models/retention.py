"""Retention: how long personal data is kept, and what stands in its place afterwards."""

from __future__ import annotations

from django.db import models

from clients_app.models.organisation import Organisation

CLEARED_NAME = "—"
CLEARED_KEY = "\uf8fe"
"""The `name_key` of a client whose personal data was removed. No name becomes it: names
lose characters of private use."""


class Retention(models.Model):
    """After how many days an organisation's clients lose their personal data here.

    None keeps it for ever. `purged_on` is the last day the daily job was done or taken on.
    """

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, related_name="retention"
    )
    keep_created = models.PositiveIntegerField(null=True, default=90)
    keep_closed = models.PositiveIntegerField(null=True, default=30)
    purged_on = models.DateField(null=True)

    def __str__(self) -> str:
        return f"retention {self.organisation_id}"

    @classmethod
    def of(cls, organisation: Organisation) -> Retention:
        """Return what the organisation has chosen, or the defaults, unsaved."""
        found = cls.objects.filter(organisation=organisation).first()
        return found or cls(organisation=organisation)
