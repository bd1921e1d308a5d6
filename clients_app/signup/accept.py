"""What a stranger sends: accepted once, held for a person where that is called for.

Nothing odd is dropped and nobody is told: whoever is held sees the same thank-you as
everybody else. Only more than a network may send is refused, before anything is stored.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clients_app import throttle
from clients_app.heffl.contract import Answer, FieldKind
from clients_app.intake import submissions
from clients_app.models import (
    ApprovalMode,
    ConsentText,
    HeldFor,
    Organisation,
    SignupMail,
    SignupPage,
    Source,
    Status,
    Submission,
)
from clients_app.questions import custom_fields
from clients_app.questions.text import UnusableText, clean_text
from clients_app.signup import robots
from clients_app.signup.robots import FormToken

LIKE_A_ROBOT = frozenset({HeldFor.TRAP, HeldFor.TOO_FAST, HeldFor.UNVERIFIED})
"""Held in every mode: these are not what people with a browser do."""
LONGEST_CAMPAIGN = 60
MOST_CLEANED = 4 * LONGEST_CAMPAIGN


class TooMany(Exception):
    """This network, or this page, has sent all that it may for now. Nothing was stored."""


class _SentBefore(Exception):
    """The token was used: undo what was counted for it."""


@dataclass(frozen=True)
class Visit:
    """How a form came in: all that is known of it besides the answers."""

    token: FormToken
    network: str
    proved: bool
    trapped: bool
    language: str
    campaign: str = ""
    link: str = ""
    """Where receipts are shown, ending with a slash: what a mail leads to."""
    kiosk: str = ""
    """The key of the organisation's own tablet, if it came from there: checked before."""


def campaign_of(text: str) -> str:
    """Return where a visitor came from, as an address named it; "" for unusable text.

    What is longer than `LONGEST_CAMPAIGN` characters is cut.
    """
    try:
        return clean_text(text.strip()[:MOST_CLEANED])[:LONGEST_CAMPAIGN].strip()
    except UnusableText:
        return ""


def already_sent(organisation: Organisation, token: FormToken) -> Submission | None:
    """Return what was made of this token before, if anything was."""
    return organisation.submissions.filter(
        submission_token=token.nonce, source=Source.SIGNUP
    ).first()


def accept(
    organisation: Organisation,
    *,
    client_type: str,
    answers: Mapping[str, Answer],
    visit: Visit,
    now: datetime | None = None,
) -> Submission:
    """Store a signup, once per token, and queue it or hold it for approval. Raises TooMany.

    A token that was used before returns what was made of it then and counts for
    nothing; while a limit is reached, already_sent() tells. One transaction, limits and
    mail too.
    """
    now = now or timezone.now()
    network = throttle.mark_of("network", organisation.pk, visit.network)
    page = throttle.mark_of("page", organisation.pk)
    limits = ((network, robots.NETWORK), (page, robots.PAGE))
    if visit.kiosk:
        # A tablet shares the network of the desk: it is counted by itself.
        tablet = throttle.mark_of("kiosk", organisation.pk, visit.kiosk)
        limits = ((tablet, robots.KIOSK), (page, robots.PAGE))
    if any(throttle.is_full(*each, now) for each in limits):
        raise TooMany
    receipt = secrets.token_hex(16)
    address = reply_address(organisation, answers)
    try:
        with transaction.atomic():
            many = False
            for mark, limit in limits:
                held = throttle.take(mark, limit, now)
                if held is None:
                    raise TooMany
                many = many or held > limit.odd
            reasons = _reasons(organisation, answers, visit, many=many, now=now)
            submission = submissions.submit(
                organisation=organisation,
                client_type=client_type,
                answers=answers,
                source=Source.SIGNUP,
                token=visit.token.nonce,
                user=None,
                signup={
                    "status": Status.PENDING if reasons else Status.QUEUED,
                    "held_for": reasons,
                    "receipt": receipt,
                    "language": visit.language,
                    "campaign": visit.campaign,
                    "consent_version": visit.token.consent,
                },
                now=now,
            )
            if submission.receipt != receipt:
                raise _SentBefore
            if address:
                _note_mail(submission, visit, now)
            ConsentText.keep(SignupPage.of(organisation))
    except _SentBefore:
        return submission
    return submission


def _reasons(
    organisation: Organisation,
    answers: Mapping[str, Answer],
    visit: Visit,
    *,
    many: bool,
    now: datetime,
) -> list[str]:
    """Return why a signup is held; an empty list when it is sent at once."""
    found = {
        HeldFor.TRAP: visit.trapped,
        HeldFor.TOO_FAST: visit.token.age(now) < robots.FASTEST,
        HeldFor.UNVERIFIED: not visit.proved,
        HeldFor.MANY: many,
        HeldFor.LINKS: has_unasked_links(answers),
    }
    reasons = [reason for reason, holds in found.items() if holds]
    match organisation.signup_mode:
        case ApprovalMode.SEND:
            return [str(reason) for reason in reasons if reason in LIKE_A_ROBOT]
        case ApprovalMode.SUSPICIOUS:
            return [str(reason) for reason in reasons]
    return [str(reason) for reason in (HeldFor.ALL, *reasons)]


def has_unasked_links(answers: Mapping[str, Answer]) -> bool:
    """Say whether an answer holds a link where nobody asked for one."""
    # An organisation's own questions may ask for a link.
    return robots.has_links(
        answer
        for name, answer in answers.items()
        if name != "website" and not name.startswith("cf_")
    )


def _note_mail(submission: Submission, visit: Visit, now: datetime) -> None:
    odd = set(submission.held_for) - {HeldFor.ALL}
    SignupMail.objects.create(
        submission=submission,
        link=f"{visit.link}{submission.receipt}/?lang={visit.language}",
        told=SignupMail.QUIET if odd else "",
        next_at=now,
    )


def reply_address(organisation: Organisation, answers: Mapping[str, Answer]) -> str:
    """Return the address a visitor left, in any question that asks for one, or ""."""
    if address := answers.get("email"):
        return str(address)
    for spec in custom_fields.specs_for(organisation):
        if spec.kind is FieldKind.EMAIL and answers.get(spec.name):
            return str(answers[spec.name])
    return ""
