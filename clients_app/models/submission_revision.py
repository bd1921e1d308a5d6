"""SubmissionRevision: what a submission said before somebody corrected it."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from clients_app.models.lenient import Choice, Shaped
from clients_app.models.lenient import answers as answers_in
from clients_app.models.submission import ClientTypeChoice, Submission


class SubmissionRevision(models.Model):
    """The answers of one submission until they were replaced; the first is the original.

    `revision` is the submission's own while these answers stood, `replaced_by` who put
    others in their place (nobody: the applicant did).
    """

    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="revisions"
    )
    revision = models.PositiveIntegerField()
    type = Choice(
        max_length=8, known=ClientTypeChoice.values, fallback=ClientTypeChoice.COMPANY
    )
    answers = Shaped(shape=answers_in)
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
