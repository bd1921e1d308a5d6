"""Notices when Heffl's answers no longer look like the specification, or refuse what used
to pass.

Noting costs a delivery nothing: what the answers of this process showed is kept in memory
and written down by a chore. Nothing here changes what happens to a client. Examples hold
names of keys, types and codes, never a value.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from clients_app import tally
from clients_app.heffl.outcome import Outcome, Reading, Verdict
from clients_app.heffl.shape import REPEATED, Oddity, Shape
from clients_app.models import DriftSign, Organisation, Status, Submission

MOST_PENDING = 20_000
FINE_AGAIN = 5
"""After so many proper answers in a row a departure is over."""
FORGOTTEN = timedelta(days=2)
"""A departure that did not come often enough by then was an accident."""
OUTDATED = timedelta(days=30)
"""One that lasts, but of which no answer speaks any more, is over by then."""
COMPARED = 200
"""With so many clients created before a refused one is compared."""
REFUSED = "refused"
_CODE = re.compile(r"[A-Za-z_]{1,40}", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w{0,59}", re.ASCII)
# Somebody there already, a rule of that workspace: a refusal about this client alone.
_ABOUT_OTHERS = re.compile(r"(?i)exist|duplicat|already|unique|taken|in use")


@dataclass(frozen=True)
class _Note:
    """What one answer showed. `fields` are those of a client that was created."""

    organisation: int
    operation: str
    oddities: tuple[Oddity, ...] = ()
    submission: int | None = None
    fields: frozenset[str] = field(default_factory=frozenset)


class Notes:
    """What answers showed and was not written down yet; threads may share it.

    It holds so many at most: what comes then is dropped.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._pending: list[_Note] = []

    def keep(self, notes: Iterable[_Note]) -> None:
        """Add some, as far as there is room."""
        with self._lock:
            room = self._most - len(self._pending)
            self._pending.extend(list(notes)[: max(0, room)])

    def take(self) -> list[_Note]:
        """Return all of them, and begin anew."""
        with self._lock:
            notes = list(self._pending)
            self._pending.clear()
        return notes


_notes = Notes(MOST_PENDING)


def note_outcome(row: Submission, outcome: Outcome) -> None:
    """Keep what the answer to a POST for this submission showed."""
    found = []
    if outcome.shape:
        found.append(_about_shape(row.organisation_id, outcome.shape))
    fields = frozenset(row.answers)
    if outcome.verdict is Verdict.CREATED:
        found.append(_Note(row.organisation_id, REFUSED, fields=fields))
    elif outcome.verdict is Verdict.REFUSED:
        odd = _refusal(row, outcome)
        if odd:
            found.append(_Note(row.organisation_id, REFUSED, (odd,), row.pk))
    _notes.keep(found)


def note_reading(organisation_id: int, reading: Reading[object]) -> None:
    """Keep what the answer to a question showed."""
    if reading.shape:
        _notes.keep([_about_shape(organisation_id, reading.shape)])


def _about_shape(organisation_id: int, shape: Shape) -> _Note:
    return _Note(organisation_id, shape.operation, shape.oddities)


def _refusal(row: Submission, outcome: Outcome) -> Oddity | None:
    """Return what was refused of a client: with a field, without it, or as a whole.

    None for a refusal that speaks of other clients of the workspace.
    """
    if outcome.reason == "conflict" or _ABOUT_OTHERS.search(outcome.message):
        return None
    name = outcome.field or ""
    code = outcome.code if _CODE.fullmatch(outcome.code) else ""
    if _NAME.fullmatch(name):
        sign = f"{'with' if name in row.answers else 'without'} {name}"
    else:
        sign = f"code {code or 'none'}"
    keys = ", ".join(sorted(filter(_NAME.fullmatch, row.answers))[:20])
    example = f"{outcome.status} {code} {name}; sent: {row.type}, {keys}"
    return Oddity(sign, " ".join(example.split())[:400], REPEATED)


def write(now: datetime | None = None) -> int:
    """Write down what was noted since; return how many departures were touched."""
    now = now or timezone.now()
    notes = _notes.take()
    odd = [note for note in notes if note.oddities]
    concerned = {note.organisation for note in notes}
    if not concerned:
        return 0
    signs = DriftSign.objects.filter(organisation__in=concerned)
    if not odd and not signs.exists():
        return 0
    known = Organisation.objects.filter(pk__in=concerned)
    there = set(known.values_list("pk", flat=True))  # one may have gone since
    notes = [note for note in notes if note.organisation in there]
    odd = [note for note in notes if note.oddities]
    try:
        with transaction.atomic():
            touched = _apply(notes, now)
    except Exception:
        _notes.keep(notes)
        raise
    for note in odd:
        for oddity in note.oddities:
            tally.count("drift", f"{note.operation}: {oddity.sign}")
    return touched


def _apply(notes: list[_Note], now: datetime) -> int:
    new = {
        (note.organisation, note.operation, oddity.sign): oddity
        for note in notes
        for oddity in note.oddities
    }
    DriftSign.objects.bulk_create(
        [
            DriftSign(
                organisation_id=organisation,
                operation=operation,
                sign=sign[:80],
                example=oddity.example[:500],
                first_at=now,
                last_at=now,
            )
            for (organisation, operation, sign), oddity in sorted(new.items())
        ],
        ignore_conflicts=True,
    )
    concerned = {note.organisation for note in notes}
    signs = DriftSign.objects.select_for_update().filter(organisation__in=concerned)
    by_place: dict[tuple[int, str], list[DriftSign]] = {}
    for sign in signs.order_by("pk"):
        place = (sign.organisation_id, sign.operation)
        by_place.setdefault(place, []).append(sign)
    touched: dict[int, DriftSign] = {}
    for note in notes:
        for sign in by_place.get((note.organisation, note.operation), []):
            if _take_in(sign, note, now):
                touched[sign.pk] = sign
    for sign in touched.values():
        if sign.seen:
            sign.save()
        else:
            sign.delete()
    return len(touched)


def _take_in(sign: DriftSign, note: _Note, now: datetime) -> bool:
    """Let one answer speak about one sign, unsaved. `seen` is 0 when it is over."""
    odd = next((each for each in note.oddities if each.sign == sign.sign), None)
    if odd:
        if note.submission in sign.submissions:
            return False
        if note.submission is not None:
            sign.submissions = [*sign.submissions, note.submission][-10:]
        sign.seen, sign.fine, sign.last_at = sign.seen + 1, 0, now
        if sign.standing_since is None and sign.seen >= odd.needed:
            sign.standing_since = now if _is_news(sign) else None
        return True
    if note.oddities and note.operation == REFUSED:
        return False  # refused for another reason: says nothing about this one
    if note.operation == REFUSED and not _alike(sign.sign, note.fields):
        return False
    sign.fine += 1
    if sign.standing_since is None or sign.fine >= FINE_AGAIN:
        sign.seen = 0
    return True


def _alike(sign: str, fields: Iterable[str] | Mapping[str, object]) -> bool:
    """Say whether a client with these fields is one that such a refusal would hit."""
    kind, _blank, name = sign.partition(" ")
    if kind == "code":
        return True
    return (name in fields) == (kind == "with")


def _is_news(sign: DriftSign) -> bool:
    """Say whether what is refused now used to pass. Reads a bounded number of rows."""
    if sign.operation != REFUSED:
        return True
    before = Submission.objects.filter(
        organisation=sign.organisation_id,
        status=Status.CREATED,
        created_at__lt=sign.first_at,
    ).order_by("-created_at")
    answers = before.values_list("answers", flat=True)[:COMPARED]
    return any(_alike(sign.sign, each) for each in answers)


def standing() -> list[DriftSign]:
    """Return the departures that last, at most five hundred."""
    found = DriftSign.objects.filter(standing_since__isnull=False)
    return list(found.order_by("pk")[:500])


def forget(now: datetime | None = None) -> int:
    """Remove accidents of some days ago, and what was not met for long; returns how many."""
    now = now or timezone.now()
    accident = Q(standing_since__isnull=True, last_at__lt=now - FORGOTTEN)
    outdated = Q(last_at__lt=now - OUTDATED)
    return DriftSign.objects.filter(accident | outdated).delete()[0]
