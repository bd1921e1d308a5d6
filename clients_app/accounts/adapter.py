"""Signing in with a password: no open sign-up, a wrong one tells nothing, guessing is throttled."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.core.exceptions import ReauthenticationRequired
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sites.shortcuts import get_current_site
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from clients_app.accounts import letters, proof, told, tries
from clients_app.accounts.forms import try_password
from clients_app.accounts.own_address import own_address
from clients_app.models import User

# Words of django-allauth and Django that our catalogue says better than theirs.
REWORDED = (
    gettext_noop("Authenticator code"),
    gettext_noop("Incorrect code."),
    gettext_noop("MFA"),
    gettext_noop("Forgot your password?"),
    gettext_noop("New Password (again)"),
    gettext_noop("Email address"),
    gettext_noop("This field is required."),
    gettext_noop("Use a security key"),
    gettext_noop("Use authenticator app or code"),
    gettext_noop("Use your password"),
)
PROOFS = ("password", "mfa")
"""Ways to sign in after which nobody is asked at once for the same again."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Accounts are made by the organisation, never by a visitor."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": _("The email or password is not right."),
        "incorrect_password": _("The password is not right."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return False: people come by an invitation, or by `add_member`."""
        return False

    def is_safe_url(self, url: str | None) -> bool:
        """Say whether a `next` leads to a path of this site."""
        return bool(own_address(allauth_context.request, url or ""))

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return whose password this is, or None; every sign-in by password comes here.

        Raises ImmediateHttpResponse with a 429 when too many have failed.
        """
        address = str(credentials.get("email", ""))
        attempt = try_password(request, address)
        user: User | None = super().authenticate(request, **credentials)
        if user:
            attempt.succeeded()
        elif attempt.is_alarming():
            letters.after_answer(request, partial(letters.warn, address, "passwords"))
        return user

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count nothing here: authenticate() has, without making threads wait."""

    def _delete_login_attempts_cached_email(
        self, request: HttpRequest, **credentials: Any
    ) -> None:
        """Allauth's word for a password that was chosen anew by mail."""
        tries.forgive(request, str(credentials.get("email", "")))

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Ask nobody again who has only just signed in, with a password or a passkey.

        Allauth counts what was confirmed later alone. What concerns a second factor asks
        whoever has one to prove it instead: a password neither removes a factor nor adds
        another beside it. Raises ReauthenticationRequired unless that was done lately.
        """
        request = self.request
        if app == "allauth.mfa" and request and proof.has_factor(request.user):
            if not proof.proven_lately(request):
                raise ReauthenticationRequired
            return False
        records = get_authentication_records(request, request.user) if request else []
        proved = [each["at"] for each in records if each.get("method") in PROOFS]
        if (
            proved
            and time.time() - proved[-1] < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
        ):
            return False
        return bool(super().is_reauthentication_required(app=app, **kwargs))

    def send_mail(
        self, template_prefix: str, email: str, context: dict[str, Any]
    ) -> None:
        """Send one of allauth's mails, unless letters.may_send() says no."""
        if not letters.may_send(template_prefix, email):
            return
        request = allauth_context.request
        words = {
            "request": request,
            "email": email,
            "current_site": get_current_site(request),
        }
        letters.post(self.render_mail(template_prefix, email, words | context))

    def get_reauthentication_methods(
        self, user: AbstractBaseUser | AnonymousUser
    ) -> list[dict[str, Any]]:
        """Return the pages on which a person can confirm who they are, the best one first.

        The password is none of them where the second factor is what is asked for.
        """
        methods: list[dict[str, Any]] = super().get_reauthentication_methods(user)
        if not proof.has_factor(user):
            return methods
        target = self.request.GET.get("next") or self.request.POST.get("next")
        about_factors = (target or self.request.path).startswith(reverse("mfa_index"))
        if proof.proven(self.request) and not about_factors:
            return methods
        best = proof.page_for(user)
        return sorted(
            [each for each in methods if each["id"] != "reauthenticate"],
            key=lambda each: bool(each["url"] != best),
        )

    def send_notification_mail(
        self,
        template_prefix: str,
        user: AbstractBaseUser,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Tell a person what was done to their sign-in, in our own words."""
        address = email or EmailAddress.objects.get_primary_email(user)
        if address:
            told.tell(self.request, template_prefix, address)
