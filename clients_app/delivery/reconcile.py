"""Reconcile: ask Heffl what became of an unclear submission, then adopt, queue or hand over.

Looks come 30 s, 2 min and 10 min after the attempt's deadline. Exactly one fitting client
is adopted; three clean looks that find none queue the submission again, once; anything else
goes to a person. What cannot be read proves nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from clients_app import audit, credentials
from clients_app.delivery import drift, holds, outbox, rate_limit
from clients_app.delivery import timing as times
from clients_app.delivery.wakeups import wake_organisation
from clients_app.heffl.api import HefflAPI
from clients_app.heffl.contract import ClientType, RemoteClient
from clients_app.heffl.outcome import Reading, Verdict
from clients_app.models import (
    ApiCredential,
    DeliveryAttempt,
    Hold,
    HoldReason,
    Status,
    Submission,
)
from clients_app.questions.matching import normalised

log = logging.getLogger("portal.delivery")
BEFORE = timedelta(minutes=2)
AFTER = timedelta(minutes=10)
NEARLY = timedelta(hours=1)
MOST_PAGES = 20
BATCH = 20
PATIENCE = timedelta(seconds=3)
"""So long a look that has begun waits for its next call."""
OUR_OWN_WAITS = ("rate_limit", "held", "no_key")


class NotNow(Exception):
    """This look has to wait: `at` says until when; `reason` is for the log."""

    def __init__(self, at: datetime, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


@dataclass(frozen=True)
class Findings:
    """What one look found: clients that fit for certain, doubtful ones, and whether
    everything there is to see was seen."""

    fitting: tuple[RemoteClient, ...]
    doubtful: tuple[RemoteClient, ...]
    complete: bool


@dataclass(frozen=True)
class Window:
    """When a client must have been created to be ours."""

    start: datetime
    end: datetime

    def holds(self, moment: datetime) -> bool:
        """Say whether a moment lies inside."""
        return self.start <= moment <= self.end

    def nearly_holds(self, moment: datetime) -> bool:
        """Say whether a moment lies so close that a clock may have been wrong."""
        return self.start - NEARLY <= moment <= self.end + NEARLY


def due(now: datetime) -> list[Submission]:
    """Return submissions whose look-up is due, the longest waiting first."""
    return list(
        Submission.objects.select_related("organisation")
        .filter(reconcile_at__lte=now)
        .order_by("reconcile_at")[:BATCH]
    )


def reconcile(row: Submission) -> str:
    """Look one due submission up and act on what is found.

    Returns a slug: "adopted", "queued", "review", "clean", "numbered", "candidates",
    "given_up", "later", or "taken" when another worker is at it.
    """
    now = timezone.now()
    hand = timedelta(seconds=times.timing().look_lease)
    mine = Submission.objects.filter(
        pk=row.pk, reconcile_at=row.reconcile_at, fence=row.fence, status=row.status
    )
    if not mine.update(reconcile_at=now + hand):
        return "taken"
    row.reconcile_at = now + hand
    try:
        api, credential = _api_for(row, now)
        if row.status == Status.CREATED:
            return _fetch_number(row, api, credential)
        if row.status == Status.NEEDS_FIX:
            return _note_candidates(row, api, credential)
        look = _look(row, api, credential)
    except NotNow as wait:
        return _postpone(row, wait, now)
    return _decide(row, look, timezone.now())


def _api_for(row: Submission, now: datetime) -> tuple[HefflAPI, ApiCredential]:
    credential = credentials.current(row.organisation)
    if credential is None:
        raise NotNow(now + timedelta(seconds=60), "no_key")
    blocked = {HoldReason.RESTORED}
    open_holds = holds.open_holds(row.organisation)
    if any(found.reason not in blocked for found in open_holds):
        raise NotNow(now + timedelta(seconds=times.timing().probe_cap), "held")
    return credentials.api_for(credential), credential


def _book(row: Submission, credential: ApiCredential, *, begun: bool = False) -> None:
    """Book one reading call. Raises NotNow when the budget, or the time, has none.

    A look that has begun waits a little for its next call: it would begin anew later, and
    beside an import, which leaves reads a call now and then, never come to its end.
    """
    one_call = timedelta(seconds=settings.HEFFL_TIMEOUTS["total"] + 1)
    while True:
        now = timezone.now()
        if row.reconcile_at is not None and now + one_call > row.reconcile_at:
            raise NotNow(now + timedelta(seconds=times.timing().probe_cap), "slow")
        later = rate_limit.take_read(credential.fingerprint, now)
        if later is None:
            return
        if not begun or later - now > PATIENCE:
            raise NotNow(later, "rate_limit")
        time.sleep((later - now).total_seconds())


def _checked(reading: Reading[Any], credential: ApiCredential) -> Any:
    """Return what was read; act on a key that is refused. Raises NotNow otherwise."""
    drift.note_reading(credential.organisation_id, reading)
    if reading.ok and reading.data is not None:
        return reading.data
    now = timezone.now()
    wait = reading.wait or times.timing().probe_cap
    with transaction.atomic():
        budget = rate_limit.locked(credential.fingerprint)
        if reading.verdict is Verdict.RATE_LIMITED:
            rate_limit.pause(budget, wait, now)
        elif reading.verdict is Verdict.KEY_REFUSED:
            unreadable = reading.reason == "key_unreadable"
            why = HoldReason.KEY_UNREADABLE if unreadable else HoldReason.KEY_REFUSED
            holds.hold(budget.fingerprint, why, now, reading.reason)
        budget.save()
    raise NotNow(now + timedelta(seconds=wait), reading.reason or "unreadable")


def _look(row: Submission, api: HefflAPI, credential: ApiCredential) -> Findings:
    """Search by e-mail or name; when that finds nothing, read the newest clients as well."""
    client_type = ClientType(row.type)
    wanted = str(row.answers.get("email") or row.display_name)
    _book(row, credential)
    reading = api.search(client_type, wanted)
    # An attempt that got no answer could not read Heffl's clock; this can.
    skew = outbox.clock_skew(reading.remote_date, timezone.now())
    window = _window(row, skew)
    page = None
    if reading.ok or reading.verdict in (Verdict.RATE_LIMITED, Verdict.KEY_REFUSED):
        page = _checked(reading, credential)
        fitting, doubtful = _sort_out(row, page.items, window)
        if fitting or doubtful:
            return Findings(fitting, doubtful, not page.has_more)
    else:
        drift.note_reading(credential.organisation_id, reading)
    listed = _read_list(row, api, credential, window)
    searched = page is not None and not page.has_more
    if listed.fitting or listed.doubtful:
        return listed
    return Findings((), (), listed.complete or searched)


def _read_list(
    row: Submission, api: HefflAPI, credential: ApiCredential, window: Window
) -> Findings:
    """Read the plain list, newest first where it is, until the window is passed."""
    items: dict[str, RemoteClient] = {}
    cursor: str | None = None
    page_no: int | None = None
    complete = False
    oldest: datetime | None = None
    newest_first = True
    for _ in range(MOST_PAGES):
        _book(row, credential, begun=True)
        page = _checked(api.list_clients(cursor=cursor, page_no=page_no), credential)
        fresh = [client for client in page.items if client.id not in items]
        for client in fresh:
            items[client.id] = client
            if client.created_at is None or (oldest and client.created_at > oldest):
                newest_first = False
            oldest = client.created_at or oldest
        passed = newest_first and oldest is not None and oldest < window.start - NEARLY
        if not page.has_more or passed:
            complete = passed or page.total is None or len(items) >= page.total
            break
        if page.next_cursor:
            cursor = page.next_cursor
        elif page_no is None:
            page_no = 1  # the older shape: its pages are counted, and may be shorter
            continue
        else:
            page_no += 1
        if not fresh and page_no != 2:
            break  # the same page again: this list cannot be read to its end
    fitting, doubtful = _sort_out(row, items.values(), window)
    return Findings(fitting, doubtful, complete)


def _window(row: Submission, skew: float) -> Window:
    """Return when Heffl may have created this submission, by Heffl's clock.

    `skew` is by how many seconds that is ahead of ours, as far as it is known now.
    """
    attempts = DeliveryAttempt.objects.filter(submission=row).exclude(
        verdict__in=(Verdict.SAFE, Verdict.RATE_LIMITED, Verdict.KEY_REFUSED)
    )
    skews = [skew, *(attempt.clock_skew for attempt in attempts)]
    start = min((a.started_at for a in attempts), default=row.created_at)
    end = max((a.deadline_at for a in attempts), default=timezone.now())
    # A restored backup may have forgotten later attempts.
    restored = Hold.objects.filter(
        reason=HoldReason.RESTORED, started_at__gte=row.created_at
    ).aggregate(at=Max("started_at"))["at"]
    end = max(end, restored) if restored else end
    return Window(
        start - BEFORE + timedelta(seconds=min([0.0, *skews])),
        end + AFTER + timedelta(seconds=max([0.0, *skews])),
    )


def _sort_out(
    row: Submission, clients: Iterable[RemoteClient], window: Window
) -> tuple[tuple[RemoteClient, ...], tuple[RemoteClient, ...]]:
    """Split clients into those that are ours for certain and those that may be.

    Where the organisation lets Heffl keep our reference, that alone decides; a client
    which bears none is judged by what it looks like.
    """
    found = list(clients)
    marked = [client for client in found if _reference(row, client) == str(row.uuid)]
    alike = marked or [
        client
        for client in found
        if not _reference(row, client) and _is_alike(row, client)
    ]
    linked = set(
        Submission.objects.filter(
            heffl_id__in=[client.id for client in alike]
        ).values_list("heffl_id", flat=True)
    )
    free = [client for client in alike if client.id not in linked]
    if marked:
        return tuple(free), ()
    return (
        tuple(c for c in free if c.created_at and window.holds(c.created_at)),
        tuple(
            c
            for c in free
            if not c.created_at
            or (window.nearly_holds(c.created_at) and not window.holds(c.created_at))
        ),
    )


def _reference(row: Submission, client: RemoteClient) -> str:
    """Return the portal reference that a client bears in Heffl, "" for none."""
    field = row.organisation.reference_field
    return str(client.extra.get(field) or "").strip() if field else ""


def _is_alike(row: Submission, client: RemoteClient) -> bool:
    if client.type != row.type:
        return False
    names = {normalised(client.name)}
    if row.type == ClientType.CONTACT:
        names.add(normalised(f"{client.first_name} {client.last_name}"))
    if normalised(row.display_name) not in names:
        return False
    email, phone = row.answers.get("email"), row.answers.get("phone")
    if client.email and email and normalised(client.email) != normalised(str(email)):
        return False
    return not (client.phone and phone and _digits(client.phone) != _digits(str(phone)))


def _digits(phone: str) -> str:
    return "".join(character for character in phone if character.isdigit())


def _settle(
    row: Submission, action: str, detail: dict[str, Any], **changes: Any
) -> bool:
    """Move a looked-up submission on, unless a person moved it meanwhile."""
    with transaction.atomic():
        changed = Submission.objects.filter(
            pk=row.pk,
            status=row.status,
            fence=row.fence,
            reconcile_at=row.reconcile_at,
        ).update(**{"reconcile_at": None, **changes})
        if changed and action:
            audit.record(
                action,
                organisation=row.organisation,
                actor_label="worker",
                about=row,
                detail=detail,
            )
    return bool(changed)


def candidate(client: RemoteClient) -> dict[str, str]:
    """Return what a person needs to see of a client found in Heffl."""
    return {
        "id": client.id,
        "number": client.number,
        "name": client.name,
        "email": client.email,
        "phone": client.phone,
        "created_at": client.created_at.isoformat() if client.created_at else "",
    }


def _decide(row: Submission, look: Findings, now: datetime) -> str:
    """Adopt, look again, queue again or hand over, by what a look found."""
    if len(look.fitting) == 1 and not look.doubtful:
        changes = outbox.created(row, look.fitting[0], now)
        adopted = changes["status"] == Status.CREATED
        action = "submission.created" if adopted else "submission.review"
        if not _settle(row, action, {"reason": "found_in_heffl"}, **changes):
            return "taken"
        return "adopted" if adopted else "review"
    found = [*look.fitting, *look.doubtful]
    if found:
        return _to_review(row, "several_found", [candidate(client) for client in found])
    if not look.complete:
        return _to_review(row, "cannot_be_proved", [])
    looks = times.timing().look_after
    clean = row.clean_scans + 1
    if clean < len(looks):
        gap = looks[clean] - looks[clean - 1]
        _settle(
            row, "", {}, clean_scans=clean, reconcile_at=now + timedelta(seconds=gap)
        )
        return "clean"
    if row.requeued_once:
        return _to_review(row, "unclear_twice", [])
    if row.reported:  # Heffl said that it is there: not to be sent again
        return _to_review(row, "cannot_be_proved", [])
    queued = _settle(
        row,
        "submission.queued",
        {"reason": "proved_absent"},
        status=Status.QUEUED,
        requeued_once=True,
        not_before=now,
        problem="",
    )
    if queued:
        wake_organisation(row.organisation, now, lane=row.lane)
    return "queued"


def _to_review(row: Submission, problem: str, found: list[dict[str, str]]) -> str:
    _settle(
        row,
        "submission.review",
        {"reason": problem, "candidates": len(found)},
        status=Status.REVIEW,
        problem=problem,
        message="",
        candidates=found[:10],
    )
    return "review"


def _postpone(row: Submission, wait: NotNow, now: datetime) -> str:
    """Look again later; after a day without an answer a person has to look."""
    limit = timedelta(seconds=times.timing().unreadable_limit)
    last = DeliveryAttempt.objects.filter(submission=row).order_by("-fence").first()
    since = max(last.deadline_at, row.queued_at) if last else row.queued_at
    ours = wait.reason in OUR_OWN_WAITS
    if not ours and (now - since > limit or wait.reason == "not_found"):
        if row.status == Status.UNCERTAIN:
            return _to_review(row, "cannot_be_proved", [])
        _settle(row, "", {})  # a number or a hint that is not to be had
        return "given_up"
    Submission.objects.filter(
        pk=row.pk, status=row.status, reconcile_at=row.reconcile_at
    ).update(reconcile_at=max(wait.at, now + timedelta(seconds=1)))
    return "later"


def _note_candidates(row: Submission, api: HefflAPI, credential: ApiCredential) -> str:
    """Show beside a refused duplicate which clients Heffl may have meant."""
    _book(row, credential)
    wanted = str(row.answers.get("email") or row.display_name)
    page = _checked(api.search(ClientType(row.type), wanted), credential)
    _settle(row, "", {}, candidates=[candidate(client) for client in page.items[:10]])
    return "candidates"


def _fetch_number(row: Submission, api: HefflAPI, credential: ApiCredential) -> str:
    """Ask for the number that an answer left out."""
    _book(row, credential)
    client: RemoteClient = _checked(api.get_client(row.heffl_id), credential)
    if not client.number:
        raise NotNow(timezone.now() + timedelta(seconds=600), "no_number")
    _settle(row, "submission.numbered", {}, number=client.number)
    return "numbered"


def stale_looks(now: datetime) -> int:
    """Give every UNCERTAIN that lost its next look a new one; returns how many."""
    return Submission.objects.filter(
        status=Status.UNCERTAIN, reconcile_at__isnull=True
    ).update(reconcile_at=now)


def search_now(row: Submission, text: str = "") -> list[dict[str, str]]:
    """Return what Heffl has under a text, for a person who waits: candidates, at most ten.

    By default the row's e-mail, else its name. One call of the key's budget; nothing is
    stored. Raises NotNow when there is no key, a hold, no call left or no answer.
    """
    api, credential = _api_for(row, timezone.now())
    later = rate_limit.take_read(credential.fingerprint, timezone.now())
    if later is not None:
        raise NotNow(later, "rate_limit")
    wanted = text or str(row.answers.get("email") or row.display_name)
    page = _checked(api.search(ClientType(row.type), wanted), credential)
    return [candidate(client) for client in page.items[:10]]
