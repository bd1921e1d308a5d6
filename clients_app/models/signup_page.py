"""SignupPage: how an organisation's public page looks and what it asks.

Whether the page is open, and what happens to what arrives there, is
`Organisation.signup_mode`; an empty mode closes it.
"""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice, Colour, Shaped, texts
from clients_app.models.organisation import Organisation


class SignupLanguage(models.TextChoices):
    """The languages a public page can speak."""

    ENGLISH = "en", "English"
    ARABIC = "ar", "العربية"


class SignupPage(models.Model):
    """The public page of one organisation.

    `logo` is a PNG that we encoded ourselves. `consent_version` counts the wordings of the
    consent line, so that a submission can say which of them was agreed to. `kiosk_key`
    stands in the address that a tablet at the desk opens.
    """

    organisation = models.OneToOneField(
        Organisation, on_delete=models.CASCADE, related_name="signup_page"
    )
    languages = Shaped(_("languages"), default=list, blank=True, shape=texts)
    default_language = Choice(
        max_length=5,
        choices=SignupLanguage,
        default=SignupLanguage.ENGLISH,
        fallback=SignupLanguage.ENGLISH,
    )
    accent = Colour(_("colour"), max_length=7, default="#0a5e86")
    logo = models.BinaryField(null=True, blank=True)
    logo_hash = models.CharField(max_length=16, blank=True)
    hidden_fields = Shaped(_("hidden fields"), default=list, blank=True, shape=texts)
    intro_en = models.CharField(max_length=300, blank=True)
    intro_ar = models.CharField(max_length=300, blank=True)
    thanks_en = models.CharField(max_length=600, blank=True)
    thanks_ar = models.CharField(max_length=600, blank=True)
    contact = models.CharField(_("contact"), max_length=200, blank=True)
    consent_en = models.CharField(max_length=600, blank=True)
    consent_ar = models.CharField(max_length=600, blank=True)
    consent_version = models.PositiveIntegerField(default=1)
    allowed_origins = Shaped(_("allowed sites"), default=list, blank=True, shape=texts)
    shows_number = models.BooleanField(_("show the client number"), default=False)
    kiosk_key = models.CharField(max_length=32, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"signup page {self.organisation_id}"

    @classmethod
    def of(cls, organisation: Organisation) -> SignupPage:
        """Return the organisation's page, or the defaults, unsaved, where it has none."""
        stored = cls.objects.filter(organisation=organisation).defer("logo").first()
        page = stored or cls(organisation=organisation)
        page.organisation = organisation
        return page

    @property
    def spoken(self) -> list[str]:
        """Return the codes of the languages offered; all of them when none is chosen."""
        return [code for code in SignupLanguage.values if code in self.languages] or [
            *SignupLanguage.values
        ]

    def text(self, name: str, language: str) -> str:
        """Return the organisation's own `intro`, `thanks` or `consent`, or ""."""
        return str(getattr(self, f"{name}_{language}", ""))
