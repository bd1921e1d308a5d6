"""Loading a file that was checked: start, pause, go on, cancel, and storing in chunks.

A chunk and the counter that says how far the import is are one commit: whoever dies in
between leaves nothing half done.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from clients_app import audit
from clients_app.delivery.wakeups import wake_organisation
from clients_app.imports.drafts import WrongState, reading_of, table_of
from clients_app.imports.kept import KeptTable
from clients_app.imports.rows import IN_ONE_QUERY, AwaitingCorrection, Row, checked_rows
from clients_app.intake.submissions import Filled, revise, submit_many
from clients_app.models import (
    PAUSED_UNTIL,
    FileImport,
    FileReading,
    ImportedRow,
    ImportState,
    Lane,
    Source,
    Status,
    Submission,
    User,
)

AT_ONCE = 25
"""Rows stored in one transaction: a desk that submits meanwhile waits for them."""
PAUSE = 0.03
"""Seconds between two of those, in which a desk gets its turn with the database."""
AT_A_STRETCH = 5.0
"""Seconds after which one call of store_due() begins no other chunk."""
KEEP_DRAFT = timedelta(days=1)
KEEP_DONE = timedelta(days=14)
"""So long a file is kept after its upload: people fetch its failed rows later."""


def start(draft: FileImport, *, user: User, now: datetime | None = None) -> None:
    """Have the worker load the rows without a problem. Raises WrongState.

    A file that the worker still reads or checks cannot be started, nor one kept no more
    (SheetError).
    """
    now = now or timezone.now()
    with transaction.atomic():
        _move(draft, ImportState.STORING, ImportState.DRAFT, started_at=now)
        reading = reading_of(draft)
        if reading.awaits or not reading.headers:
            raise WrongState
        _record("import.started", draft, user, rows=draft.total)


def pause(file_import: FileImport, *, user: User) -> None:
    """Stop loading and sending; what is under way is finished. Raises WrongState."""
    with transaction.atomic():
        _move(
            file_import,
            ImportState.PAUSED,
            ImportState.STORING,
            ImportState.STORED,
        )
        _unsent(file_import).update(not_before=PAUSED_UNTIL)
        _record("import.paused", file_import, user)


def resume(file_import: FileImport, *, user: User, now: datetime | None = None) -> None:
    """Go on with a paused import, and wake the worker. Raises WrongState."""
    now = now or timezone.now()
    with transaction.atomic():
        all_stored = file_import.finished_at is not None
        state = ImportState.STORED if all_stored else ImportState.STORING
        _move(file_import, state, ImportState.PAUSED)
        _unsent(file_import).filter(not_before=PAUSED_UNTIL).update(not_before=now)
        _record("import.resumed", file_import, user)
        wake_organisation(file_import.organisation, now, lane=Lane.IMPORT)


def cancel(file_import: FileImport, *, user: User, now: datetime | None = None) -> int:
    """Load no more and drop what has not been sent; returns how many. Raises WrongState.

    A client that was sent, or may have been, goes its own way to an end: only those that
    no call was ever made for are dropped, each with its line in the audit.
    """
    now = now or timezone.now()
    with transaction.atomic():
        _move(
            file_import,
            ImportState.CANCELLED,
            *(ImportState.STORING, ImportState.PAUSED, ImportState.STORED),
            finished_at=now,
        )
        dropped = _drop_unsent(file_import)
        _unsent(file_import).filter(not_before=PAUSED_UNTIL).update(not_before=now)
        audit.record_all(
            "submission.dropped",
            organisation=file_import.organisation,
            actor=user,
            about=dropped,
            details=[{"import": True}] * len(dropped),
            at=now,
        )
        _record("import.cancelled", file_import, user, dropped=len(dropped))
    return len(dropped)


def _move(
    file_import: FileImport, state: ImportState, *before: ImportState, **columns: Any
) -> None:
    """Change the state and `columns` at once. Raises WrongState unless it is in `before`."""
    mine = FileImport.objects.filter(pk=file_import.pk, state__in=before)
    if not mine.update(state=state, **columns):
        raise WrongState
    file_import.state = state


def _drop_unsent(file_import: FileImport) -> list[Submission]:
    """Close what no call was ever made for; what a worker takes meanwhile stays."""
    rows = list(_unsent(file_import).filter(fence=0).only("id", "uuid", "type"))
    dropped = []
    for at in range(0, len(rows), IN_ONE_QUERY):
        part = rows[at : at + IN_ONE_QUERY]
        still = Submission.objects.filter(
            pk__in=[row.pk for row in part], status=Status.QUEUED, fence=0
        )
        ids = set(still.select_for_update().values_list("pk", flat=True))
        Submission.objects.filter(pk__in=ids).update(
            status=Status.DROPPED,
            closed_reason=_("The import was cancelled before this was sent."),
        )
        dropped += [row for row in part if row.pk in ids]
    return dropped


def _unsent(file_import: FileImport) -> QuerySet[Submission]:
    return Submission.objects.filter(
        imported_row__file_import=file_import, status=Status.QUEUED
    )


def _record(action: str, about: FileImport, user: User, **detail: int) -> None:
    audit.record(
        action,
        organisation=about.organisation,
        actor=user,
        about=about,
        detail=detail,
    )


def store_due() -> int:
    """Load what is to be loaded, for a few seconds at most; returns the rows done.

    Any number of processes may do this at once; a killed one leaves whole chunks.
    """
    until = time.monotonic() + AT_A_STRETCH
    done = 0
    waiting = FileImport.objects.filter(state=ImportState.STORING).order_by("id")
    for file_import in waiting.select_related("organisation", "created_by")[:20]:
        if time.monotonic() >= until:
            break
        table = table_of(file_import)
        while time.monotonic() < until and (took := _store_chunk(file_import, table)):
            done += took
            time.sleep(PAUSE)
    return done


def _store_chunk(file_import: FileImport, table: KeptTable) -> int:
    """Store the next rows, in one transaction; returns how many were done with.

    0 when there is nothing to do any more, or somebody else is at it.
    """
    now = timezone.now()
    file_import.refresh_from_db(fields=["done"])
    at = file_import.done
    chunk = table.chunk(at, AT_ONCE)
    with translation.override("en"):
        part = list(checked_rows(file_import, table.headers, chunk))
    try:
        with transaction.atomic():
            mine = FileImport.objects.select_for_update().filter(
                pk=file_import.pk, state=ImportState.STORING, done=at
            )
            fresh = mine.first()
            if fresh is None:
                return 0
            _store(file_import, fresh, part, now)
            fresh.done += len(part)
            if fresh.done >= table.total:
                fresh.state, fresh.finished_at = ImportState.STORED, now
                audit.record(
                    "import.loaded",
                    organisation=file_import.organisation,
                    actor=file_import.created_by,
                    about=fresh,
                    detail={"made": fresh.made, "faulty": fresh.faulty},
                )
            columns = ["done", "made", "known", "faulty", "state", "finished_at"]
            fresh.save(update_fields=columns)
    except IntegrityError:
        return 0  # the same row came through another import just now: look again later
    return len(part)


def _store(
    file_import: FileImport, counts: FileImport, part: Sequence[Row], now: datetime
) -> None:
    """Store the rows of one chunk and count them in `counts`, which is not saved."""
    lines: dict[str, int] = {}
    filled: list[Filled] = []
    references = [row.reference for row in part if row.reference]
    awaiting = AwaitingCorrection(file_import.organisation, references)
    for row in part:
        if row.problems:
            counts.faulty += 1
        elif row.reference:
            _correct(file_import, counts, awaiting.get(row.reference), row, now)
        elif row.token in lines:
            counts.known += 1
        else:
            lines[row.token] = row.line
            filled.append(Filled(row.client_type, row.answers, row.token))
    made = submit_many(
        organisation=file_import.organisation,
        filled=filled,
        source=Source.IMPORT,
        user=file_import.created_by,
        now=now,
    )
    ImportedRow.objects.bulk_create(
        ImportedRow(
            file_import=file_import, line=lines[row.submission_token], submission=row
        )
        for row in made
    )
    counts.made += len(made)
    counts.known += len(filled) - len(made)


def _correct(
    file_import: FileImport,
    counts: FileImport,
    submission: Submission | None,
    row: Row,
    now: datetime,
) -> None:
    """Have a refused submission say what its row says now, and queue it again."""
    if submission is None:
        counts.faulty += 1
        return
    submission.organisation = file_import.organisation
    moved = revise(
        submission=submission,
        client_type=row.client_type,
        answers=row.answers,
        user=file_import.created_by,
        now=now,
    )
    if not moved:
        counts.known += 1
        return
    counts.made += 1
    ImportedRow.objects.update_or_create(
        submission=submission, defaults={"file_import": file_import, "line": row.line}
    )


def tidy(now: datetime | None = None) -> int:
    """Forget files whose time is over; returns how many. Any process may do this."""
    now = now or timezone.now()
    kept = FileImport.objects.filter(content__isnull=False)
    drafts = kept.filter(state=ImportState.DRAFT, created_at__lt=now - KEEP_DRAFT)
    _rows, by_table = drafts.delete()
    ended = kept.filter(created_at__lt=now - KEEP_DONE).filter(
        state__in=(ImportState.STORED, ImportState.CANCELLED)
    )
    FileReading.objects.filter(file_import__in=ended).delete()
    return by_table.get(FileImport._meta.label, 0) + ended.update(content=None)
