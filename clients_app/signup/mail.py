"""Mail to visitors who left an address: that it arrived, what to correct, how it ended.

The worker looks for signups whose state has moved on since the last mail, so nobody needs
to call this. A mail server that is away delays, and loses nothing. A worker that dies in
the middle cannot know whether its mail went: that something arrived is then not told again
(at most once), what to correct and how it ended is (at least once, the same Message-ID).
Nothing that a visitor typed stands in a mail: it may go to somebody else.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from smtplib import SMTPException, SMTPRecipientsRefused
from urllib.parse import urlsplit

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from clients_app import throttle
from clients_app.models import SignupMail, SignupPage, Status, Submission
from clients_app.signup import robots
from clients_app.signup.accept import reply_address
from clients_app.signup.receipt import Stage, stage_of

log = logging.getLogger("portal.worker")
AT_ONCE = 20
LEASE = timedelta(minutes=5)
"""Time for one mail; a worker that dies in it leaves the mail to the next."""
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
MOST_TRIES = 30
"""About a day of a mail server that is away. A worker that died in it counts as a try."""
CLOSED = (Status.CREATED, Status.REJECTED, Status.DROPPED)
LAST = (Stage.CLIENT, Stage.REFUSED)


def _due(now: datetime) -> list[SignupMail]:
    """Return rows whose signup has moved on since the last mail about it."""
    told_so_far = Q(told__in=(Stage.RECEIVED, Stage.CORRECT, SignupMail.QUIET))
    moved_on = (
        Q(told="")
        | told_so_far & Q(submission__status__in=CLOSED)
        | told_so_far
        & Q(submission__status=Status.NEEDS_FIX)
        & ~Q(told_revision=F("submission__revision"))
    )
    rows = SignupMail.objects.filter(moved_on, next_at__lte=now)
    return list(
        rows.select_related("submission__organisation").order_by("next_at")[:AT_ONCE]
    )


def send_due(now: datetime | None = None) -> int:
    """Send what is due, a few at a time; return how many mails went out.

    Any process may do this: a row is one process's for the length of a lease. A mail
    that cannot be handed over raises nothing, it is tried again later.
    """
    now = now or timezone.now()
    return sum(_tell(row, now) for row in _due(now) if _claim(row, now))


def tidy(now: datetime | None = None) -> int:
    """Forget what only limits need to know; return how many rows went."""
    return throttle.forget_empty(now or timezone.now())


def _claim(row: SignupMail, now: datetime) -> bool:
    """Take a row for the length of a lease; False when another process was faster."""
    mine = SignupMail.objects.filter(pk=row.pk, next_at=row.next_at, told=row.told)
    if not mine.update(next_at=now + LEASE, tries=F("tries") + 1):
        return False
    row.tries += 1
    return True


def _tell(row: SignupMail, now: datetime) -> bool:
    submission = row.submission
    if row.tries > MOST_TRIES:
        _give_up(row)
        return False
    stage = stage_of(submission)
    quiet = row.told == SignupMail.QUIET
    if quiet and stage is not Stage.CLIENT:
        # Nobody vouches for this address: no word about a refusal either.
        _told(row, stage, row.told)
        return False
    event = Stage.RECEIVED if stage is Stage.CHECKED else stage
    if row.told and event is Stage.RECEIVED:
        _told(row, stage, row.told)
        return False
    address = reply_address(submission.organisation, submission.answers)
    # One event takes room once, however often it is tried.
    if not address or (row.tries == 1 and not _has_room(address, now)):
        _told(row, stage, event)
        return False
    if event is Stage.RECEIVED:
        # Before it goes out: no word at all is better here than the same word twice.
        SignupMail.objects.filter(pk=row.pk).update(told=str(event), tries=0)
    try:
        _mail(submission, event, address, row.link).send()
    except SMTPRecipientsRefused:
        log.warning("visitor mail refused", extra={"submission": str(submission.uuid)})
        row.delete()
        return False
    except (SMTPException, OSError, ValueError) as error:
        _again(row, now, error)
        return False
    _told(row, stage, event)
    log.info(
        "visitor mail", extra={"submission": str(submission.uuid), "action": str(event)}
    )
    return True


def _has_room(address: str, now: datetime) -> bool:
    with transaction.atomic():
        mark = throttle.mark_of("address", throttle.mailbox_of(address))
        return throttle.take(mark, robots.ADDRESS, now) is not None


def _told(row: SignupMail, stage: Stage, event: str) -> None:
    """Note what was told; after the last word the row goes."""
    if stage in LAST:
        row.delete()
        return
    SignupMail.objects.filter(pk=row.pk).update(
        told=str(event),
        told_revision=row.submission.revision,
        tries=0,
        next_at=timezone.now(),
    )


def _again(row: SignupMail, now: datetime, error: Exception) -> None:
    """Try a mail that did not go out again later; what was told is what it was before."""
    log.warning(
        "visitor mail failed",
        extra={
            "submission": str(row.submission.uuid),
            "reason": type(error).__name__,
            "count": row.tries,
        },
    )
    if row.tries >= MOST_TRIES:
        _give_up(row)
        return
    wait = min(FIRST_WAIT * 2 ** (row.tries - 1), LONGEST_WAIT)
    SignupMail.objects.filter(pk=row.pk).update(
        told=row.told, tries=row.tries, next_at=now + wait
    )


def _give_up(row: SignupMail) -> None:
    log.warning("visitor mail given up", extra={"submission": str(row.submission.uuid)})
    row.delete()


def _message_id(submission: Submission, event: Stage, link: str) -> str:
    """Return the same id for the same word, by which mail programs fold a repeated one."""
    about = submission.revision if event is Stage.CORRECT else 0
    word = f"{submission.uuid} {event} {about}"
    mark = salted_hmac("signup-mail", word, algorithm="sha256").hexdigest()[:32]
    return f"<{mark}@{urlsplit(link).hostname or 'localhost'}>"


def _mail(
    submission: Submission, event: Stage, address: str, link: str
) -> EmailMessage:
    """Return the mail for one event, in the language the form was filled in."""
    organisation = submission.organisation
    name = organisation.name
    page = SignupPage.of(organisation)
    with translation.override(submission.language or page.default_language):
        match event:
            case Stage.CLIENT:
                subject = _("{name}: you are a client")
                lines = [_("{name} has taken you in as a client.")]
                if page.shows_number and submission.number:
                    words = _("Your client number: {number}")
                    lines.append(words.format(number=submission.number))
            case Stage.CORRECT:
                subject = _("{name}: please correct one answer")
                lines = [
                    _("One answer could not be accepted. Everything else is kept.")
                ]
            case Stage.REFUSED:
                subject = _("{name}: not accepted")
                lines = [_("{name} did not take you in as a client.")]
                if submission.status == Status.REJECTED and submission.closed_reason:
                    lines.append(submission.closed_reason)
            case _other:
                subject = _("{name}: your details have arrived")
                lines = [_("Thank you. Your details have arrived at {name}.")]
        lines += [
            _("Your own page shows how far it is:"),
            link,
            _("If you did not fill in this form, ignore this mail."),
        ]
        if page.contact:
            lines.append(_("Questions? {contact}").format(contact=page.contact))
        body = "\n\n".join(line.replace("{name}", name) for line in lines)
        return EmailMessage(
            subject.replace("{name}", name),
            body + "\n",
            to=[address],
            headers={"Message-ID": _message_id(submission, event, link)},
        )
