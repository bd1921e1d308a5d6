"""ConsentText: which consent a visitor agreed to."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

from clients_app.models.organisation import Organisation
from clients_app.models.signup_page import SignupPage


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
