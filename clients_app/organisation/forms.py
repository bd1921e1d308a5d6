"""The forms of an organisation's settings: key, signing secret, reference and own fields."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from clients_app import credentials
from clients_app.crypto import Secret
from clients_app.heffl import signature
from clients_app.models import CustomField, CustomFieldKind, Organisation
from clients_app.questions.posted import room_of
from clients_app.questions.text import UnusableText, clean_text

MAX_OPTIONS = 200
MAX_OPTION = 120


class ApiKeyForm(forms.Form):
    """A pasted API key. It never goes back to the browser, not even on an error."""

    key = forms.CharField(
        label=_("API key"),
        help_text=_("Copy it in Heffl under Settings, Developers."),
        strip=False,
        error_messages={"required": _("Enter the API key")},
        widget=forms.PasswordInput(
            render_value=False,
            attrs={"autocomplete": "new-password", "spellcheck": "false", "dir": "ltr"},
        ),
    )

    def clean_key(self) -> Secret:
        try:
            return credentials.clean_key(self.cleaned_data["key"])
        except credentials.KeyFormatError as error:
            raise forms.ValidationError(str(error)) from None


class WebhookSecretForm(forms.Form):
    """A pasted signing secret. It never goes back to the browser, not even on an error."""

    secret = forms.CharField(
        label=_("Signing secret"),
        help_text=_("Heffl shows it when the webhook is made. It starts with whsec_."),
        strip=False,
        error_messages={"required": _("Enter the signing secret")},
        widget=forms.PasswordInput(
            render_value=False,
            attrs={"autocomplete": "new-password", "spellcheck": "false", "dir": "ltr"},
        ),
    )

    def clean_secret(self) -> Secret:
        try:
            return Secret(signature.clean_secret(self.cleaned_data["secret"]))
        except signature.SecretFormatError:
            raise forms.ValidationError(
                _(
                    "A signing secret is whsec_ and a long row of letters. "
                    "Copy it again from Heffl."
                )
            ) from None


class ReferenceForm(forms.ModelForm[Organisation]):
    """The custom field of Heffl in which each client bears our reference."""

    class Meta:
        model = Organisation
        fields = ["reference_field"]
        labels = {"reference_field": _("Field for the portal reference")}
        help_texts = {
            "reference_field": _(
                "The API name of a text field that you made in Heffl for companies and "
                "contacts, for example cf_portal_reference. Leave it empty for none."
            )
        }
        error_messages = {
            "reference_field": {
                "max_length": _("The API name must be 60 characters or fewer")
            }
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        attrs = {"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}
        self.fields["reference_field"].widget.attrs.update(attrs)
        self.fields["reference_field"].widget.attrs.pop("maxlength", None)

    def clean_reference_field(self) -> str:
        """Check the name, and that people are not asked to fill this field."""
        name = str(self.cleaned_data["reference_field"]).strip()
        if name and not re.fullmatch(r"cf_[A-Za-z0-9_]{1,57}", name, re.ASCII):
            raise forms.ValidationError(
                _("Use cf_ followed by letters, digits or underscores")
            )
        if name and self.instance.custom_fields.filter(key__iexact=name).exists():
            raise forms.ValidationError(
                _("The form asks people for this field. Choose another one.")
            )
        return name


class CleanText(forms.CharField):
    """A text that goes through the same cleaning as every other input."""

    def __init__(
        self, *, max_length: int, multiline: bool = False, **kwargs: Any
    ) -> None:
        self.multiline = multiline
        self.room = room_of(max_length)
        super().__init__(max_length=max_length, **kwargs)

    def to_python(self, value: Any) -> str:
        """Return what clean_text() makes of it, "" for nothing.

        What is too long to be cleaned stays as it is, for the check of its length.
        """
        text = str(value or "").strip()
        if len(text) > self.room:
            return text
        try:
            return clean_text(text, multiline=self.multiline)
        except UnusableText:
            raise forms.ValidationError(
                _("This holds a character that cannot be stored. Type it again")
            ) from None


class CustomFieldForm(forms.ModelForm[CustomField]):
    """One custom field. Its API name stays as it is once the field exists."""

    label = CleanText(
        label=_("Label"),
        max_length=120,
        help_text=_("What people see in the form."),
        error_messages={
            "required": _("Enter the label"),
            "max_length": _("The label must be 120 characters or fewer"),
        },
    )
    label_ar = CleanText(
        label=_("Label in Arabic"),
        max_length=120,
        required=False,
        help_text=_(
            "Shown on pages in Arabic. Leave it empty to show the label above."
        ),
        error_messages={"max_length": _("The label must be 120 characters or fewer")},
    )
    help_text = CleanText(
        label=_("Hint"),
        max_length=200,
        required=False,
        error_messages={"max_length": _("The hint must be 200 characters or fewer")},
    )
    options = CleanText(
        label=_("Options"),
        multiline=True,
        max_length=MAX_OPTIONS * (MAX_OPTION + 2),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_(
            "One per line, exactly as in Heffl. Only for the kinds One option and "
            "Several options."
        ),
        error_messages={"max_length": _("There may be up to 200 options")},
    )

    class Meta:
        model = CustomField
        fields = [
            "key",
            "label",
            "label_ar",
            "kind",
            "options",
            "help_text",
            "for_company",
            "for_contact",
            "required",
            "is_public",
        ]
        labels = {
            "key": _("API name"),
            "kind": _("Kind of answer"),
            "for_company": _("Ask for companies"),
            "for_contact": _("Ask for contacts"),
            "required": _("An answer is required"),
            "is_public": _("Ask on the signup page too"),
        }
        help_texts = {
            "key": _("The name that the field has in Heffl's API. It starts with cf_.")
        }
        error_messages = {
            "key": {
                "required": _("Enter the API name"),
                "max_length": _("The API name must be 60 characters or fewer"),
            },
            "kind": {
                "required": _("Choose the kind of answer"),
                "invalid_choice": _("Choose the kind of answer"),
            },
        }

    def __init__(self, *args: Any, organisation: Organisation, **kwargs: Any) -> None:
        self.organisation = organisation
        instance: CustomField = kwargs.setdefault("instance", CustomField())
        kwargs.setdefault("initial", {})["options"] = "\n".join(instance.options)
        super().__init__(*args, **kwargs)
        self.instance.organisation = organisation
        self.fields["key"].disabled = self.instance.pk is not None
        self.fields["key"].widget.attrs.update(
            {"dir": "ltr", "autocapitalize": "none", "spellcheck": "false"}
        )
        for field in self.fields.values():
            # A silent cut of pasted text is worse than a message.
            field.widget.attrs.pop("maxlength", None)

    def clean_key(self) -> str:
        """Check that no other field of the organisation has this API name in any case."""
        key = str(self.cleaned_data["key"])
        others = self.organisation.custom_fields.exclude(pk=self.instance.pk)
        if others.filter(key__iexact=key).exists():
            raise forms.ValidationError(
                _("There is a field with this API name already")
            )
        if key.casefold() == self.organisation.reference_field.casefold():
            raise forms.ValidationError(
                _("This field carries the portal reference. Choose another one.")
            )
        return key

    def clean_options(self) -> list[str]:
        """Return the options, one per line; empty lines count for none."""
        lines = str(self.cleaned_data["options"]).splitlines()
        options = [line for line in map(clean_text, lines) if line]
        if len(set(options)) < len(options):
            raise forms.ValidationError(_("Each option may stand there only once"))
        if len(options) > MAX_OPTIONS:
            raise forms.ValidationError(_("There may be up to 200 options"))
        if any(len(option) > MAX_OPTION for option in options):
            raise forms.ValidationError(_("An option must be 120 characters or fewer"))
        return options

    def clean(self) -> dict[str, Any]:
        """Ask for options where the kind has some, and drop them elsewhere."""
        cleaned = super().clean() or {}
        chosen = cleaned.get("kind") in {
            CustomFieldKind.OPTION,
            CustomFieldKind.OPTIONS,
        }
        if "options" in cleaned:
            if chosen and not cleaned["options"]:
                self.add_error("options", _("Enter at least one option"))
            elif not chosen:
                cleaned["options"] = []
        if not cleaned.get("for_company") and not cleaned.get("for_contact"):
            self.add_error("for_company", _("Choose companies, contacts or both"))
        return cleaned
