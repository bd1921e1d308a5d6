"""Mails about signing in: which go out, how many, and that nobody waits for them.

They go out after the answer has, so that an answer takes as long for an address that nobody
has; a mail server is talked to by a thread of its own. What strangers can set off is bounded
per mailbox and over all; notices to a person about their own sign-in always go. Nothing that
invites to sign up is ever sent: accounts are made by invitation alone.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from smtplib import SMTPException

from allauth.core import context
from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.smtp import EmailBackend as SmtpBackend
from django.db import DatabaseError, transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from clients_app import throttle
from clients_app.models import User
from clients_app.throttle import Limit

log = logging.getLogger("portal.accounts")
NEVER = frozenset(
    {"account/email/unknown_account", "account/email/account_already_exists"}
)
BOUNDED = frozenset(
    {
        "account/email/password_reset_key",
        "account/email/email_confirmation",
        "account/email/email_confirmation_signup",
    }
)
MAILBOX = Limit(window=3600.0, odd=5, most=5)
"""Mails to one mailbox. Each link works for days, so who asks in vain has one already."""
EVERYBODY = Limit(window=3600.0, odd=300, most=300)
"""Mails to all together."""
MOST_WAITING = 100
"""Mails of one process that a slow mail server keeps waiting; more are given up."""
_LATER = "_after_the_answer"
_pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="account-mail")
_room = threading.BoundedSemaphore(MOST_WAITING)


def may_send(kind: str, address: str) -> bool:
    """Say whether a mail of allauth's may go to an address, and count it when so."""
    if kind in NEVER:
        return False
    if kind not in BOUNDED:
        return True
    now = timezone.now()
    mailbox = throttle.mark_of("account mail", throttle.mailbox_of(address))
    limits = ((mailbox, MAILBOX), (throttle.mark_of("account mails"), EVERYBODY))
    with transaction.atomic():
        for mark, limit in limits:
            if throttle.take(mark, limit, now) is None:
                log.warning("account mail held back", extra={"reason": kind})
                return False
    return True


def post(message: EmailMessage) -> None:
    """Send a mail; nobody waits for a mail server. Raises nothing: who asks can ask again."""
    connection = get_connection()
    message.connection = connection
    if not isinstance(connection, SmtpBackend):
        _send(message)
    elif _room.acquire(blocking=False):
        _pool.submit(_send, message).add_done_callback(lambda _done: _room.release())
    else:
        log.warning("account mail given up", extra={"reason": "mail server too slow"})


def _send(message: EmailMessage) -> None:
    try:
        message.send()
    except (SMTPException, OSError, ValueError) as error:
        log.warning("account mail failed", extra={"reason": type(error).__name__})


def after_answer(request: HttpRequest, work: Callable[[], object]) -> None:
    """Do some work once the answer to this request has been handed over."""
    request.__dict__.setdefault(_LATER, []).append(work)


def hand_over(request: HttpRequest, response: HttpResponseBase) -> None:
    """Have the work that waits for this answer done when the server closes it."""
    works = request.__dict__.pop(_LATER, [])
    if works:
        language = translation.get_language()
        closers = response._resource_closers  # type: ignore[attr-defined]
        closers.append(lambda: _do(request, works, language))


def _do(
    request: HttpRequest, works: list[Callable[[], object]], language: str | None
) -> None:
    with context.request_context(request), translation.override(language):
        for work in works:
            try:
                work()
            except (DatabaseError, OSError, SMTPException) as error:
                log.error("account mail failed", extra={"reason": type(error).__name__})


def warn(address: str, guessed: str) -> None:
    """Tell the person, if anybody has this address, that somebody tries to be them.

    `guessed` says what is tried: "passwords", or "codes" by who has the password already.
    In every language: who guesses chose the one of the page.
    """
    person = User.objects.filter(email=address.strip().lower(), is_active=True).first()
    if person is None:
        return
    subjects, bodies = [], []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            subject, lines = _codes() if guessed == "codes" else _passwords()
            lines.append(_("If that was you, there is nothing to do."))
        subjects.append(subject)
        bodies.append("\n\n".join(lines))
    body = "\n\n\n".join(bodies).replace("{site}", context.request.get_host())
    post(EmailMessage(" · ".join(subjects), body + "\n", to=[person.email]))


def _codes() -> tuple[str, list[str]]:
    return _("Somebody has your password and tries your second factor"), [
        _(
            "Somebody typed your right password for {site}, and then several wrong "
            "codes of your second factor. They did not get in, and further tries "
            "are slowed down."
        ),
        _(
            "If that was not you, choose a new password now: on the sign-in page, "
            'follow "Forgot your password?".'
        ),
    ]


def _passwords() -> tuple[str, list[str]]:
    return _("Somebody tries your password"), [
        _(
            "Somebody typed several wrong passwords for your address on {site}. "
            "They did not get in, and further tries are slowed down."
        ),
        _(
            "You can still sign in as always, from the browsers and networks you "
            "have used before, or with a passkey. If it does not work, follow "
            '"Forgot your password?" on the sign-in page.'
        ),
    ]
