"""DeliveryAttempt: one HTTP try for one submission, append-only."""

from __future__ import annotations

from django.db import models

from clients_app.heffl.outcome import Verdict
from clients_app.models.lenient import Choice
from clients_app.models.submission import Submission


class DeliveryAttempt(models.Model):
    """One HTTP try for one submission. Written before the first byte, finished after it.

    The body itself is never kept, only its SHA-256.
    """

    submission = models.ForeignKey(
        Submission, on_delete=models.CASCADE, related_name="attempts"
    )
    fence = models.PositiveIntegerField()
    fingerprint = models.CharField(max_length=64)
    started_at = models.DateTimeField()
    deadline_at = models.DateTimeField()
    body_sha256 = models.CharField(max_length=64)
    finished_at = models.DateTimeField(null=True)
    verdict = Choice(max_length=16, blank=True, known=list(Verdict))
    phase = models.CharField(max_length=12, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    reason = models.CharField(max_length=40, blank=True)
    message = models.CharField(max_length=500, blank=True)
    clock_skew = models.FloatField(default=0.0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["submission", "fence"], name="attempt_fence_once"
            ),
        ]
        indexes = [
            models.Index(fields=["fingerprint", "-started_at"], name="attempt_by_key"),
        ]

    def __str__(self) -> str:
        return f"attempt {self.submission_id}#{self.fence}"
