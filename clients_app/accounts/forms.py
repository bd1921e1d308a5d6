"""The sign-in forms: bounded before anything looks at them, and throttled where one can guess."""

from __future__ import annotations

from functools import partial
from typing import Any

from allauth.account import forms as account
from allauth.core import context
from allauth.mfa.base import forms as mfa
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from clients_app.accounts import letters, tries
from clients_app.accounts.doors import refuse
from clients_app.models import User

LONGEST_PASSWORD = 500


def _bound_passwords(form: Any, *names: str) -> None:
    for name in names:
        field = form.fields[name]
        field.validators = [*field.validators, _not_longer]


def _not_longer(password: str) -> None:
    if len(password) > LONGEST_PASSWORD:
        raise ValidationError(_("The password must be 500 characters or fewer"))


def try_password(request: HttpRequest, address: str) -> tries.Try:
    """Take the place of a try at a password. Raises ImmediateHttpResponse with a 429."""
    try:
        return tries.begin_password(request, address)
    except tries.TooManyTries as error:
        raise refuse(request, error.seconds) from None


class LoginForm(account.LoginForm):  # type: ignore[misc]
    """E-mail and password, named so that password managers know which is which."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        login = self.fields["login"]
        login.widget.attrs["autocomplete"] = "username"
        login.error_messages["required"] = _("Enter your email address")
        login.error_messages["invalid"] = _(
            "Enter an email address like name@example.com"
        )
        self.fields["password"].error_messages["required"] = _("Enter your password")
        _bound_passwords(self, "password")


class ReauthenticateForm(account.ReauthenticateForm):  # type: ignore[misc]
    """The password once more."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _bound_passwords(self, "password")


class ResetPasswordForm(account.ResetPasswordForm):  # type: ignore[misc]
    """Asks for a new password; whether anybody has the address shows nowhere."""

    def save(self, request: HttpRequest, **kwargs: Any) -> str:
        """See to the mail once the answer is out: it takes no longer for who is known."""
        letters.after_answer(request, partial(super().save, request, **kwargs))
        return str(self.cleaned_data["email"])


class ChangePasswordForm(account.ChangePasswordForm):  # type: ignore[misc]
    """The old password and a new one."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _bound_passwords(self, "oldpassword", "password1", "password2")

    def clean_oldpassword(self) -> str:
        """Raises ValidationError; a wrong one counts like one typed to sign in."""
        attempt = try_password(context.request, self.user.email)
        old: str = super().clean_oldpassword()
        attempt.succeeded()
        return old


class ResetPasswordKeyForm(account.ResetPasswordKeyForm):  # type: ignore[misc]
    """A new password, chosen through the link in a mail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _bound_passwords(self, "password1", "password2")


class _ThrottledCode:
    """Looks at a code only when the person, from here, has not failed too often."""

    user: User

    def clean_code(self) -> str:
        """Raises ValidationError, or ImmediateHttpResponse with a 429."""
        request = context.request
        try:
            attempt = tries.begin_code(request, self.user)
        except tries.TooManyTries as error:
            raise refuse(request, error.seconds) from None
        try:
            code: str = super().clean_code()  # type: ignore[misc]
        except ValidationError:
            if attempt.is_alarming():
                letters.after_answer(
                    request, partial(letters.warn, self.user.email, "codes")
                )
            raise
        attempt.succeeded()
        return code


class AuthenticateForm(_ThrottledCode, mfa.AuthenticateForm):  # type: ignore[misc]
    """The code of a second factor, to sign in."""


class ReauthenticateCodeForm(_ThrottledCode, mfa.ReauthenticateForm):  # type: ignore[misc]
    """The code of a second factor, to confirm who somebody is."""
