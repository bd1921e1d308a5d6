"""The history and the audit trail as CSV: streamed, and never slower than it reads.

Times are ISO 8601 in UTC, so that a file means the same wherever it is opened. How cells
are written, and what keeps them safe in a spreadsheet, is in csv_text.py.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from clients_app.csv_text import BYTE_ORDER_MARK, lines
from clients_app.history.keys import KeyRanges
from clients_app.models import AuditEvent, Organisation, User
from clients_app.models.audit_event import LATEST_FIRST, AuditFilters
from clients_app.models.listing import NEWEST_FIRST, Cursor, Filters, Sort
from clients_app.models.submission import SubmissionQuerySet

COLUMNS = (
    "number", "type", "name", "first_name", "last_name", "email", "phone", "tax_number",
    "status", "source", "created_at", "delivered_at", "created_by", "heffl_id",
)  # fmt: skip
AUDIT_COLUMNS = (
    "id", "at", "person", "person_name", "actor", "action", "object", "object_id",
    "detail",
)  # fmt: skip
READ_COLUMNS = (
    "pk", "number", "type", "display_name", "answers", "status", "source", "created_at",
    "delivered_at", "created_by", "heffl_id",
)  # fmt: skip
EXPORT_CHUNK = 2_000
AUDIT_CHUNK = 1000


def export_chunks(
    organisation: Organisation, filters: Filters, sort: Sort = NEWEST_FIRST
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield all that the filters leave, in order, as lists of READ_COLUMNS.

    Each chunk is a query of its own: nothing is held open between two of them.
    """
    own: SubmissionQuerySet = organisation.submissions.all()
    keys = KeyRanges(own, organisation.pk)
    place = None
    while True:
        read = keys.in_order(
            filters,
            sort,
            place,
            EXPORT_CHUNK,
            looking=filters.searches,
        )
        ids = [row[0] for row in read if row[2]]
        rows = own.among(ids).values_list(*READ_COLUMNS)
        by_id = {row[0]: row for row in rows}
        yield [by_id[pk] for pk in ids if pk in by_id]
        if len(read) < EXPORT_CHUNK:
            return
        place = Cursor(sort.column, read[-1][1], read[-1][0])


def csv_lines(
    organisation: Organisation, filters: Filters, sort: Sort = NEWEST_FIRST
) -> Iterator[bytes]:
    """Yield the file in pieces. The first holds rows: it can fail before any byte left."""
    head = BYTE_ORDER_MARK + lines([COLUMNS])
    names: dict[int, str] = {}
    for chunk in export_chunks(organisation, filters, sort):
        _learn_names(names, {row[9] for row in chunk if row[9] is not None})
        if head or chunk:
            yield (head + lines([_cells(row, names) for row in chunk])).encode()
        head = ""


def _learn_names(names: dict[int, str], people: set[int]) -> None:
    missing = people - names.keys()
    if missing:
        for person in User.objects.filter(pk__in=missing).only("name", "email"):
            names[person.pk] = person.shown_name


def _cells(row: tuple[Any, ...], names: dict[int, str]) -> tuple[str, ...]:
    answers = row[4]
    return (
        row[1],
        row[2],
        row[3],
        str(answers.get("first_name") or ""),
        str(answers.get("last_name") or ""),
        str(answers.get("email") or ""),
        str(answers.get("phone") or ""),
        str(answers.get("tax_number") or ""),
        row[5],
        row[6],
        _moment(row[7]),
        _moment(row[8]) if row[8] else "",
        names.get(row[9], ""),
        row[10],
    )


def _moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def audit_lines(organisation: Organisation, filters: AuditFilters) -> Iterator[bytes]:
    """Yield the audit trail as CSV in pieces, newest first, under the same rules.

    Each piece is a query of its own, as in export_chunks().
    """
    head = BYTE_ORDER_MARK + lines([AUDIT_COLUMNS])
    names: dict[int, str] = {}
    cursor: Cursor | None = None
    while True:
        events = AuditEvent.objects.of(organisation.pk, filters, cursor)
        chunk = list(events[:AUDIT_CHUNK])
        _learn_names(names, {event.actor_id for event in chunk if event.actor_id})
        if head or chunk:
            yield (head + lines([_audit_cells(each, names) for each in chunk])).encode()
        if not chunk:
            return
        head = ""
        cursor = Cursor.at(chunk[-1], LATEST_FIRST)


def _audit_cells(event: AuditEvent, names: dict[int, str]) -> tuple[str, ...]:
    return (
        str(event.pk),
        _moment(event.at),
        str(event.actor_id or ""),
        names.get(event.actor_id or 0, ""),
        event.actor_label,
        event.action,
        event.object_type,
        event.object_id,
        json.dumps(event.detail, sort_keys=True),
    )
