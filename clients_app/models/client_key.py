"""ClientKey: what a client may be known by, so that a second one like it is found at once.

A mark of 64 bits instead of the text itself: an index of whole numbers is small, and a name
or a phone stands in one place only, the submission. Which marks:
questions.matching.client_keys().
"""

from __future__ import annotations

from django.db import models

from clients_app.models.organisation import Organisation
from clients_app.models.submission import Submission


class ClientKey(models.Model):
    """One mark of one submission: of its e-mail, phone, tax number or name."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="+", db_index=False
    )
    key = models.BigIntegerField()
    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="keys"
    )

    class Meta:
        constraints = [
            # The look-up: the newest submissions under a mark.
            models.UniqueConstraint(
                fields=["organisation", "key", "submission"], name="client_key_once"
            ),
        ]

    def __str__(self) -> str:
        return f"key of {self.submission_id}"
