"""The forms about members: a role, an invitation, and joining by one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from clients_app.models import Role
from clients_app.organisation.forms import CleanText


def email_field(label: Any, *, autocomplete: str = "off") -> forms.EmailField:
    """Return the question for an address that somebody signs in, or will sign in, with."""
    return forms.EmailField(
        label=label,
        max_length=254,
        error_messages={
            "required": _("Enter the email address"),
            "invalid": _("Enter an email address like name@example.com"),
            "max_length": _("The email address is too long"),
        },
        widget=forms.EmailInput(
            attrs={"autocomplete": autocomplete, "dir": "ltr", "maxlength": None}
        ),
    )


class RoleForm(forms.Form):
    """One of the roles that the asker may give."""

    role = forms.ChoiceField(
        label=_("Role"),
        error_messages={
            "required": _("Choose a role"),
            "invalid_choice": _("Choose a role from the list"),
        },
    )

    def __init__(self, *args: Any, roles: list[Role], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["role"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101 - tells the type
        field.choices = [(role.value, role.label) for role in reversed(roles)]


class InviteForm(RoleForm):
    """Whom to invite, as what, and in which language the mail is."""

    email = email_field(_("Email"))
    language = forms.ChoiceField(
        label=_("Language of the mail"),
        choices=settings.LANGUAGES,
        error_messages={
            "required": _("Choose a language"),
            "invalid_choice": _("Choose a language from the list"),
        },
    )
    field_order = ("email", "role", "language")

    def clean_email(self) -> str:
        """Return the address in lower case, as addresses are kept."""
        return str(self.cleaned_data["email"]).lower()


class JoinForm(forms.Form):
    """What an invited person types: a password, new or the one they have."""

    name = CleanText(
        label=_("Your name"),
        max_length=120,
        required=False,
        error_messages={"max_length": _("The name must be 120 characters or fewer")},
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        max_length=500,
        help_text=_(
            "If you already sign in here with this address, enter that password. "
            "Otherwise choose one of at least 10 characters."
        ),
        error_messages={
            "required": _("Enter a password"),
            "max_length": _("The password must be 500 characters or fewer"),
        },
        widget=forms.PasswordInput(
            render_value=False, attrs={"autocomplete": "new-password", "dir": "ltr"}
        ),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            field.widget.attrs.pop("maxlength", None)
