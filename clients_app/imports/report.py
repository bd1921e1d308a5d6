"""What an import tells and hands out: progress, the rows to correct, the template to fill in."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count
from openpyxl import Workbook

from clients_app.imports.columns import REASON, REFERENCE, TYPE
from clients_app.imports.drafts import table_of
from clients_app.imports.rows import IN_ONE_QUERY, checked_rows
from clients_app.imports.table import SheetError
from clients_app.models import (
    PAUSED_UNTIL,
    FileImport,
    ImportState,
    Organisation,
    Status,
    Submission,
)
from clients_app.questions import custom_fields
from clients_app.questions.fields import QUESTIONS


@dataclass(frozen=True)
class Progress:
    """How far an import is: its clients by status, and seconds until the last is sent."""

    by_status: dict[str, int]
    waiting: int
    seconds_left: int

    @property
    def total(self) -> int:
        """Return how many clients there are."""
        return sum(self.by_status.values())

    @property
    def settled(self) -> int:
        """Return how many of them are sent or closed, or wait for a person."""
        return self.total - self.waiting


def progress(file_import: FileImport) -> Progress:
    """Count an import's clients by status, and estimate when the last is sent. Two queries.

    The estimate takes one place of the organisation's rate limit for each client that
    waits, also for those of others that go first, and for each row to be loaded.
    """
    rows = Submission.objects.filter(imported_row__file_import=file_import)
    pairs = rows.order_by().values_list("status").annotate(count=Count("pk"))
    by_status = {str(status): count for status, count in pairs}
    waiting = sum(
        by_status.get(status, 0)
        for status in (Status.QUEUED, Status.SENDING, Status.UNCERTAIN)
    )
    left = 0
    if file_import.state in (ImportState.STORING, ImportState.PAUSED):
        left = max(0, file_import.total - file_import.done)
    ahead = 0
    if waiting:
        ahead = file_import.organisation.submissions.filter(
            status=Status.QUEUED, not_before__lt=PAUSED_UNTIL
        ).count()
    calls, per = settings.HEFFL_RATE_LIMIT
    seconds = (max(waiting, ahead) + left) * per / max(1, calls)
    return Progress(by_status, waiting, round(seconds) if waiting + left else 0)


def failed_rows(file_import: FileImport) -> Iterator[list[str]]:
    """Yield the rows to correct, header first: faulty ones, and those Heffl refused.

    Each ends with its reference (empty for a row that made no client) and the reasons.
    Faulty ones are left out once the file is no longer kept.
    """
    names = [name for name in file_import.columns if name and name != REFERENCE]
    if TYPE not in names:
        names.insert(0, TYPE)
    yield [*names, REFERENCE, REASON]
    with suppress(SheetError):
        yield from _faulty_rows(file_import, names)
    yield from _refused_rows(file_import, names)


def _faulty_rows(file_import: FileImport, names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the rows that made no client, as they are in the file."""
    places = {name: at for at, name in enumerate(file_import.columns) if name}
    try:
        table = table_of(file_import)
    except SheetError:
        return  # damaged, which is as good as not kept
    for row in checked_rows(file_import, table.headers, table.rows()):
        if not row.problems:
            continue
        told = "; ".join(f"{column}: {words}" for column, words in row.problems)
        cells = [
            row.cells[places[name]] if name in places else file_import.default_type
            for name in names
        ]
        yield [*cells, row.reference, told]


def _refused_rows(file_import: FileImport, names: Sequence[str]) -> Iterator[list[str]]:
    """Yield the clients that Heffl refused, as they were stored."""
    refused = Submission.objects.filter(
        imported_row__file_import=file_import, status=Status.NEEDS_FIX
    ).order_by("imported_row__line")
    for submission in refused.iterator(IN_ONE_QUERY):
        said = {**submission.answers, TYPE: submission.type}
        cells = [_as_cell(said.get(name)) for name in names]
        yield [*cells, str(submission.uuid), submission.message or submission.problem]


def _as_cell(answer: object) -> str:
    """Return a stored answer so that spelled() and the check read the same out of it."""
    if answer is None:
        return ""
    if isinstance(answer, bool):
        return "yes" if answer else "no"
    if isinstance(answer, list):
        return "; ".join(map(str, answer))
    return str(answer)


def template_rows(organisation: Organisation) -> list[list[str]]:
    """Return the template to fill in: a header and one made-up row of each type."""
    extra = custom_fields.specs_for(organisation)
    names = [TYPE, *(spec.name for spec in (*QUESTIONS, *extra))]
    company = {
        TYPE: "company",
        "name": "Example Trading LLC",
        "website": "example.com",
    }
    contact = {
        TYPE: "contact",
        "first_name": "Mariam",
        "last_name": "Example",
        "phone": "+971501234567",
        "email": "mariam@example.com",
    }
    return [
        names,
        *([row.get(name, "") for name in names] for row in (company, contact)),
    ]


def workbook(rows: Iterable[list[str]]) -> bytes:
    """Return rows as an XLSX file of one sheet."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Clients")
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
