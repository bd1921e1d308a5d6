"""DeliveryAttempt (append-only), RateBudget (one row per key) and Hold (why nothing goes out)."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

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
    verdict = models.CharField(max_length=16, blank=True)
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


class RateBudget(models.Model):
    """The calls one API key has left, shared by every worker on every machine.

    `recent` holds the start times (epoch seconds, by the database's clock) of the calls
    inside the window.
    """

    fingerprint = models.CharField(max_length=64, unique=True)
    recent = models.JSONField(default=list)
    limit_seen = models.PositiveIntegerField(null=True)
    limit_seen_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(null=True)
    desk_seen_at = models.DateTimeField(null=True)
    wake_at = models.DateTimeField(null=True)
    desk_wake_at = models.DateTimeField(null=True)
    failures_in_row = models.PositiveIntegerField(default=0)
    failing_since = models.DateTimeField(null=True)
    last_answer_at = models.DateTimeField(null=True)
    firewalls_in_row = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        return f"budget {self.fingerprint[:8]}"


class HoldReason(models.TextChoices):
    """Why nothing is sent."""

    KEY_REFUSED = "key_refused", _("Heffl refuses the API key")
    KEY_UNVERIFIED = "key_unverified", _("The API key has not been checked yet")
    KEY_UNREADABLE = "key_unreadable", _("The stored API key cannot be opened")
    CONFIGURATION = "configuration", _("Heffl's address or certificate is wrong")
    OUTAGE = "outage", _("Heffl is not answering")
    RESTORED = "restored", _("A backup was restored")


class Hold(models.Model):
    """A stop on sending: for one key (`fingerprint`) or, when that is empty, for everything."""

    fingerprint = models.CharField(max_length=64, blank=True)
    reason = models.CharField(max_length=16, choices=HoldReason)
    detail = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    probe_at = models.DateTimeField(null=True)
    probes = models.PositiveIntegerField(default=0)
    released_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["fingerprint", "reason"],
                condition=Q(released_at__isnull=True),
                name="hold_once",
            ),
        ]
        indexes = [
            models.Index(
                fields=["fingerprint"],
                condition=Q(released_at__isnull=True),
                name="hold_open",
            ),
        ]

    def __str__(self) -> str:
        return f"hold {self.reason}"
