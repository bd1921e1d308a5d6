"""SignupMail: what is mailed to a visitor about a public signup."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from clients_app.models.submission import Submission


class SignupMail(models.Model):
    """What a visitor who left an address has been told about one signup, and what is next.

    Such a row lives until the last word has gone out. `told` names the last event mailed
    ("" = none yet), `told_revision` the revision it was about. About an odd signup nothing
    is told (QUIET) before a person approved it: the address may be anybody's.
    """

    QUIET = "quiet"

    submission = models.OneToOneField(
        Submission, on_delete=models.CASCADE, related_name="signup_mail"
    )
    link = models.URLField(max_length=300)
    told = models.CharField(max_length=10, blank=True)
    told_revision = models.PositiveIntegerField(default=0)
    tries = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(default=timezone.now, db_index=True)

    def __str__(self) -> str:
        return f"mail about {self.submission_id}"
