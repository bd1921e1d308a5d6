"""What an owner should hear of: each incident once when it begins, once when it is over.

The worker compares what is wrong with what was told. Any process may do so at any time: a
row in the database is the one incident, and a mail server that is away only delays.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from smtplib import SMTPException

from django.core.mail import EmailMessage
from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from clients_app.delivery import drift, holds
from clients_app.models import (
    ApiCredential,
    Hold,
    HoldReason,
    Incident,
    IncidentKind,
    Membership,
    Organisation,
    Role,
    Status,
    Submission,
)
from clients_app.notices.hold_words import WORDS

log = logging.getLogger("portal.worker")
PATIENCE = {
    IncidentKind.OUTAGE: timedelta(minutes=2),
    IncidentKind.KEY_UNVERIFIED: timedelta(minutes=2),
    IncidentKind.NO_KEY: timedelta(minutes=2),
}
"""Some faults pass by themselves within a moment: nobody needs a mail about those."""
CALM = timedelta(minutes=10)
"""An incident that comes back so soon is the same one; only then is it told to be over."""
LEASE = timedelta(minutes=5)
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=1)
MOST_TRIES = 30
AT_ONCE = 20
WATCHED = (*HoldReason.values, IncidentKind.NO_KEY)
LANGUAGES = ("en", "ar")
"""Nobody told us which one the owners read: a mail holds both."""


def watch(now: datetime | None = None) -> int:
    """Begin and end incidents by what holds sending now; return how many changed."""
    now = now or timezone.now()
    wrong = _wrong_now()
    known = {
        (incident.organisation_id, incident.kind): incident
        for incident in Incident.objects.filter(
            kind__in=WATCHED, ended_at__isnull=True, subject=""
        )
    }
    begun = [
        begin(organisation, kind, now=now)
        for organisation, kind in wrong - known.keys()
    ]
    over = known.keys() - wrong
    ended = sum(_end(known[each], now) for each in over)
    return sum(begun) + ended


def _wrong_now() -> set[tuple[int, str]]:
    """Return which organisation has which fault, as (id, kind)."""
    found: set[tuple[int, str]] = set()
    current = list(
        ApiCredential.objects.current().values_list("organisation", "fingerprint")
    )
    for hold in Hold.objects.filter(released_at__isnull=True):
        found |= {
            (organisation, hold.reason)
            for organisation, fingerprint in current
            if hold.fingerprint in (holds.EVERYTHING, fingerprint)
        }
    waiting = Submission.objects.filter(status=Status.QUEUED).order_by()
    keyless = waiting.exclude(organisation__in={pair[0] for pair in current})
    found |= {
        (organisation, IncidentKind.NO_KEY.value)
        for organisation in keyless.values_list("organisation", flat=True).distinct()
    }
    return found


def watch_drift(now: datetime | None = None) -> int:
    """Begin and end incidents by what stands out in Heffl's answers; return how many."""
    now = now or timezone.now()
    signs = {(sign.organisation_id, sign.subject): sign for sign in drift.standing()}
    known = {
        (incident.organisation_id, incident.subject): incident
        for incident in Incident.objects.filter(
            kind=IncidentKind.DRIFT, ended_at__isnull=True
        )
    }
    begun = [
        begin(
            sign.organisation_id,
            IncidentKind.DRIFT,
            subject=sign.subject,
            detail=f"{sign.subject}. {sign.example}",
            now=now,
        )
        for place, sign in signs.items()
        if place not in known
    ]
    ended = [_end(each, now) for place, each in known.items() if place not in signs]
    return sum(begun) + sum(ended)


def begin(
    organisation_id: int,
    kind: str,
    *,
    subject: str = "",
    detail: str = "",
    now: datetime | None = None,
) -> bool:
    """Note that something is wrong, once. Returns False when it was known already.

    `subject` (at most 80 characters) tells incidents of a kind apart; `detail` is an
    example for people, without anybody's data.
    """
    now = now or timezone.now()
    tell_at = now + PATIENCE.get(IncidentKind(kind), timedelta())
    with transaction.atomic():
        back = Incident.objects.filter(
            organisation=organisation_id,
            kind=kind,
            subject=subject,
            ended_at__gt=now - CALM,
            told__lt=2,
        ).order_by("-id")[:1]
        same = {"organisation_id": organisation_id, "kind": kind, "subject": subject}
        if Incident.objects.filter(**same, ended_at__isnull=True).exists():
            return False
        for incident in back:
            due = {"next_at": None if incident.told else tell_at}
            return bool(
                Incident.objects.filter(
                    pk=incident.pk, ended_at=incident.ended_at
                ).update(ended_at=None, tries=0, **due)
            )
        made = Incident.objects.bulk_create(
            [Incident(**same, detail=detail[:500], started_at=now, next_at=tell_at)],
            ignore_conflicts=True,
        )
    log.warning("incident", extra={"organisation": organisation_id, "reason": kind})
    return bool(made)


def end(organisation_id: int, kind: str, *, subject: str = "", now: datetime) -> bool:
    """Note that an incident is over. Returns False when there was none."""
    open_one = Incident.objects.filter(
        organisation=organisation_id, kind=kind, subject=subject, ended_at__isnull=True
    ).first()
    return bool(open_one and _end(open_one, now))


def _end(incident: Incident, now: datetime) -> bool:
    # What nobody heard of needs no word that it is over.
    tell_at = now + CALM if incident.told else None
    return bool(
        Incident.objects.filter(pk=incident.pk, ended_at__isnull=True).update(
            ended_at=now, next_at=tell_at, tries=0
        )
    )


def send_due(now: datetime | None = None) -> int:
    """Mail what is due; return how many incidents were told about."""
    now = now or timezone.now()
    due = Incident.objects.filter(next_at__lte=now).order_by("next_at")
    rows = due.select_related("organisation")[:AT_ONCE]
    return sum(_tell(row, now) for row in rows)


def _tell(row: Incident, now: datetime) -> bool:
    mine = Incident.objects.filter(pk=row.pk, next_at=row.next_at, told=row.told)
    if not mine.update(next_at=now + LEASE):
        return False
    over = row.ended_at is not None
    addresses = owners_of(row.organisation)
    try:
        if addresses:
            _mail(row, over, addresses).send()
    except (SMTPException, OSError, ValueError) as error:
        log.warning(
            "incident mail failed",
            extra={"organisation": row.organisation_id, "reason": type(error).__name__},
        )
        gone = row.tries + 1 >= MOST_TRIES
        wait = min(FIRST_WAIT * 2**row.tries, LONGEST_WAIT)
        Incident.objects.filter(pk=row.pk).update(
            tries=row.tries + 1, next_at=None if gone else now + wait
        )
        return False
    Incident.objects.filter(pk=row.pk).update(
        told=2 if over else 1, tries=0, next_at=None
    )
    # It may have ended while the mail was on its way.
    Incident.objects.filter(
        pk=row.pk, told=1, ended_at__isnull=False, next_at__isnull=True
    ).update(next_at=now + CALM)
    return True


def owners_of(organisation: Organisation) -> list[str]:
    """Return the addresses of an organisation's active owners."""
    owners = Membership.objects.filter(
        Q(organisation=organisation, role=Role.OWNER, suspended_at__isnull=True),
        user__is_active=True,
    )
    return list(owners.order_by("pk").values_list("user__email", flat=True)[:50])


def in_both_languages(texts: Iterable[str]) -> str:
    """Put the same text in each language below one another."""
    return "\n\n———\n\n".join(texts) + "\n"


def _mail(row: Incident, over: bool, addresses: list[str]) -> EmailMessage:
    subjects, texts = [], []
    for language in LANGUAGES:
        with translation.override(language):
            subject, text = _words(row, over)
            subjects.append(subject)
            texts.append(text)
    return EmailMessage(" · ".join(subjects), in_both_languages(texts), bcc=addresses)


def _words(row: Incident, over: bool) -> tuple[str, str]:
    name = row.organisation.name
    what = str(IncidentKind(row.kind).label)
    if over:
        subject = _("{organisation}: over: {what}")
        lines = [_("This is over: {what}.")]
        if row.kind != IncidentKind.DRIFT:
            lines.append(
                _("What waited is being sent now. You do not need to do anything.")
            )
    else:
        subject = _("{organisation}: {what}")
        lines = [_("Since {time}: {what}."), advice(row.kind)]
        if row.detail:
            lines.append(_("An example: {detail}").format(detail=row.detail))
        lines.append(_("You get one mail about this, and one when it is over."))
    with timezone.override(row.organisation.time_zone):
        since = timezone.localtime(row.started_at).strftime("%Y-%m-%d %H:%M")
    told = {"{organisation}": name, "{what}": what, "{time}": since}
    for mark, words in told.items():
        subject = subject.replace(mark, words)
        lines = [line.replace(mark, words) for line in lines]
    return " ".join(subject.split()), "\n\n".join(lines)


def advice(kind: str) -> str:
    """Return what an owner can do about a kind of incident, and what happens meanwhile."""
    if kind == IncidentKind.DRIFT:
        return _(
            "What still works goes on. Tell the operator of this portal, who can adapt it."
        )
    kept = _("Clients that come in are kept and sent afterwards; nothing is lost.")
    return f"{WORDS[IncidentKind(kind)].advice} {kept}"
