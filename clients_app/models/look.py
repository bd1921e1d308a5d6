"""Look: who looked at a client, and when."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from clients_app.models.submission import Submission


class Look(models.Model):
    """Somebody opened a client's page; once an hour at most."""

    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="looks", db_index=False
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+"
    )
    hour = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "person", "hour"], name="look_once_an_hour"
            ),
        ]

    def __str__(self) -> str:
        return f"look {self.submission_id} by {self.person_id}"
