"""SubmissionRevision: what a submission said before somebody corrected it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from clients_app.models.submission import Submission


class SubmissionRevision(models.Model):
    """The answers of one submission until they were replaced; the first is the original.

    `revision` is the submission's own while these answers stood, `replaced_by` who put
    others in their place (nobody: the applicant did).
    """

    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="revisions"
    )
    revision = models.PositiveIntegerField()
    type = models.CharField(max_length=8)
    answers = models.JSONField()
    replaced_at = models.DateTimeField(default=timezone.now)
    replaced_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "revision"], name="revision_once"
            ),
        ]

    def __str__(self) -> str:
        return f"revision {self.submission_id}#{self.revision}"
