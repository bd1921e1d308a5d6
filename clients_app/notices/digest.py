"""The daily digest: one organisation's day and balance, mailed to its owners, once.

Any worker may make it; the row of the day decides who does. It goes out in the morning of
the organisation's own time zone, and only when there is something to tell.
"""

from __future__ import annotations

import logging
from datetime import date, datetime, timedelta
from smtplib import SMTPException
from zoneinfo import ZoneInfo

from django.core.mail import EmailMessage
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from clients_app import audit
from clients_app.delivery import ledger
from clients_app.models import Digest, Organisation, User
from clients_app.notices import incidents

log = logging.getLogger("portal.worker")
MORNING = 7
"""The hour, on the organisation's clock, from which the day before is told."""
AT_ONCE = 20
KEPT = timedelta(days=40)


def prepare(now: datetime | None = None) -> int:
    """Make the digests that are due this morning; return how many are new."""
    now = now or timezone.now()
    made = 0
    for organisation in Organisation.objects.filter(digest=True):
        local = now.astimezone(ZoneInfo(organisation.time_zone))
        if local.hour < MORNING:
            continue
        day = local.date() - timedelta(days=1)
        if organisation.created_at.astimezone(local.tzinfo).date() > day:
            continue
        if not organisation.digests.filter(day=day).exists():
            Digest.objects.bulk_create(
                [Digest(organisation=organisation, day=day, next_at=now)],
                ignore_conflicts=True,
            )
            made += 1
    Digest.objects.filter(day__lt=(now - KEPT).date()).delete()
    return made


def send_due(now: datetime | None = None) -> int:
    """Mail the digests that are due; return how many went out."""
    now = now or timezone.now()
    due = Digest.objects.filter(next_at__lte=now).order_by("next_at")
    return sum(_send(row, now) for row in due.select_related("organisation")[:AT_ONCE])


def _send(row: Digest, now: datetime) -> bool:
    mine = Digest.objects.filter(pk=row.pk, next_at=row.next_at, sent_at__isnull=True)
    if not mine.update(next_at=now + incidents.LEASE):
        return False
    organisation = row.organisation
    addresses = incidents.owners_of(organisation)
    line = ledger.day_of(organisation, row.day)
    left = ledger.open_now(organisation)
    quiet = not line.accepted and not left.waiting and not left.needs_person
    try:
        if addresses and organisation.digest and not (quiet and line.adds_up):
            _mail(organisation, row.day, line, left, addresses).send()
    except (SMTPException, OSError, ValueError) as error:
        gone = row.tries + 1 >= incidents.MOST_TRIES
        wait = min(incidents.FIRST_WAIT * 2**row.tries, incidents.LONGEST_WAIT)
        Digest.objects.filter(pk=row.pk).update(
            tries=row.tries + 1, next_at=None if gone else now + wait
        )
        log.warning(
            "digest mail failed",
            extra={"organisation": organisation.pk, "reason": type(error).__name__},
        )
        return False
    Digest.objects.filter(pk=row.pk).update(sent_at=now, next_at=None)
    return not quiet


def _mail(
    organisation: Organisation,
    day: date,
    line: ledger.DayBalance,
    left: ledger.OpenNow,
    addresses: list[str],
) -> EmailMessage:
    subjects, texts = [], []
    for language in incidents.LANGUAGES:
        with translation.override(language):
            subject = _("{organisation}: clients on {day}")
            subject = subject.replace("{organisation}", organisation.name)
            subjects.append(" ".join(subject.replace("{day}", str(day)).split()))
            texts.append("\n".join(_lines(line, left)))
    return EmailMessage(
        " · ".join(subjects), incidents.in_both_languages(texts), bcc=addresses
    )


def _lines(line: ledger.DayBalance, left: ledger.OpenNow) -> list[str]:
    figures = [
        (_("Accepted that day"), line.accepted),
        (_("Created in Heffl"), line.created),
        (_("Waiting to be sent"), line.waiting),
        (_("Needs a person"), line.needs_person),
        (_("Closed without a client"), line.closed),
    ]
    told = [f"{words}: {count}" for words, count in figures]
    told.append(
        _("It adds up: every accepted client is accounted for.")
        if line.adds_up
        else _("It does NOT add up. Tell the operator of this portal at once.")
    )
    told += [
        "",
        _("From all days, still open now:"),
        f"{_('Waiting to be sent')}: {left.waiting}",
        f"{_('Needs a person')}: {left.needs_person}",
    ]
    return told


@transaction.atomic
def switch(organisation: Organisation, on: bool, *, user: User) -> None:
    """Turn an organisation's daily mail on or off."""
    Organisation.objects.filter(pk=organisation.pk).update(digest=on)
    audit.record(
        "settings.changed",
        organisation=organisation,
        actor=user,
        detail={"fields": ["digest"], "on": on},
    )
