"""Signing in with a password: no open sign-up, a wrong one tells nothing, guessing is throttled."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

LOCKED_FOR = 300
# Words of django-allauth and Django that our catalogue says better than theirs.
REWORDED = (
    gettext_noop("Authenticator code"),
    gettext_noop("Incorrect code."),
    gettext_noop("MFA"),
    gettext_noop("Forgot your password?"),
    gettext_noop("New Password (again)"),
    gettext_noop("Email address"),
    gettext_noop("This field is required."),
)


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
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


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the organisation, never by a visitor."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The email or password is not right."),
        "incorrect_password": _("The password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: people come by an invitation, or by `add_member`."""
        return False

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Let nobody try a password who has failed too often, by address or by network.

        Raises ImmediateHttpResponse with the 429; its Retry-After is `LOCKED_FOR`, in
        seconds.
        """
        try:
            super().pre_authenticate(request, **credentials)
        except ValidationError:
            response = respond_429(request)
            response.headers["Retry-After"] = str(LOCKED_FOR)
            raise ImmediateHttpResponse(response) from None

    def _get_login_attempts_cache_key(
        self, request: HttpRequest, **credentials: Any
    ) -> str:
        """Count per address alone: allauth adds the Host header, which a guesser chooses."""
        return str(credentials.get("email", "")).strip().lower()
