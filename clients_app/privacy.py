"""Personal data: how long it is kept, finding and handing out one person's, removing it.

Removing leaves a tombstone: id, number, state, dates and a keyed hash, so that the books
still balance and Heffl's client is still known. Only what is settled can be removed.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.crypto import salted_hmac

from clients_app import audit
from clients_app.models import (
    CLEARED_KEY,
    CLEARED_NAME,
    FINAL,
    ConsentText,
    DeliveryAttempt,
    FileImport,
    FileReading,
    ImportedRow,
    ImportState,
    Look,
    Organisation,
    Retention,
    Status,
    Submission,
    User,
)
from clients_app.models.search_index import newest_hits
from clients_app.models.search_marks import Scope
from clients_app.models.search_text import terms_of

CHUNK = 200
PAUSE = 0.05
AT_A_STRETCH = 4.0
FOUND_AT_MOST = 50
LOOKS_SHOWN = 20
LONGEST = 36_500
LOOKS_KEPT = timedelta(days=180)
STAYS = (DeliveryAttempt, ImportedRow, Submission)
"""What may go on pointing at a tombstone; every other table's rows about it go."""


def is_cleared(submission: Submission) -> bool:
    """Say whether only the tombstone of a client is left."""
    return submission.name_key == CLEARED_KEY


def _kept(organisation: Organisation, *states: str) -> QuerySet[Submission]:
    rows = Submission.objects.filter(organisation=organisation, status__in=states)
    return rows.exclude(name_key=CLEARED_KEY)


def _before(now: datetime, days: int) -> datetime:
    return now - timedelta(days=min(days, LONGEST))


def due(
    organisation: Organisation, retention: Retention, now: datetime
) -> list[QuerySet[Submission]]:
    """Return what has been kept long enough: clients created, and those closed.

    A kind that is kept for ever is missing. The days count from when Heffl had the
    client, or from when the closed one was last queued.
    """
    found = []
    if retention.keep_created is not None:
        until = _before(now, retention.keep_created)
        created = _kept(organisation, Status.CREATED)
        found.append(created.filter(delivered_at__lt=until, reconcile_at__isnull=True))
    if retention.keep_closed is not None:
        until = _before(now, retention.keep_closed)
        closed = _kept(organisation, Status.REJECTED, Status.DROPPED)
        found.append(closed.filter(queued_at__lt=until))
    return found


@dataclass(frozen=True)
class Preview:
    """How many clients would lose their personal data now, and in the next thirty days."""

    now: int
    soon: int


def preview(
    organisation: Organisation, retention: Retention, now: datetime | None = None
) -> Preview:
    """Count what a choice of days, stored or not, would remove."""
    now = now or timezone.now()
    at_once = sum(rows.count() for rows in due(organisation, retention, now))
    later = now + timedelta(days=30)
    both = sum(rows.count() for rows in due(organisation, retention, later))
    return Preview(at_once, both - at_once)


def choose_retention(
    organisation: Organisation,
    *,
    keep_created: int | None,
    keep_closed: int | None,
    user: User,
) -> None:
    """Store for how many days personal data is kept; None keeps it for ever.

    One transaction with its audit event. What is due then goes with the next purge.
    """
    with transaction.atomic():
        Retention.objects.update_or_create(
            organisation=organisation,
            defaults={"keep_created": keep_created, "keep_closed": keep_closed},
        )
        audit.record(
            "settings.retention",
            organisation=organisation,
            actor=user,
            detail={"created": keep_created, "closed": keep_closed},
        )


def _clear(rows: Sequence[Submission]) -> None:
    """Turn settled submissions into tombstones. Call it inside a transaction."""
    ids = [row.pk for row in rows]
    for row in rows:
        mark = salted_hmac("clients_app.privacy", row.match_key, algorithm="sha256")
        row.answers, row.candidates, row.held_for = {}, [], []
        row.display_name, row.name_key = CLEARED_NAME, CLEARED_KEY
        row.match_key = mark.hexdigest()
        row.search_text = row.message = row.closed_reason = row.receipt = ""
        row.problem_field = row.campaign = ""
    Submission.objects.bulk_update(
        rows,
        [
            *("answers", "candidates", "held_for", "display_name", "name_key"),
            *("match_key", "search_text", "message", "closed_reason", "receipt"),
            *("problem_field", "campaign"),
        ],
    )
    DeliveryAttempt.objects.filter(submission__in=ids).update(message="")
    for relation in Submission._meta.related_objects:
        table = relation.related_model
        if issubclass(table, STAYS):
            continue
        about = {f"{relation.field.name}__in": ids}
        table._default_manager.filter(**about).delete()
    # A file that one of them came from holds them, too; settled files are not needed.
    settled = FileImport.objects.filter(
        rows__submission__in=ids, state__in=(ImportState.STORED, ImportState.CANCELLED)
    )
    FileReading.objects.filter(file_import__in=settled).delete()
    settled.update(content=None)


def purge(
    organisation: Organisation,
    *,
    until: float | None = None,
    now: datetime | None = None,
) -> tuple[int, bool]:
    """Remove what was kept long enough, in small chunks; return how many, and if all.

    `until` is a time.monotonic() after which no new chunk begins. Each chunk is a
    transaction of its own, with its audit event.
    """
    now = now or timezone.now()
    retention = Retention.of(organisation)
    removed = 0
    for rows in due(organisation, retention, now):
        while True:
            if until is not None and time.monotonic() >= until:
                return removed, False
            with transaction.atomic():
                part = list(rows.select_for_update().order_by("id")[:CHUNK])
                _clear(part)
                if part:
                    audit.record(
                        "privacy.purged",
                        organisation=organisation,
                        actor_label="worker",
                        detail={"count": len(part)},
                    )
            removed += len(part)
            if len(part) < CHUNK:
                break
            time.sleep(PAUSE)
    return removed, True


def purge_daily() -> int:
    """Purge organisations that were not purged today; return how many clients were cleared.

    Any process may do this: of two at once, one takes an organisation on. Begins
    nothing new after a few seconds (`AT_A_STRETCH`); the next call goes on from there.
    """
    until = time.monotonic() + AT_A_STRETCH
    now = timezone.now()
    today = now.date()
    removed = 0
    missing = Organisation.objects.filter(retention__isnull=True)
    Retention.objects.bulk_create(
        [Retention(organisation=each) for each in missing[:100]], ignore_conflicts=True
    )
    waiting = Retention.objects.exclude(purged_on__gte=today)
    for each in waiting.select_related("organisation").order_by("id")[:100]:
        mine = Retention.objects.filter(pk=each.pk, purged_on=each.purged_on)
        if not mine.update(purged_on=today):
            continue
        count, all_done = purge(each.organisation, until=until, now=now)
        removed += count
        if not all_done:
            Retention.objects.filter(pk=each.pk).update(purged_on=each.purged_on)
            return removed
    if waiting:
        Look.objects.filter(hour__lt=now - LOOKS_KEPT).delete()
    return removed


def find(organisation: Organisation, query: str) -> list[Submission]:
    """Return clients found by name, e-mail, phone or number, newest first.

    At most `FOUND_AT_MOST`; none for a query without a word to search for.
    """
    terms = terms_of(query)
    if not terms.words:
        return []
    ids = newest_hits(
        terms, Scope(organisation.pk), FOUND_AT_MOST, ids=(0, 2**62), using="default"
    )
    return list(organisation.submissions.filter(pk__in=ids).order_by("-id"))


def told_about(rows: Iterable[Submission]) -> list[dict[str, Any]]:
    """Return everything that the portal holds about these clients, fit for JSON.

    One dictionary each, in the order given; times are ISO 8601, answers by input name.
    """
    told = []
    for row in rows:
        revisions = [
            {"replaced_at": each.replaced_at.isoformat(), "answers": each.answers}
            for each in row.revisions.order_by("revision")
        ]
        told.append(
            {
                "id": str(row.uuid),
                "type": row.type,
                "status": row.status,
                "number": row.number,
                "heffl_id": row.heffl_id,
                "source": row.source,
                "created_at": row.created_at.isoformat(),
                "delivered_at": row.delivered_at and row.delivered_at.isoformat(),
                "consent_version": row.consent_version,
                "campaign": row.campaign,
                "language": row.language,
                "answers": row.answers,
                "earlier_answers": revisions,
                "message": row.message,
                "closed_reason": row.closed_reason,
                "candidates": row.candidates,
            }
        )
    return told


def note_export(organisation: Organisation, count: int, *, user: User) -> None:
    """Note in the audit trail that the data of `count` clients was handed out."""
    audit.record(
        "privacy.exported",
        organisation=organisation,
        actor=user,
        detail={"count": count},
    )


@dataclass(frozen=True)
class Erased:
    """What an erasure came to.

    `in_heffl` are the numbers (else ids) still to be removed there by hand,
    `still_open` is how many were not settled and stay as they were.
    """

    count: int
    in_heffl: list[str]
    still_open: int


def erase(organisation: Organisation, uuids: Sequence[str], *, user: User) -> Erased:
    """Remove the personal data of these clients; those that are not settled stay.

    What is no client of this organisation, or is cleared already, is left out. One
    transaction, with an audit event each.
    """
    with transaction.atomic():
        asked = organisation.submissions.select_for_update().filter(uuid__in=uuids)
        rows = [row for row in asked if not is_cleared(row)]
        settled = [row for row in rows if is_settled(row)]
        numbers = [row.number or row.heffl_id for row in settled if row.heffl_id]
        _clear(settled)
        for row in settled:
            audit.record(
                "privacy.erased", organisation=organisation, actor=user, about=row
            )
    return Erased(len(settled), numbers, len(rows) - len(settled))


def is_settled(row: Submission) -> bool:
    """Say whether nothing needs a client's answers any more: final, and no look is due."""
    return row.status in FINAL and row.reconcile_at is None


def looked(submission: Submission, person: User) -> None:
    """Note that somebody opened a client's page. Of an hour the first time counts."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    if not Look.objects.filter(
        submission=submission, person=person, hour=hour
    ).exists():
        Look.objects.bulk_create(
            [Look(submission=submission, person=person, hour=hour)],
            ignore_conflicts=True,
        )


def who_looked(submission: Submission) -> list[Look]:
    """Return the last twenty looks at a client's page, the latest first."""
    looks = Look.objects.filter(submission=submission).select_related("person")
    return list(looks.order_by("-hour", "-id")[:LOOKS_SHOWN])


def consent_to(submission: Submission) -> ConsentText | None:
    """Return the wording that a visitor agreed to, where one was shown and kept."""
    if submission.consent_version is None:
        return None
    return ConsentText.objects.filter(
        organisation=submission.organisation_id, version=submission.consent_version
    ).first()
