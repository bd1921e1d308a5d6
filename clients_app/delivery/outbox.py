"""The outbox: claim a row, record what came of it, take back what was lost.

Short transactions, never HTTP. The rule is compare-and-set on status and fence; row locks
only make PostgreSQL faster (SQLite ignores them).
"""

from __future__ import annotations

import hashlib
import logging
import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Min, QuerySet
from django.utils import timezone

from clients_app import audit, tally
from clients_app.delivery import drift, holds, rate_limit
from clients_app.delivery import timing as times
from clients_app.delivery.wakeups import wake, wake_organisation
from clients_app.heffl.contract import (
    ClientType,
    RemoteClient,
    build_payload,
    encode_payload,
)
from clients_app.heffl.errors import ContractError
from clients_app.heffl.outcome import Outcome, Verdict
from clients_app.models import (
    PAUSED_UNTIL,
    ApiCredential,
    DeliveryAttempt,
    HoldReason,
    Lane,
    RateBudget,
    Status,
    Submission,
)
from clients_app.questions import custom_fields

log = logging.getLogger("portal.delivery")
LOOK_AHEAD = 20
MOST_SKEW = 3600.0
FIREWALL = "firewall"
GAVE_UP = "gave_up"


@dataclass(frozen=True)
class Claim:
    """A submission that this worker alone may send, until `deadline_at`."""

    submission_id: int
    organisation_id: int
    credential: ApiCredential
    fence: int
    body: bytes
    deadline_at: datetime


def claim(fingerprint: str, now: datetime) -> Claim | None:
    """Take the next submission of a key's queue, or return None.

    One transaction: the row goes from QUEUED to SENDING with a lease, its attempt row is
    written, the call is booked, and the next wake-up is set. It commits before any byte
    leaves, so that a crash afterwards is seen as "may have been sent".
    """
    with transaction.atomic():
        budget = rate_limit.locked(fingerprint)
        now = max(now, timezone.now())  # the lock may have taken a while to get
        _consume_wakeups(budget, now)
        credentials = {
            credential.organisation_id: credential
            for credential in ApiCredential.objects.current()
            .select_related("organisation")
            .filter(fingerprint=fingerprint)
        }
        if not credentials or holds.is_held(fingerprint):
            budget.save()
            return None
        # A call ends with its deadline, long before its lease: a worker that died keeps
        # its place that much shorter.
        timing = times.timing()
        over = max(0.0, timing.lease - settings.HEFFL_TIMEOUTS["total"] - 1)
        in_flight = Submission.objects.filter(
            organisation__in=list(credentials),
            status=Status.SENDING,
            lease_until__gt=now + timedelta(seconds=over),
        ).count()
        taken = None
        if in_flight < times.MAX_IN_FLIGHT:
            taken = _take_row(budget, credentials, now)
            in_flight += taken is not None
        budget.save()
        if in_flight < times.MAX_IN_FLIGHT:
            _wake_for_next(budget, list(credentials), now)
        # else: whoever finishes wakes the queue again
    return taken


def _consume_wakeups(budget: RateBudget, now: datetime) -> None:
    if budget.wake_at and budget.wake_at <= now:
        budget.wake_at = None
    if budget.desk_wake_at and budget.desk_wake_at <= now:
        budget.desk_wake_at = None


def _take_row(
    budget: RateBudget, credentials: Mapping[int, ApiCredential], now: datetime
) -> Claim | None:
    for row in _due_rows(list(credentials), now):
        if look_alike_open(row, list(credentials)):
            # Matching must stay clean: one of two look-alikes at a time.
            _update_queued(row, not_before=now + timedelta(seconds=2))
            continue
        if row.look_first:
            look_now(row, now)
            continue
        try:
            body = _body_of(row)
        except ContractError as error:
            _refuse_locally(row, str(error), now)
            continue
        if rate_limit.take(budget, rate_limit.Use(row.lane), now) is not None:
            return None
        return _start(row, credentials[row.organisation_id], body, now)
    return None


def _due_rows(organisations: list[int], now: datetime) -> list[Submission]:
    return list(
        Submission.objects.filter(
            organisation__in=organisations, status=Status.QUEUED, not_before__lte=now
        )
        .select_related("organisation")
        .order_by("lane", "id")[:LOOK_AHEAD]
    )


def look_alike_open(row: Submission, organisations: list[int]) -> bool:
    """Say whether a look-alike in the same workspace is on its way or unclear.

    `organisations` are all whose key this is: they share one workspace.
    """
    return (
        Submission.objects.filter(
            organisation__in=organisations,
            match_key=row.match_key,
            status__in=(Status.SENDING, Status.UNCERTAIN),
        )
        .exclude(pk=row.pk)
        .exists()
    )


def _body_of(row: Submission) -> bytes:
    specs = custom_fields.specs_for(row.organisation)
    payload = build_payload(ClientType(row.type), row.answers, specs)
    if reference := row.organisation.reference_field:
        payload[reference] = str(row.uuid)
    return encode_payload(payload)


def _update_queued(row: Submission, **changes: Any) -> bool:
    """Change a row that is still QUEUED and untouched since it was read."""
    return bool(
        Submission.objects.filter(
            pk=row.pk, status=Status.QUEUED, fence=row.fence
        ).update(**changes)
    )


def _refuse_locally(row: Submission, why: str, now: datetime) -> None:
    if _update_queued(row, status=Status.NEEDS_FIX, problem="payload", message=""):
        audit.record(
            "submission.needs_fix",
            organisation=row.organisation,
            actor_label="worker",
            about=row,
            detail={"problem": "payload", "why": why[:200]},
        )


def look_now(row: Submission, now: datetime) -> None:
    """Turn a QUEUED row that may exist in Heffl already into one that is looked up first."""
    _update_queued(
        row,
        status=Status.UNCERTAIN,
        look_first=False,
        reconcile_at=now,
        clean_scans=len(times.timing().look_after) - 1,
        requeued_once=False,
    )


def _start(
    row: Submission, credential: ApiCredential, body: bytes, now: datetime
) -> Claim | None:
    deadline = now + timedelta(seconds=settings.HEFFL_TIMEOUTS["total"])
    fence = row.fence + 1
    if not _update_queued(
        row,
        status=Status.SENDING,
        fence=fence,
        reported=False,
        lease_until=now + timedelta(seconds=times.timing().lease),
    ):
        return None
    DeliveryAttempt.objects.create(
        submission=row,
        fence=fence,
        fingerprint=credential.fingerprint,
        started_at=now,
        deadline_at=deadline,
        body_sha256=hashlib.sha256(body).hexdigest(),
    )
    return Claim(row.pk, row.organisation_id, credential, fence, body, deadline)


def _wake_for_next(budget: RateBudget, organisations: list[int], now: datetime) -> None:
    """Set the wake-up for whatever is left in the queue of these organisations."""
    queued = Submission.objects.filter(
        organisation__in=organisations, status=Status.QUEUED
    )
    row = queued.filter(not_before__lte=now).order_by("lane", "id").first()
    if row is not None:
        use = rate_limit.Use(row.lane)
        at = rate_limit.next_allowed(budget, use, now)
        wake(budget.fingerprint, at, desk=row.lane == Lane.FRONTDESK)
        return
    going = queued.filter(not_before__lt=PAUSED_UNTIL)
    soonest = going.aggregate(at=Min("not_before"))["at"]
    if soonest is not None:
        wake(budget.fingerprint, max(soonest, now))


def record_outcome(taken: Claim, outcome: Outcome, now: datetime) -> bool:
    """Write down what one call came to: attempt, status, audit, budget, next wake-up.

    One transaction. Returns False when somebody else took the submission over meanwhile
    (its fence changed); then only the attempt is completed.
    """
    fingerprint = taken.credential.fingerprint
    with transaction.atomic():
        budget = rate_limit.locked(fingerprint)
        rate_limit.heed(budget, outcome.rate, now)
        _judge_remote(budget, outcome, now)
        # Locked: Heffl's own report of the client may come at this very moment.
        row = _with_organisation().get(pk=taken.submission_id)
        mine = Submission.objects.filter(
            pk=row.pk, status=Status.SENDING, fence=taken.fence
        )
        changes = _changes(row, taken, outcome, now)
        settled = bool(mine.update(lease_until=None, **changes))
        DeliveryAttempt.objects.filter(submission=row, fence=taken.fence).update(
            finished_at=now,
            verdict=outcome.verdict,
            phase=outcome.phase,
            http_status=outcome.status,
            reason=outcome.reason[:40],
            message=outcome.message[:500],
            clock_skew=clock_skew(outcome.remote_date, now),
        )
        if settled:
            audit.record(
                f"submission.{str(changes['status']).lower()}",
                organisation=row.organisation,
                actor_label="worker",
                about=row,
                detail={"reason": outcome.reason, "attempt": taken.fence},
            )
            if outcome.verdict is Verdict.CREATED:
                _note_use(taken.credential, now)
        budget.save()
        _wake_after(budget, now)
        if not _is_key_of(fingerprint, row.organisation_id):
            # The key was replaced while this call was under way.
            wake_organisation(row.organisation, now)
    tally.count("attempts", outcome.verdict)
    drift.note_outcome(row, outcome)
    log.info(
        "delivered" if outcome.verdict is Verdict.CREATED else "attempt",
        extra={
            "submission": str(row.uuid),
            "organisation": row.organisation_id,
            "attempt": taken.fence,
            "verdict": str(outcome.verdict),
            "phase": str(outcome.phase),
            "http_status": outcome.status,
            "reason": outcome.reason,
            "duration_ms": round(outcome.duration * 1000),
        },
    )
    return settled


def _with_organisation() -> QuerySet[Submission]:
    """Return submissions to change, each locked until the transaction ends."""
    rows = Submission.objects.select_related("organisation")
    return rows.select_for_update(of=("self",), no_key=True)


def _is_key_of(fingerprint: str, organisation_id: int) -> bool:
    current = ApiCredential.objects.current().filter(organisation=organisation_id)
    return current.filter(fingerprint=fingerprint).exists()


def clock_skew(remote_date: datetime | None, now: datetime) -> float:
    """Return how many seconds the remote's clock is ahead of ours; 0 when it is absurd."""
    if remote_date is None:
        return 0.0
    skew = (remote_date - now).total_seconds()
    return skew if abs(skew) <= MOST_SKEW else 0.0


def _note_use(credential: ApiCredential, now: datetime) -> None:
    """Remember when a key last worked, to the minute."""
    last = credential.last_used_at
    if last is None or (now - last).total_seconds() > 60:
        ApiCredential.objects.filter(pk=credential.pk).update(last_used_at=now)


def _wake_after(budget: RateBudget, now: datetime) -> None:
    organisations = list(
        ApiCredential.objects.current()
        .filter(fingerprint=budget.fingerprint)
        .values_list("organisation", flat=True)
    )
    if not holds.is_held(budget.fingerprint):
        _wake_for_next(budget, organisations, now)


def _judge_remote(budget: RateBudget, outcome: Outcome, now: datetime) -> None:
    """Let one outcome speak about the key and the remote as a whole."""
    verdict = outcome.verdict
    if verdict in (Verdict.SAFE, Verdict.UNCERTAIN):
        if outcome.reason != "deadline_before_send":
            holds.failed(budget, now)
    elif verdict in (Verdict.CREATED, Verdict.REFUSED):
        holds.answered(budget, now)
    budget.firewalls_in_row = (
        budget.firewalls_in_row + 1 if verdict is Verdict.FIREWALL else 0
    )
    if verdict is Verdict.RATE_LIMITED:
        wait = outcome.wait or times.timing().wait_default
        rate_limit.pause(budget, wait, now)
    elif verdict is Verdict.KEY_REFUSED:
        reason = (
            HoldReason.KEY_UNREADABLE
            if outcome.reason == "key_unreadable"
            else HoldReason.KEY_REFUSED
        )
        # The answer may come to a key that was replaced meanwhile.
        if ApiCredential.objects.held().filter(fingerprint=budget.fingerprint).exists():
            holds.hold(budget.fingerprint, reason, now, outcome.reason)
    elif verdict is Verdict.CONFIGURATION:
        holds.hold(holds.EVERYTHING, HoldReason.CONFIGURATION, now, outcome.reason)
    elif budget.firewalls_in_row >= times.FIREWALLS_IN_ROW:
        # What one tenant sent may be the cause: the others go on.
        holds.hold(budget.fingerprint, HoldReason.CONFIGURATION, now, "firewall")


def _changes(
    row: Submission, taken: Claim, outcome: Outcome, now: datetime
) -> dict[str, Any]:
    """Return the new values of the submission's columns for an outcome."""
    match outcome.verdict:
        case Verdict.CREATED:
            assert outcome.client is not None  # noqa: S101 - the verdict says so
            return created(row, outcome.client, now)
        case Verdict.REFUSED | Verdict.FIREWALL:
            conflict = outcome.reason == "conflict"
            turned_away = outcome.verdict is Verdict.FIREWALL
            return {
                "status": Status.NEEDS_FIX,
                "problem": FIREWALL if turned_away else outcome.reason[:40],
                "problem_field": (outcome.field or "")[:80],
                "message": outcome.message[:500],
                "candidates": [],
                "reconcile_at": now if conflict else None,
            }
        case Verdict.UNCERTAIN:
            return unclear(row, taken.deadline_at, outcome.reason)
        case Verdict.SAFE:
            return _later(row, outcome, now)
        case Verdict.RATE_LIMITED:
            wait = outcome.wait or times.timing().wait_default
            not_before = now + timedelta(seconds=wait)
            return {"status": Status.QUEUED, "not_before": not_before}
        case _:
            return {
                "status": Status.QUEUED,
                "problem": outcome.reason[:40],
                "look_first": outcome.reason == "redirect",
            }


def created(row: Submission, client: RemoteClient, now: datetime) -> dict[str, Any]:
    """Return the columns of a submission that became this client in Heffl.

    An id that belongs to another submission already goes to a person instead.
    """
    taken_by_other = (
        Submission.objects.filter(heffl_id=client.id).exclude(pk=row.pk).exists()
    )
    if taken_by_other:
        return {
            "status": Status.REVIEW,
            "problem": "id_in_use",
            "message": "",
            "reconcile_at": None,
        }
    return {
        "status": Status.CREATED,
        "heffl_id": client.id,
        "number": client.number[:200],
        "delivered_at": now,
        "problem": "",
        "problem_field": "",
        "message": "",
        "candidates": [],
        # Without its number a client is asked for again, soon.
        "reconcile_at": None if client.number else now,
    }


def unclear(row: Submission, deadline: datetime, reason: str) -> dict[str, Any]:
    """Return the columns of a submission that may or may not be in Heffl."""
    first_look = times.timing().look_after[0]
    return {
        "status": Status.UNCERTAIN,
        "problem": reason[:40],
        "message": "",
        "clean_scans": 0,
        # Heffl may have reported it already: then there is nothing to wait for.
        "reconcile_at": timezone.now()
        if row.reported
        else deadline + timedelta(seconds=first_look),
    }


def _later(row: Submission, outcome: Outcome, now: datetime) -> dict[str, Any]:
    """Return the columns of a submission of which nothing was sent: full-jitter backoff."""
    timing = times.timing()
    first = (
        DeliveryAttempt.objects.filter(submission=row, started_at__gte=row.queued_at)
        .order_by("fence")
        .first()
    )
    tried_since = first.started_at if first else now
    if (now - tried_since).total_seconds() > timing.give_up:
        return {"status": Status.REVIEW, "problem": GAVE_UP, "message": ""}
    ceiling = min(
        timing.backoff_cap, timing.backoff_base * 2 ** min(row.safe_failures, 20)
    )
    delay = random.uniform(0, ceiling)  # noqa: S311 - spreads load, guards nothing
    return {
        "status": Status.QUEUED,
        "safe_failures": row.safe_failures + 1,
        "not_before": now + timedelta(seconds=delay),
        "problem": outcome.reason[:40],
    }


def take_back_lost(now: datetime) -> int:
    """Turn every SENDING whose lease ran out into UNCERTAIN, never back into QUEUED.

    Returns how many there were.
    """
    lost = {"status": Status.SENDING, "lease_until__lt": now}
    count = 0
    for pk in list(
        Submission.objects.filter(**lost).values_list("pk", flat=True)[:500]
    ):
        with transaction.atomic():
            row = _with_organisation().filter(pk=pk, **lost).first()
            if row is None:
                continue
            attempt = DeliveryAttempt.objects.filter(
                submission=row, fence=row.fence
            ).first()
            deadline = attempt.deadline_at if attempt else now
            count += Submission.objects.filter(pk=pk, fence=row.fence, **lost).update(
                lease_until=None, **unclear(row, deadline, "worker_lost")
            )
            DeliveryAttempt.objects.filter(
                submission=row, fence=row.fence, finished_at__isnull=True
            ).update(verdict=Verdict.UNCERTAIN, reason="worker_lost")
            audit.record(
                "submission.uncertain",
                organisation=row.organisation,
                actor_label="worker",
                about=row,
                detail={"reason": "worker_lost", "attempt": row.fence},
            )
    return count
