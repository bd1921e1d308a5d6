"""How long personal data is kept, which consent was agreed to, and who looked at a client."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from clients_app.models.organisation import Organisation
from clients_app.models.signup_page import SignupPage
from clients_app.models.submission import Submission

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


class ConsentText(models.Model):
    """One wording of an organisation's consent line, as visitors saw it."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="consent_texts"
    )
    version = models.PositiveIntegerField()
    text_en = models.CharField(max_length=600, blank=True)
    text_ar = models.CharField(max_length=600, blank=True)
    since = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "version"], name="consent_text_once"
            ),
        ]

    def __str__(self) -> str:
        return f"consent {self.organisation_id}#{self.version}"

    @classmethod
    def keep(cls, page: SignupPage) -> None:
        """Keep the wording of a page under its version, unless it is kept already."""
        cls.objects.get_or_create(
            organisation=page.organisation,
            version=page.consent_version,
            defaults={"text_en": page.consent_en, "text_ar": page.consent_ar},
        )


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
