"""Holds: why nothing is sent, for one key or for everything, and how each comes to an end."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Max, Q, Sum

from clients_app import audit
from clients_app.delivery import timing as times
from clients_app.delivery.wakeups import wake
from clients_app.models import (
    PAUSED_UNTIL,
    ApiCredential,
    Hold,
    HoldReason,
    Organisation,
    RateBudget,
    Status,
    Submission,
)

log = logging.getLogger("portal.delivery")
EVERYTHING = ""
PROBED = (
    HoldReason.OUTAGE,
    HoldReason.CONFIGURATION,
    HoldReason.KEY_UNVERIFIED,
    HoldReason.KEY_REFUSED,
    HoldReason.KEY_UNREADABLE,
)


def organisations_of(fingerprint: str) -> list[Organisation]:
    """Return the organisations whose current key this is; for everything, all of them."""
    current = ApiCredential.objects.current().select_related("organisation")
    if fingerprint != EVERYTHING:
        current = current.filter(fingerprint=fingerprint)
    return [credential.organisation for credential in current]


def _probe_delay(reason: str, probes: int) -> float:
    timing = times.timing()
    if reason == HoldReason.KEY_REFUSED:
        return timing.key_probe
    return float(min(timing.probe_cap, timing.probe_first * 2 ** min(probes, 10)))


def hold(fingerprint: str, reason: HoldReason, now: datetime, detail: str = "") -> Hold:
    """Stop sending for a key, or for everything when `fingerprint` is "". Idempotent."""
    with transaction.atomic():
        existing = Hold.objects.filter(
            fingerprint=fingerprint, reason=reason, released_at__isnull=True
        ).first()
        if existing:
            return existing
        # A hold that keeps coming back is probed less and less often.
        before = (
            Hold.objects.filter(
                fingerprint=fingerprint,
                reason=reason,
                released_at__gt=now - timedelta(minutes=10),
            )
            .order_by("-id")
            .first()
        )
        probes = before.probes + 1 if before else 0
        delay = _probe_delay(reason, probes)
        # Two workers may find the same fault at once: the second one's row is not made.
        Hold.objects.bulk_create(
            [
                Hold(
                    fingerprint=fingerprint,
                    reason=reason,
                    detail=detail[:200],
                    started_at=now,
                    probes=probes,
                    probe_at=now + timedelta(seconds=delay)
                    if reason in PROBED
                    else None,
                )
            ],
            ignore_conflicts=True,
        )
        made = Hold.objects.filter(fingerprint=fingerprint, reason=reason).latest("id")
        for organisation in organisations_of(fingerprint):
            audit.record(
                "delivery.held",
                organisation=organisation,
                actor_label="worker",
                detail={"reason": str(reason)},
            )
    log.warning("hold", extra={"reason": str(reason), "fingerprint": fingerprint[:8]})
    return made


def release(fingerprint: str, reason: HoldReason, now: datetime) -> bool:
    """End a hold and wake what waited behind it. Returns False when there was none."""
    with transaction.atomic():
        ended = Hold.objects.filter(
            fingerprint=fingerprint, reason=reason, released_at__isnull=True
        ).update(released_at=now, probe_at=None)
        if not ended:
            return False
        budgets = RateBudget.objects.all()
        current = ApiCredential.objects.current()
        if fingerprint != EVERYTHING:
            budgets = budgets.filter(fingerprint=fingerprint)
            current = current.filter(fingerprint=fingerprint)
        budgets.update(failures_in_row=0, failing_since=None, firewalls_in_row=0)
        # Whoever backed off because of this need not wait any longer.
        Submission.objects.filter(
            status=Status.QUEUED,
            not_before__gt=now,
            not_before__lt=PAUSED_UNTIL,
            organisation__in=current.values("organisation"),
        ).update(not_before=now)
        for credential in current.select_related("organisation"):
            wake(credential.fingerprint, now)
            audit.record(
                "delivery.released",
                organisation=credential.organisation,
                actor_label="worker",
                detail={"reason": str(reason)},
            )
    log.warning(
        "released", extra={"reason": str(reason), "fingerprint": fingerprint[:8]}
    )
    return True


def is_held(fingerprint: str) -> bool:
    """Say whether anything stops this key."""
    return Hold.objects.filter(
        fingerprint__in=(EVERYTHING, fingerprint), released_at__isnull=True
    ).exists()


def open_holds(organisation: Organisation) -> list[Hold]:
    """Return what stops an organisation's queue now, the widest first."""
    return open_on(key_of(organisation))


def key_of(organisation: Organisation) -> str | None:
    """Return the fingerprint of an organisation's current key, None without one."""
    return (
        ApiCredential.objects.current()
        .filter(organisation=organisation)
        .values_list("fingerprint", flat=True)
        .first()
    )


def open_on(fingerprint: str | None) -> list[Hold]:
    """Return what stops a key now, the widest first; for None, what stops everything."""
    scope = [EVERYTHING] if fingerprint is None else [EVERYTHING, fingerprint]
    return list(
        Hold.objects.filter(fingerprint__in=scope, released_at__isnull=True).order_by(
            "fingerprint", "id"
        )
    )


def probed(found: Hold, now: datetime) -> None:
    """Note that a probe failed: the next one comes later."""
    probes = found.probes + 1
    Hold.objects.filter(pk=found.pk, released_at__isnull=True).update(
        probes=probes,
        probe_at=now + timedelta(seconds=_probe_delay(found.reason, probes)),
    )


def failed(budget: RateBudget, now: datetime) -> None:
    """Count a failure of the remote on a locked budget row, unsaved; hold when it is down.

    Five in a row on one key hold that key; ten over at least two keys, with no answer on any
    in between, hold everything.
    """
    budget.failures_in_row += 1
    budget.failing_since = budget.failing_since or now
    if budget.failures_in_row >= times.FAILURES_PER_KEY:
        hold(budget.fingerprint, HoldReason.OUTAGE, now)
    last_answer = RateBudget.objects.aggregate(at=Max("last_answer_at"))["at"]
    others = RateBudget.objects.filter(failures_in_row__gt=0).exclude(pk=budget.pk)
    if last_answer:
        others = others.filter(failing_since__gt=last_answer)
    seen = others.aggregate(keys=Count("pk"), failures=Sum("failures_in_row"))
    own = (
        budget.failures_in_row
        if not last_answer or budget.failing_since > last_answer
        else 0
    )
    if seen["keys"] and own and own + seen["failures"] >= times.FAILURES_OVER_ALL:
        hold(EVERYTHING, HoldReason.OUTAGE, now)


def answered(budget: RateBudget, now: datetime) -> None:
    """Note a proper answer of the remote on a locked budget row, unsaved."""
    budget.failures_in_row = 0
    budget.failing_since = None
    budget.last_answer_at = now


def due_probes(now: datetime) -> list[Hold]:
    """Return the holds whose probe is due, at most twenty."""
    return list(
        Hold.objects.filter(
            Q(released_at__isnull=True) & Q(probe_at__lte=now)
        ).order_by("probe_at")[:20]
    )
