"""/metrics: what an operator's monitoring wants to know, as Prometheus reads it.

Labels are our own words and the first digits of a key's mark, never a person's data. The
cost does not grow with the history: only what is still open is counted.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import math
from collections.abc import Iterable, Iterator
from datetime import datetime

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, InterfaceError
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from clients_app import health, tally
from clients_app.database import outage
from clients_app.delivery import beats, rate_limit
from clients_app.models import (
    NEEDS_PERSON,
    WAITING,
    DriftSign,
    Hold,
    HoldReason,
    Lane,
    RateBudget,
    Status,
    Submission,
)

log = logging.getLogger("portal.web")
MOST_KEYS = 1_000
COUNTERS = {
    "attempts": (
        "verdict",
        "Calls that were to create a client, by what came of them.",
    ),
    "looks": ("result", "Looks for unclear clients, by result."),
    "sweeps": ("found", "Rounds of the sweeper, by whether it put something right."),
    "drift": ("sign", "Answers of Heffl that depart from its specification, by how."),
    "webhooks": ("outcome", "Messages of Heffl taken in, by what they changed."),
}
Sample = tuple[dict[str, str], float]


def _is_local(request: HttpRequest) -> bool:
    """Say whether this machine itself asks, and not somebody through a proxy on it."""
    if "X-Forwarded-For" in request.headers or "Forwarded" in request.headers:
        return False
    try:
        address = ipaddress.ip_address(str(request.META.get("REMOTE_ADDR") or ""))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)


def _may_read(request: HttpRequest) -> bool:
    kind, _blank, given = request.headers.get("Authorization", "").partition(" ")
    token = settings.METRICS_TOKEN
    if token and kind.lower() == "bearer":
        return hmac.compare_digest(given.strip().encode(), token.encode())
    return not token and _is_local(request)


@require_safe
def metrics_text(request: HttpRequest) -> HttpResponse:
    """Answer loopback, or with METRICS_TOKEN set whoever bears it; 403 to others."""
    if not _may_read(request):
        raise PermissionDenied
    lines = [*_process_lines()]
    try:
        lines += _lines(timezone.now())
    except (DatabaseError, InterfaceError) as error:
        if not (away := outage.of(error)):
            raise
        # What this process knows by itself says so: portal_ready{part="database"} is 0.
        log.error("database away", extra={"route": "metrics", **outage.told(away)})
    body = "".join(f"{line}\n" for line in lines)
    return HttpResponse(body, content_type="text/plain; version=0.0.4; charset=utf-8")


def _family(
    name: str, kind: str, about: str, samples: Iterable[Sample]
) -> Iterator[str]:
    yield f"# HELP portal_{name} {about}"
    yield f"# TYPE portal_{name} {kind}"
    for labels, value in samples:
        told = ",".join(f'{key}="{words}"' for key, words in labels.items())
        number = f"{value:.12g}"
        yield f"portal_{name}{{{told}}} {number}" if told else f"portal_{name} {number}"


def _process_lines() -> Iterator[str]:
    yield from _family(
        "build_info",
        "gauge",
        "The version that runs here.",
        [({"version": settings.VERSION}, 1)],
    )
    yield from _family(
        "ready",
        "gauge",
        "Whether each part that the portal needs is in order, as /readyz says in words.",
        [
            ({"part": part}, words == health.OK)
            for part, words in health.state().items()
        ],
    )
    yield from _family(
        "disk_free_bytes",
        "gauge",
        "Room left where the portal writes.",
        [({"of": name}, free) for name, free in health.free_bytes().items()],
    )


def _lines(now: datetime) -> Iterator[str]:
    workers = beats.workers()
    yield from _family(
        "worker_last_seen_seconds",
        "gauge",
        "Since when no delivery worker was seen; infinite where there was none.",
        [({}, math.inf if workers.unseen is None else round(workers.unseen, 1))],
    )
    yield from _family(
        "clock_offset_seconds",
        "gauge",
        "By how much the database, or what was written last, is ahead of this clock.",
        [({}, round(beats.clock_offset(), 3))],
    )
    yield from _family(
        "worker_clock_offset_seconds",
        "gauge",
        "The same of the worker whose clock is off most.",
        [({}, workers.clock_ahead)],
    )
    yield from _family(
        "oldest_waiting_seconds",
        "gauge",
        "Age of the oldest client that waits to be sent, by lane; 0 when none does.",
        _ages(now),
    )
    yield from _family(
        "submissions", "gauge", "Clients that are not final yet, by status.", _open()
    )
    yield from _family(
        "holds", "gauge", "Reasons for which nothing is sent now.", _holds()
    )
    yield from _family(
        "drift_signs",
        "gauge",
        "Departures of Heffl's answers from its specification that last.",
        [({}, DriftSign.objects.filter(standing_since__isnull=False).count())],
    )
    budgets = list(RateBudget.objects.order_by("-last_answer_at", "pk")[:MOST_KEYS])
    yield from _family(
        "budget_calls",
        "gauge",
        "Calls of one API key inside the running window.",
        [(_key(budget), _calls(budget, now)) for budget in budgets],
    )
    yield from _family(
        "budget_limit",
        "gauge",
        "Calls that one API key may make in a window.",
        [(_key(budget), rate_limit.limits(budget, now)[0]) for budget in budgets],
    )
    counted = tally.totals()
    for name, (label, about) in COUNTERS.items():
        samples = [({label: kind}, value) for n, kind, value in counted if n == name]
        yield from _family(f"{name}_total", "counter", about, samples)


def _ages(now: datetime) -> Iterator[Sample]:
    for lane in Lane:
        waiting = Submission.objects.filter(status=Status.QUEUED, lane=lane)
        oldest = waiting.aggregate(at=Min("queued_at"))["at"]
        age = (now - oldest).total_seconds() if oldest else 0
        yield {"lane": lane.name.lower()}, max(0.0, round(age, 1))


def _open() -> Iterator[Sample]:
    still_open = (*WAITING, *NEEDS_PERSON)
    found = Submission.objects.filter(status__in=still_open).order_by()
    counts = dict(found.values_list("status").annotate(count=Count("pk")))
    for status in still_open:
        yield {"status": status.value}, counts.get(status, 0)


def _holds() -> Iterator[Sample]:
    open_now = Hold.objects.filter(released_at__isnull=True).order_by()
    counts = dict(open_now.values_list("reason").annotate(count=Count("pk")))
    for reason in HoldReason:
        yield {"reason": reason.value}, counts.get(reason, 0)


def _key(budget: RateBudget) -> dict[str, str]:
    return {"key": budget.fingerprint[:8]}


def _calls(budget: RateBudget, now: datetime) -> int:
    since = now.timestamp() - settings.HEFFL_RATE_LIMIT[1]
    return sum(called > since for called in budget.recent)
