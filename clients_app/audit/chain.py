"""The chain over the audit trail: an event that is altered, removed or slipped in is found.

Events are sealed a few seconds after they were written, many at a time, by the worker.
Recording one therefore costs nothing more and takes no lock; docs/adr/0025 has the
figures. Each seal holds a digest per event and covers the seal before; a MAC from the key
ring stands under it. `verify()` names the first place that does not hold.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from clients_app.crypto import KeyRing
from clients_app.models import AuditEvent, AuditSeal

log = logging.getLogger("portal.audit")
BATCH = 500
ENOUGH = 200
"""Events that are worth a seal at once; fewer wait until the oldest is `AGE` old."""
AGE = timedelta(seconds=30)
LATE = timedelta(minutes=10)
"""An event that old without a seal means that no worker runs, or that seals are gone."""
LOCK_PATIENCE = "500ms"
PURPOSE = "audit"
MOST_NAMED = 20
UNREADABLE = (ArithmeticError, AttributeError, DatabaseError, TypeError, ValueError)
"""What reading a row raises whose columns hold what no column of that kind can."""


@dataclass(frozen=True)
class Verdict:
    """What a look at the whole chain found; `broken` is "" when everything holds.

    `broken` names the first place that does not, `strays` what lies where no event can:
    before the first one. `events` and `seals` are how many hold; `head` is the last such
    seal as POSITION:DIGEST (16 digits), "" without any. `unsealed` events wait for a
    seal, some of them `late`.
    """

    broken: str
    strays: list[str]
    events: int
    seals: int
    head: str
    unsealed: int
    late: bool


def _ring() -> KeyRing:
    ring: KeyRing = settings.PORTAL_KEYRING
    return ring


def digest_of(event: AuditEvent) -> str:
    """Return the SHA-256 of everything an event says, as 64 hex digits."""
    told = [
        event.pk,
        event.at.astimezone(UTC).isoformat(timespec="microseconds"),
        event.organisation_id,
        event.actor_id,
        event.actor_label,
        event.action,
        event.object_type,
        event.object_id,
        event.detail,
    ]
    text = json.dumps(told, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _link(before: str, position: int, entries: list[list[object]]) -> str:
    text = json.dumps([before, position, entries], separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def seal_due(now: datetime | None = None, *, everything: bool = False) -> int:
    """Seal the events that are due, or `everything`; return how many were sealed.

    Any process may do this: of two at once, one seals and the other changes nothing.
    """
    now = now or timezone.now()
    sealed = 0
    while True:
        last = AuditSeal.objects.order_by("-position").first()
        waiting = AuditEvent.objects.filter(id__gt=last.last_event if last else 0)
        oldest = waiting.order_by("id").values_list("at", flat=True).first()
        if oldest is None:
            return sealed
        many = len(waiting.order_by("id").values_list("id")[:ENOUGH]) >= ENOUGH
        if not (everything or many or oldest <= now - AGE):
            return sealed
        taken = _seal_after(last)
        if not taken:
            return sealed
        sealed += taken


def _seal_after(last: AuditSeal | None) -> int:
    try:
        settled = _settled()
    except DatabaseError:
        # Writers would not let go of the table in time: the next round tries again.
        return 0
    after = last.last_event if last else 0
    events = AuditEvent.objects.filter(id__gt=after, id__lte=settled).order_by("id")
    rows = list(events[:BATCH])
    entries: list[list[object]] = [[row.pk, digest_of(row)] for row in rows]
    if not entries:
        return 0
    newest = rows[-1].pk
    position = (last.position if last else 0) + 1
    digest = _link(last.digest if last else "", position, entries)
    kid, mac = _ring().mac(digest, purpose=PURPOSE)
    try:
        with transaction.atomic():
            AuditSeal.objects.create(
                position=position,
                last_event=newest,
                entries=entries,
                digest=digest,
                kid=kid,
                mac=mac,
            )
    except IntegrityError:
        return 0  # somebody else was faster
    # The log is kept elsewhere: `audit verify --expect` finds a chain that was cut off.
    log.info("audit sealed", extra={"seal": f"{position}:{digest[:16]}"})
    return len(entries)


def _settled() -> int:
    """Return the highest event id below which nothing can still be committed.

    SQLite writes one transaction at a time. PostgreSQL gives ids out before the commit, so
    this waits, briefly, for those who are writing. Raises DatabaseError when they take long.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            table = AuditEvent._meta.db_table
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_PATIENCE}'")
                cursor.execute(f"LOCK TABLE {table} IN SHARE MODE")
        newest = AuditEvent.objects.order_by("-id").values_list("id", flat=True).first()
    return newest or 0


def verify(expect: str = "") -> Verdict:
    """Walk the chain from its beginning and compare every event with its digest.

    `expect` is a seal as the worker logged it ("12:0123456789abcdef"): it must be there.
    """
    broken, before, position, after, events = "", "", 0, 0, 0
    kid = ""
    wanted = expect.partition(":")
    for seal in AuditSeal.objects.order_by("position").iterator(chunk_size=50):
        broken = _broken_seal(seal, position + 1, before) or _broken_event(seal, after)
        if not broken and wanted[0] == str(seal.position):
            same = seal.digest.startswith(wanted[2]) and len(wanted[2]) >= 16
            broken = "" if same else f"seal {seal.position} is not the one expected"
        if broken:
            break
        before, position, after = seal.digest, seal.position, seal.last_event
        kid = seal.kid
        events += len(seal.entries)
    if not broken and kid and kid not in _ring().keys:
        broken = f"seal {position} was made with key '{kid}', which the ring lacks"
    if not broken and expect and int(wanted[0] or 0) > position:
        broken = f"seal {wanted[0]} is gone: the chain ends at {position}"
    rest = AuditEvent.objects.filter(id__gt=after)
    old = rest.filter(at__lt=timezone.now() - LATE)
    return Verdict(
        broken=broken,
        strays=_strays(),
        events=events,
        seals=position,
        head=f"{position}:{before[:16]}" if position else "",
        unsealed=0 if broken else rest.count(),
        late=not broken and old.exists(),
    )


def _strays() -> list[str]:
    """Name what has an id that is never given out; ids begin at 1."""
    low = AuditEvent.objects.filter(id__lt=1).order_by("id")
    ids = low.values_list("id", flat=True)[:MOST_NAMED]
    return [f"event {event} was slipped in before the first" for event in ids]


def _broken_seal(seal: AuditSeal, position: int, before: str) -> str:
    if seal.position < position:
        return f"seal {seal.position} was slipped in"
    if seal.position > position:
        return f"seal {position} is gone"
    if seal.digest != _link(before, position, seal.entries):
        return f"seal {position} was altered"
    # A key that has left the ring proves nothing: a later seal vouches for this one.
    known = seal.kid in _ring().keys
    if known and not _ring().mac_holds(
        seal.digest, seal.kid, seal.mac, purpose=PURPOSE
    ):
        return f"seal {position} was not made with this key ring"
    return ""


def _broken_event(seal: AuditSeal, after: int) -> str:
    """Compare the events of one seal; also find one that was slipped in between them."""
    try:
        entries = [(int(event), str(digest)) for event, digest in seal.entries]
    except (TypeError, ValueError):
        return f"seal {seal.position} was altered"
    found = _digests(after, seal.last_event)
    for event, digest in entries:
        if event not in found:
            return f"event {event} is gone (seal {seal.position})"
        if found.pop(event) != digest:
            return f"event {event} was altered (seal {seal.position})"
    if found:
        return f"event {min(found)} was slipped in (seal {seal.position})"
    return ""


def _digests(after: int, last: int) -> dict[int, str]:
    """Return the digests of a range of events; "" for one that can no longer be read."""
    rows = AuditEvent.objects.filter(id__gt=after, id__lte=last)
    try:
        return {row.pk: digest_of(row) for row in rows}
    except UNREADABLE:
        found = {}
        for pk in list(rows.values_list("id", flat=True)):
            try:
                found[pk] = digest_of(AuditEvent.objects.get(pk=pk))
            except UNREADABLE:
                found[pk] = ""
        return found
