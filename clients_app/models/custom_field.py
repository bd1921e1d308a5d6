"""CustomField: an extra question that one organisation asks, under its Heffl key `cf_…`."""

from __future__ import annotations

from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice, Shaped, texts
from clients_app.models.organisation import Organisation


class CustomFieldKind(models.TextChoices):
    """The kinds of answer a custom field can take (Heffl's documented types we can send)."""

    TEXT = "text", _("Text")
    LONG_TEXT = "long_text", _("Long text")
    NUMBER = "number", _("Number")
    DATE = "date", _("Date")
    OPTION = "option", _("One option")
    OPTIONS = "options", _("Several options")
    TEXTS = "texts", _("Several texts")
    EMAIL = "email", _("Email")
    PHONE = "phone", _("Phone")
    LINK = "link", _("Link")
    YES_NO = "yes_no", _("Yes or no")


class CustomField(models.Model):
    """A question for companies, for contacts, or for both."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="custom_fields"
    )
    key = models.CharField(
        _("API name"),
        max_length=60,
        validators=[
            RegexValidator(
                r"^cf_[A-Za-z0-9_]{1,57}\Z",
                _("Use cf_ followed by letters, digits or underscores"),
            )
        ],
    )
    label = models.CharField(_("label"), max_length=120)
    label_ar = models.CharField(_("label in Arabic"), max_length=120, blank=True)
    kind = Choice(
        _("kind"),
        max_length=12,
        choices=CustomFieldKind,
        fallback=CustomFieldKind.TEXT,
    )
    help_text = models.CharField(_("hint"), max_length=200, blank=True)
    options = Shaped(_("options"), default=list, blank=True, shape=texts)
    for_company = models.BooleanField(_("for companies"), default=True)
    for_contact = models.BooleanField(_("for contacts"), default=True)
    required = models.BooleanField(_("required"), default=False)
    position = models.PositiveIntegerField(default=0)
    is_active = models.BooleanField(default=True)
    is_public = models.BooleanField(_("asked on the signup page"), default=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "key"], name="custom_field_key_once"
            ),
        ]

    def __str__(self) -> str:
        return self.key
