"""What an import has come to: its progress, the rows to correct, and the template to fill in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count

from clients_app.imports.columns import REASON, REFERENCE, TYPE
from clients_app.imports.drafts import table_of
from clients_app.imports.rows import CHUNK, checked_rows
from clients_app.models import (
    PAUSED_UNTIL,
    CsvImport,
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


def progress(csv_import: CsvImport) -> Progress:
    """Count an import's clients by status. Two queries."""
    rows = Submission.objects.filter(imported_row__csv_import=csv_import)
    pairs = rows.order_by().values_list("status").annotate(count=Count("pk"))
    by_status = {str(status): count for status, count in pairs}
    waiting = sum(
        by_status.get(status, 0)
        for status in (Status.QUEUED, Status.SENDING, Status.UNCERTAIN)
    )
    left = max(0, csv_import.total - csv_import.done) if _is_storing(csv_import) else 0
    ahead = 0
    if waiting:
        ahead = csv_import.organisation.submissions.filter(
            status=Status.QUEUED, not_before__lt=PAUSED_UNTIL
        ).count()
    calls, per = settings.HEFFL_RATE_LIMIT
    seconds = (max(waiting, ahead) + left) * per / max(1, calls)
    return Progress(by_status, waiting, round(seconds) if waiting + left else 0)


def _is_storing(csv_import: CsvImport) -> bool:
    return csv_import.state in (ImportState.STORING, ImportState.PAUSED)


def failed_rows(csv_import: CsvImport) -> Iterator[list[str]]:
    """Yield the rows to correct, header first: faulty ones, and those Heffl refused.

    Each ends with its reference (empty for a row that made no client) and the reasons.
    """
    table = None
    if csv_import.content is not None:
        table = table_of(csv_import)
    names = [name for name in csv_import.columns if name and name != REFERENCE]
    if TYPE not in names:
        names.insert(0, TYPE)
    yield [*names, REFERENCE, REASON]
    places = {name: at for at, name in enumerate(csv_import.columns) if name}
    if table:
        for row in checked_rows(csv_import, table):
            if not row.problems:
                continue
            told = "; ".join(f"{column}: {words}" for column, words in row.problems)
            cells = [
                row.cells[places[name]] if name in places else csv_import.default_type
                for name in names
            ]
            yield [*cells, row.reference, told]
    refused = Submission.objects.filter(
        imported_row__csv_import=csv_import, status=Status.NEEDS_FIX
    ).order_by("imported_row__line")
    for submission in refused.iterator(CHUNK):
        given = submission.answers
        cells = [
            submission.type if name == TYPE else _shown(given.get(name))
            for name in names
        ]
        yield [*cells, str(submission.uuid), submission.message or submission.problem]


def _shown(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return str(value)


def template_rows(organisation: Organisation) -> list[list[str]]:
    """Return the template to fill in: a header and one made-up row of each type."""
    extra = custom_fields.specs_for(organisation)
    names = [TYPE, *(spec.name for spec in (*QUESTIONS, *extra))]
    company = {
        "type": "company",
        "name": "Example Trading LLC",
        "website": "example.com",
    }
    contact = {
        "type": "contact",
        "first_name": "Mariam",
        "last_name": "Example",
        "phone": "+971501234567",
        "email": "mariam@example.com",
    }
    return [
        names,
        *([row.get(name, "") for name in names] for row in (company, contact)),
    ]
