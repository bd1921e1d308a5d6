"""What Heffl reports by itself: evidence that an unclear client was created after all.

A genuine `client.created` makes the look for a matching unclear submission due at once. It
never settles anything alone: the look still has to find exactly one fitting client. From
then on the submission is never sent again by itself, because Heffl said that it is there.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from clients_app import audit, tally
from clients_app.crypto import KeyRing, SealError, Secret, count_kids, kid_of
from clients_app.heffl import signature
from clients_app.heffl.contract import clean_text, load_json
from clients_app.heffl.errors import UnreadableAnswer
from clients_app.heffl.signature import NotGenuine, NotSigned
from clients_app.models import (
    Organisation,
    Status,
    Submission,
    User,
    WebhookEvent,
    WebhookOutcome,
    WebhookSecret,
)
from clients_app.questions.matching import normalised

__all__ = [
    "MAX_BODY", "MAX_SECRETS", "Malformed", "NotGenuine", "NotSigned", "Replayed", "TooManySecrets", "add_secret", "kids_in_use",
    "prune", "receive", "remove_secret", "reseal_secrets", "unreadable",
]  # fmt: skip

log = logging.getLogger("portal.web")
PURPOSE = "webhook_secret"
MAX_BODY = 64 * 1024
MAX_SECRETS = 2
CREATED = "client.created"
KEPT = timedelta(days=30)
MOST_UNCLEAR = 500
"""So many unclear submissions of an organisation are compared with one report."""


class Malformed(Exception):
    """The body is not a JSON object."""


class Replayed(Exception):
    """Exactly this message came before. A sender's own retry bears a new timestamp."""


class TooManySecrets(Exception):
    """Two secrets are held already: one has to go first."""


@dataclass(frozen=True)
class Report:
    """The parts of a body that matter here; "" where it does not say."""

    kind: str
    heffl_id: str
    name: str
    email: str


def _ring() -> KeyRing:
    ring: KeyRing = settings.PORTAL_KEYRING
    return ring


def _reveal(secret: WebhookSecret) -> Secret:
    return _ring().open(
        secret.ciphertext,
        purpose=PURPOSE,
        organisation=str(secret.organisation_id),
        row=str(secret.pk),
    )


def _seal(secret: WebhookSecret, value: Secret) -> str:
    return _ring().seal(
        value,
        purpose=PURPOSE,
        organisation=str(secret.organisation_id),
        row=str(secret.pk),
    )


def held(organisation: Organisation) -> list[WebhookSecret]:
    """Return an organisation's signing secrets, newest first; at most `MAX_SECRETS`."""
    rows = organisation.webhook_secrets.select_related("added_by")
    return list(rows.order_by("-added_at")[:MAX_SECRETS])


@transaction.atomic
def add_secret(
    organisation: Organisation, value: Secret, *, user: User
) -> WebhookSecret:
    """Store a cleaned signing secret beside the one in use. Raises TooManySecrets."""
    Organisation.objects.select_for_update().get(pk=organisation.pk)
    if organisation.webhook_secrets.count() >= MAX_SECRETS:
        raise TooManySecrets
    secret = WebhookSecret(id=uuid.uuid4(), organisation=organisation, added_by=user)
    secret.last_four = value.reveal().rstrip("=")[-4:]
    secret.ciphertext = _seal(secret, value)
    secret.save(force_insert=True)
    audit.record("webhook.secret_added", organisation=organisation, actor=user)
    return secret


@transaction.atomic
def remove_secret(organisation: Organisation, pk: uuid.UUID, *, user: User) -> bool:
    """Forget a signing secret. Returns False when the organisation has none such."""
    removed, _tables = organisation.webhook_secrets.filter(pk=pk).delete()
    if removed:
        audit.record("webhook.secret_removed", organisation=organisation, actor=user)
    return bool(removed)


def _revealed(secrets: list[WebhookSecret]) -> list[str]:
    """Open what opens; a secret that does not fit the ring fits no signature either."""
    found = []
    for secret in secrets:
        try:
            found.append(_reveal(secret).reveal())
        except SealError:
            found.append("")
    return found


def receive(
    organisation: Organisation | None,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime | None = None,
) -> WebhookOutcome:
    """Take in one message: `headers` by lower-case name, `body` at most MAX_BODY bytes.

    Raises NotSigned, NotGenuine, Malformed or Replayed; then nothing has changed. A
    message to nobody is looked at as if to somebody: it is never genuine.
    """
    now = now or timezone.now()
    secrets = held(organisation) if organisation else []
    message = signature.check(_revealed(secrets), headers, body)
    if organisation is None:
        raise NotGenuine
    report = _read(body)
    with transaction.atomic():
        event, made = WebhookEvent.objects.get_or_create(
            organisation=organisation,
            event_id=message.id,
            defaults={
                "sent_at": message.sent_at,
                "received_at": now,
                "kind": report.kind,
                "heffl_id": report.heffl_id,
                "outcome": WebhookOutcome.IGNORED,
            },
        )
        if not made:
            newer = WebhookEvent.objects.filter(
                pk=event.pk, sent_at__lt=message.sent_at
            ).update(sent_at=message.sent_at)
            if not newer:
                raise Replayed
            return WebhookOutcome(event.outcome)
        if report.kind == CREATED:
            looked = _look_soon(organisation, report, now)
            event.outcome = WebhookOutcome.LOOKED if looked else WebhookOutcome.NOTED
            event.save(update_fields=["outcome"])
        _note_use(secrets[message.secret], now)
    tally.count("webhooks", event.outcome)
    tally.write()
    log.info(
        "webhook",
        extra={"organisation": organisation.pk, "reason": str(event.outcome)},
    )
    return WebhookOutcome(event.outcome)


def _note_use(secret: WebhookSecret, now: datetime) -> None:
    """Remember when a secret last fitted, to the minute."""
    if secret.last_used_at is None or now - secret.last_used_at > timedelta(minutes=1):
        WebhookSecret.objects.filter(pk=secret.pk).update(last_used_at=now)


def _read(body: bytes) -> Report:
    """Read what matters of a body, in the newer or the older envelope. Raises Malformed."""
    try:
        told = load_json(body)
    except UnreadableAnswer:
        raise Malformed from None
    if not isinstance(told, dict):
        raise Malformed
    client: Any = told.get("payload", told.get("data"))
    client = client if isinstance(client, dict) else {}
    first, last = (clean_text(client.get(k)) for k in ("firstName", "lastName"))
    return Report(
        kind=clean_text(told.get("event") or told.get("type"), 60),
        heffl_id=clean_text(client.get("id"), 200),
        name=clean_text(client.get("name")) or f"{first} {last}".strip(),
        email=clean_text(client.get("email")),
    )


def _look_soon(organisation: Organisation, report: Report, now: datetime) -> int:
    """Make the look for what this report may be about due; returns how many there are."""
    known = Submission.objects.filter(heffl_id=report.heffl_id).exists()
    if not report.heffl_id or known:
        return 0
    open_rows = organisation.submissions.filter(
        status__in=(Status.SENDING, Status.UNCERTAIN)
    ).order_by("-id")
    alike = [row for row in open_rows[:MOST_UNCLEAR] if _may_be(row, report)]
    for row in alike:
        mine = Submission.objects.filter(pk=row.pk, fence=row.fence)
        mine.filter(status=Status.SENDING).update(reported=True)
        mine.filter(status=Status.UNCERTAIN).update(reported=True, reconcile_at=now)
    return len(alike)


def _may_be(row: Submission, report: Report) -> bool:
    """Say whether a report may be about a submission: the same name, no other e-mail."""
    if normalised(row.display_name) != normalised(report.name):
        return False
    email = str(row.answers.get("email") or "")
    return not (
        email and report.email and normalised(email) != normalised(report.email)
    )


def prune(now: datetime | None = None) -> int:
    """Forget events of more than thirty days ago, 5,000 at a time; return how many."""
    now = now or timezone.now()
    old = WebhookEvent.objects.filter(received_at__lt=now - KEPT).order_by("pk")
    ids = list(old.values_list("pk", flat=True)[:5000])
    return WebhookEvent.objects.filter(pk__in=ids).delete()[0] if ids else 0


def kids_in_use() -> dict[str, int]:
    """Count the stored secrets by the id of the ring key that seals them ("?": malformed)."""
    return count_kids(WebhookSecret.objects.values_list("ciphertext", flat=True))


def unreadable() -> int:
    """Count the stored secrets that this ring cannot open."""
    return sum(not value for value in _revealed(list(WebhookSecret.objects.all())))


def reseal_secrets() -> int:
    """Seal every secret with the ring's first key; return how many changed.

    May be stopped and run again. What does not open is left as it is.
    """
    done = 0
    for secret in WebhookSecret.objects.all():
        try:
            if kid_of(secret.ciphertext) == _ring().sealing_kid:
                continue
            value = _reveal(secret)
        except SealError:
            continue
        done += WebhookSecret.objects.filter(
            pk=secret.pk, ciphertext=secret.ciphertext
        ).update(ciphertext=_seal(secret, value))
    return done
