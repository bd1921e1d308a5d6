"""Submission: what was entered, by whom, and how far it got.

This one row is the outbox entry and the line in the history table alike: its status
lives here and nowhere else.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice, NumberedChoice, Shaped, records, texts
from clients_app.models.lenient import answers as answers_in
from clients_app.models.listing import Filters
from clients_app.models.organisation import Organisation


class Status(models.TextChoices):
    """How far a submission got. Who may move it where: see clients_app.delivery."""

    PENDING = "PENDING", _("Waiting for approval")
    QUEUED = "QUEUED", _("Waiting to be sent")
    SENDING = "SENDING", _("Sending")
    CREATED = "CREATED", _("Created")
    NEEDS_FIX = "NEEDS_FIX", _("Needs correcting")
    UNCERTAIN = "UNCERTAIN", _("Checking with Heffl")
    REVIEW = "REVIEW", _("Needs a person")
    REJECTED = "REJECTED", _("Rejected")
    DROPPED = "DROPPED", _("Dropped")


FINAL = (Status.CREATED, Status.REJECTED, Status.DROPPED)
WAITING = (Status.QUEUED, Status.SENDING, Status.UNCERTAIN)
NEEDS_PERSON = (Status.PENDING, Status.NEEDS_FIX, Status.REVIEW)


class Source(models.TextChoices):
    """Which door a submission came through."""

    FRONTDESK = "frontdesk", _("Front desk")
    SIGNUP = "signup", _("Signup page")
    IMPORT = "import", _("Import")


class Lane(models.IntegerChoices):
    """Who goes first when calls are scarce: a lower number is sent earlier."""

    FRONTDESK = 0
    SIGNUP = 1
    IMPORT = 2


class ClientTypeChoice(models.TextChoices):
    """The two types of client the remote API knows."""

    COMPANY = "company", _("Company")
    CONTACT = "contact", _("Contact")


class HeldFor(models.TextChoices):
    """Why a public signup waits for a person: the codes in `held_for`."""

    ALL = "all", _("Every signup is looked at")
    TRAP = "trap", _("A field that people cannot see was filled in")
    TOO_FAST = "too_fast", _("It was sent faster than people type")
    UNVERIFIED = "unverified", _("The browser did not prove that it is one")
    MANY = "many", _("Many came in a short time")
    LINKS = "links", _("It has web addresses where none are asked for")


class SubmissionQuerySet(models.QuerySet["Submission"]):
    """Reads of submissions for the history table."""

    def chosen(self, filters: Filters) -> SubmissionQuerySet:
        """Return what the filters other than the search leave."""
        rows = self.filter(**filters.choices)
        if filters.campaign:
            rows = rows.filter(campaign=filters.campaign)
        if filters.since:
            rows = rows.filter(created_at__gte=filters.since)
        if filters.until:
            rows = rows.filter(created_at__lt=filters.until)
        return rows

    def among(self, ids: Iterable[int]) -> SubmissionQuerySet:
        """Return the rows with these ids, of which there may be thousands.

        Numbers need no parameters, which would take longer to bind than to look up.
        """
        if not (numbers := ",".join(str(int(pk)) for pk in ids)):
            return self.none()
        column = f'"{self.model._meta.db_table}"."id"'
        rows: SubmissionQuerySet
        rows = self.extra(where=[f"{column} IN ({numbers})"])  # type: ignore[assignment]  # noqa: S610
        return rows

    def for_list(self, ids: Sequence[int]) -> SubmissionQuerySet:
        """Return rows with what a line of the list shows, and nothing heavier."""
        return (
            self.among(ids)
            .select_related("created_by")
            .defer("answers", "search_text", "candidates")
        )


class Submission(models.Model):
    """One filled form of one organisation."""

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="submissions"
    )
    submission_token = models.CharField(max_length=64)

    type = Choice(
        max_length=8, choices=ClientTypeChoice, fallback=ClientTypeChoice.COMPANY
    )
    answers = Shaped(shape=answers_in)
    display_name = models.CharField(max_length=330)
    name_key = models.CharField(max_length=330)
    match_key = models.CharField(max_length=64)
    search_text = models.TextField(blank=True)

    source = Choice(max_length=10, choices=Source, fallback=Source.FRONTDESK)
    lane = NumberedChoice(choices=Lane)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)

    status = Choice(
        max_length=10,
        choices=Status,
        default=Status.QUEUED,
        fallback=Status.REVIEW,
    )
    number = models.CharField(max_length=200, blank=True)
    heffl_id = models.CharField(max_length=200, blank=True)
    delivered_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=40, blank=True)
    problem_field = models.CharField(max_length=80, blank=True)
    message = models.CharField(max_length=500, blank=True)
    revision = models.PositiveIntegerField(default=1)
    closed_reason = models.CharField(max_length=500, blank=True)

    # Who decided about it last, and whose double it turned out to be.
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    duplicate_of = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, db_index=False, related_name="+"
    )

    # What a public signup leaves besides its answers: see models/signup_page.py.
    receipt = models.CharField(max_length=32, blank=True)
    language = models.CharField(max_length=5, blank=True)
    campaign = models.CharField(max_length=60, blank=True)
    consent_version = models.PositiveIntegerField(null=True)
    held_for = Shaped(default=list, blank=True, shape=texts)

    not_before = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(default=timezone.now)
    fence = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    safe_failures = models.PositiveIntegerField(default=0)
    look_first = models.BooleanField(default=False)
    reconcile_at = models.DateTimeField(null=True)
    clean_scans = models.PositiveSmallIntegerField(default=0)
    requeued_once = models.BooleanField(default=False)
    reported = models.BooleanField(default=False)
    """Heffl itself reported a client like this one while it was unclear."""
    candidates = Shaped(default=list, blank=True, shape=records)

    objects = SubmissionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "submission_token"],
                name="submission_token_once",
            ),
            models.UniqueConstraint(
                fields=["organisation", "heffl_id"],
                condition=~Q(heffl_id=""),
                name="submission_heffl_id_once",
            ),
            models.UniqueConstraint(
                fields=["receipt"],
                condition=~Q(receipt=""),
                name="submission_receipt_once",
            ),
            models.CheckConstraint(
                condition=(Q(status="CREATED") & ~Q(heffl_id=""))
                | (~Q(status="CREATED") & Q(heffl_id="", number="")),
                name="submission_id_iff_created",
            ),
            models.CheckConstraint(
                condition=Q(status__in=Status.values), name="submission_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status="SENDING", lease_until__isnull=False)
                | (~Q(status="SENDING") & Q(lease_until__isnull=True)),
                name="submission_lease_iff_sending",
            ),
        ]
        indexes = [
            # The queue: what an organisation still has to send, best first.
            models.Index(
                fields=["organisation", "lane", "id"],
                condition=Q(status="QUEUED"),
                name="submission_queue",
            ),
            # Is a client of Heffl linked already, by whichever organisation?
            models.Index(fields=["heffl_id"], name="submission_heffl_id"),
            # What is open: how much of it, and since when (/metrics, the pages' notices).
            models.Index(
                fields=["status", "lane", "queued_at"],
                condition=~Q(status__in=["CREATED", "REJECTED", "DROPPED"]),
                name="submission_open",
            ),
            # The sweeper: leases that ran out, look-ups that are due.
            models.Index(
                fields=["lease_until"],
                condition=Q(status="SENDING"),
                name="submission_lease",
            ),
            models.Index(
                fields=["reconcile_at"],
                condition=Q(reconcile_at__isnull=False),
                name="submission_reconcile",
            ),
            # The review queue, oldest first, and what was decided, newest first.
            models.Index(
                fields=["organisation", "status", "created_at", "id"],
                condition=Q(status__in=["PENDING", "NEEDS_FIX", "UNCERTAIN", "REVIEW"]),
                name="submission_review",
            ),
            models.Index(
                fields=["organisation", "-decided_at", "-id"],
                condition=Q(decided_at__isnull=False),
                name="submission_decided",
            ),
            models.Index(
                fields=["duplicate_of"],
                condition=Q(duplicate_of__isnull=False),
                name="submission_duplicate",
            ),
            # The history table, by each column that can be sorted.
            models.Index(
                fields=["organisation", "-created_at", "-id"], name="submission_added"
            ),
            models.Index(
                fields=["organisation", "name_key", "id"], name="submission_name"
            ),
            models.Index(
                fields=["organisation", "number", "id"], name="submission_number"
            ),
            # …and the same for any choice of status, type and source: see history/keys.py.
            models.Index(
                fields=[
                    "organisation",
                    "status",
                    "type",
                    "source",
                    "-created_at",
                    "-id",
                ],
                name="submission_some_added",
            ),
            models.Index(
                fields=["organisation", "status", "type", "source", "name_key", "id"],
                name="submission_some_name",
            ),
            models.Index(
                fields=["organisation", "status", "type", "source", "number", "id"],
                name="submission_some_number",
            ),
            # …and the same for one campaign, which only public signups have.
            *(
                models.Index(
                    fields=["organisation", "campaign", "status", "type", *order],
                    condition=~Q(campaign=""),
                    name=f"submission_campaign_{name}",
                )
                for name, order in (
                    ("add", ["-created_at", "-id"]),
                    ("nam", ["name_key", "id"]),
                    ("num", ["number", "id"]),
                )
            ),
        ]

    def __str__(self) -> str:
        return f"submission {self.pk}"

    @property
    def is_final(self) -> bool:
        """Say whether nothing will change this submission any more."""
        return self.status in FINAL
