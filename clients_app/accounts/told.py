"""What a person is told by mail about their own sign-in: plain, without a secret in it.

In the language of the page on which it was done. A mail server that is away undoes and
stops nothing: the log says that a mail was not sent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from allauth.utils import build_absolute_uri
from django.core.mail import EmailMessage
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients_app.accounts import letters

# By django-allauth's name for the occasion, and by ours where it has none.
OCCASIONS = {
    "account/email/password_changed": gettext_lazy("Your password was changed."),
    "account/email/password_set": gettext_lazy("Your sign-in was given a password."),
    "account/email/password_reset": gettext_lazy(
        "Your password was changed by a link sent to this address."
    ),
    "account/email/email_changed": gettext_lazy(
        "Your sign-in now has another address. This one no longer opens it."
    ),
    "mfa/email/totp_activated": gettext_lazy(
        "An authenticator app was added to your sign-in as a second factor."
    ),
    "mfa/email/totp_deactivated": gettext_lazy(
        "The authenticator app was removed from your sign-in."
    ),
    "mfa/email/webauthn_added": gettext_lazy("A passkey was added to your sign-in."),
    "mfa/email/webauthn_removed": gettext_lazy(
        "A passkey was removed from your sign-in."
    ),
    "mfa/email/recovery_codes_generated": gettext_lazy(
        "New recovery codes were made for your sign-in. The ones before stopped working."
    ),
    "recovery_code_used": gettext_lazy(
        "One of your recovery codes was used in place of your second factor."
    ),
    "last_recovery_code_used": gettext_lazy(
        "The last of your recovery codes was used in place of your second factor. "
        "Make new ones in your account."
    ),
}
_held: ContextVar[list[Callable[[], None]] | None] = ContextVar("_held", default=None)


def tell(request: HttpRequest, occasion: str, address: str) -> None:
    """Tell an address what was done to the sign-in it belongs to.

    Raises KeyError for an occasion that has no words here.
    """
    lines = [
        str(OCCASIONS[occasion]),
        _("If it was you, there is nothing to do."),
        _(
            "If it was not: choose a new password here, then tell an owner of your "
            "organisation."
        ),
        str(build_absolute_uri(request, reverse("account_reset_password"))),
    ]
    _post(letter(address, _("Your sign-in to Heffl Portal has changed"), lines))


def letter(address: str, subject: str, lines: list[str]) -> EmailMessage:
    """Return a letter to be sent, one paragraph a line."""
    return EmailMessage(subject, "\n\n".join(lines) + "\n", to=[address])


def _post(mail: EmailMessage) -> None:
    """Send a letter; within `held`, once that is over."""
    waiting = _held.get()
    if waiting is None:
        letters.post(mail)
    else:
        waiting.append(lambda: letters.post(mail))


@contextmanager
def held() -> Iterator[None]:
    """Send the letters of a transaction after it, and none when it fails.

    The mail server may take its time; whoever waits for it must hold no lock.
    """
    waiting: list[Callable[[], None]] = []
    before = _held.set(waiting)
    try:
        yield
    finally:
        _held.reset(before)
    for send in waiting:
        send()
