"""The rows of a file, checked as the form would, and what loading them would come to.

A row becomes a submission under a token made of what it says, so that the same row loaded
again, from whichever file, is the submission it made before. Nothing is stored here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from clients_app.heffl.contract import Answer, ClientType
from clients_app.imports.columns import REFERENCE, TYPE, spelled, targets
from clients_app.imports.drafts import table_of
from clients_app.imports.table import Meter, TableRow
from clients_app.models import FileImport, Organisation, Source, Status, Submission
from clients_app.questions import answers, custom_fields, posted
from clients_app.questions.fields import QUESTIONS, questions_for

IN_ONE_QUERY = 100
"""So many tokens or ids at most are named in one query."""
SHOWN = 200
"""So many problems are shown on the page; the file of failed rows holds all of them."""

# A fault may carry the name of the second question of a pair; columns have the first.
_INPUT_NAMES = {
    question: name for name, pair in posted.TWINS.items() for question in pair
}


@dataclass(slots=True)
class Row:
    """One row checked: either fit to store under `token`, or with problems.

    `line` is its line in the file; `problems` are pairs of column and words.
    """

    line: int
    cells: list[str]
    client_type: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    token: str = ""
    reference: str = ""


def checked_rows(
    draft: FileImport, headers: Sequence[str], rows: Iterable[TableRow]
) -> Iterator[Row]:
    """Check every row as the form would: answers.check(), after spellings of files.

    One query, at the first row. Words are in the language that is active then.
    """
    check = _RowCheck(draft, headers)
    for row in rows:
        yield check.row(row)


class _RowCheck:
    """The check of one file's rows; holds what is the same for all of them."""

    def __init__(self, draft: FileImport, headers: Sequence[str]) -> None:
        self._organisation = draft.organisation
        self._default_type = draft.default_type
        self._columns: list[str] = draft.columns
        self._headers = headers
        self._extra = custom_fields.specs_for(draft.organisation)
        self._labels = dict(targets(self._extra))
        self._kinds = {spec.name: spec.kind for spec in (*QUESTIONS, *self._extra)}
        self._allowed = {
            client_type: {spec.name for spec in questions_for(client_type, self._extra)}
            for client_type in ClientType
        }

    def row(self, given: TableRow) -> Row:
        """Check one row: its cells as such, then what they say together."""
        posted = self._posted(given.cells)
        reference = str(posted.pop(REFERENCE, "")).strip()
        found = answers.check(
            posted, region=self._organisation.country, extra=self._extra
        )
        row = Row(given.line, given.cells, found.client_type.value, found.answers)
        row.reference = reference
        odd = given.odd
        row.problems = [*self._odd_cells(odd), *self._faults(odd, found.faults)]
        if not row.problems:
            row.notes = self._left_out(posted, found.client_type)
            row.token = token_of(self._organisation, row.client_type, row.answers)
        return row

    def _posted(self, cells: Sequence[str]) -> dict[str, object]:
        """Return what a form with these answers would post."""
        posted: dict[str, object] = {TYPE: self._default_type}
        for name, value in zip(self._columns, cells, strict=False):
            if name and value:
                posted[name] = spelled(name, value, self._kinds.get(name))
        return posted

    def _odd_cells(self, odd: Mapping[int, str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with cells as such, in columns that are loaded."""
        for at, words in odd.items():
            if at >= len(self._columns) or self._columns[at]:
                yield self._header(at), words

    def _faults(
        self, odd: Mapping[int, str], faults: Mapping[str, str]
    ) -> Iterator[tuple[str, str]]:
        """Yield the faults by column; a cell that is wrong as such has been told of."""
        told = {self._header(at) for at in odd}
        for question, words in faults.items():
            name = _INPUT_NAMES.get(question, question)
            if name in self._columns:
                column = self._header(self._columns.index(name))
            else:
                column = self._labels.get(name, name)
            if column not in told:
                yield column, words

    def _left_out(self, posted: Iterable[str], client_type: ClientType) -> list[str]:
        """Return a note on the answers that this type of client has no question for.

        A question may have been taken out of use since its column was chosen.
        """
        labels = [
            self._labels.get(name, name)
            for name in posted
            if name != TYPE and name not in self._allowed[client_type]
        ]
        if not labels:
            return []
        words = _("Left out, it does not apply to this type: {labels}")
        return [words.format(labels=", ".join(labels))]

    def _header(self, at: int) -> str:
        """Return the name of a column as the file has it, "" beyond the last."""
        return self._headers[at] if at < len(self._headers) else ""


def token_of(
    organisation: Organisation, client_type: str, given: Mapping[str, Answer]
) -> str:
    """Return the token of a row: the same for the same organisation and answers."""
    said = json.dumps([client_type, given], sort_keys=True, ensure_ascii=False)
    key = f"{organisation.pk}\x00{said}"
    mark = salted_hmac("clients_app.imports", key, algorithm="sha256").hexdigest()
    return f"import-{mark[:48]}"


@dataclass
class DryRun:
    """What loading a file would come to. `problems` and `notes` are (line, column, words).

    Of `total` rows, `faulty` have problems (`more_problems` are not listed),
    `corrections` correct a submission, `twins` say the same as an earlier one, and
    `known` were loaded before. `ready` would be loaded. `loaded_before` is when this
    very file was, if ever.
    """

    total: int = 0
    ready: int = 0
    faulty: int = 0
    known: int = 0
    twins: int = 0
    corrections: int = 0
    empty_rows: int = 0
    problems: list[tuple[int, str, str]] = field(default_factory=list)
    notes: list[tuple[int, str, str]] = field(default_factory=list)
    more_problems: int = 0
    loaded_before: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as from_json() takes it."""
        before = self.loaded_before
        told = asdict(self)
        return {**told, "loaded_before": before.isoformat() if before else None}

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> DryRun:
        """Return what as_json() told."""
        before = told["loaded_before"]
        result = cls(**told)
        result.loaded_before = datetime.fromisoformat(before) if before else None
        return result

    def add_problems(self, row: Row) -> None:
        """Keep why a row cannot be loaded; beyond SHOWN of them only count."""
        room = max(0, SHOWN - len(self.problems))
        told = [(row.line, column, words) for column, words in row.problems]
        self.problems += told[:room]
        self.more_problems += len(told[room:])

    def add_note(self, line: int, words: str) -> None:
        """Keep a note on a line that will be loaded; beyond SHOWN of them forget it."""
        if len(self.notes) < SHOWN:
            self.notes.append((line, "", words))


def dry_run(draft: FileImport, meter: Meter | None = None) -> DryRun:
    """Check a whole file without storing anything. Raises SheetError."""
    meter = meter or Meter()
    table = table_of(draft)
    result = DryRun(
        total=table.total,
        empty_rows=table.empty_rows,
        loaded_before=_loaded_before(draft),
    )
    first: dict[str, int] = {}  # the line in which a token stands first
    references = AwaitingCorrection(draft.organisation)
    for at, row in enumerate(checked_rows(draft, table.headers, table.rows())):
        meter.at(at, table.total)
        if row.reference and (words := references.trouble(row.reference)):
            row.problems.append((_("Portal reference"), words))
        if row.problems:
            result.faulty += 1
            result.add_problems(row)
            continue
        for words in row.notes:
            result.add_note(row.line, words)
        if row.reference:
            result.corrections += 1
        elif row.token in first:
            result.twins += 1
            words = _("Says the same as line {line} and is loaded once.")
            result.add_note(row.line, words.format(line=first[row.token]))
        else:
            first[row.token] = row.line
    known = _known_tokens(draft.organisation, list(first))
    for token in sorted(known, key=first.__getitem__):
        result.add_note(first[token], _("Was loaded before and is not loaded again."))
    result.notes.sort()
    result.known = len(known)
    result.ready = len(first) - len(known) + result.corrections
    return result


def _loaded_before(draft: FileImport) -> datetime | None:
    """Return when this very file, byte for byte, was last loaded."""
    earlier = FileImport.objects.filter(
        organisation=draft.organisation, sha256=draft.sha256, started_at__isnull=False
    ).exclude(pk=draft.pk)
    started = earlier.order_by("-started_at").values_list("started_at", flat=True)
    return started.first()


def _known_tokens(organisation: Organisation, tokens: list[str]) -> set[str]:
    found: set[str] = set()
    for at in range(0, len(tokens), IN_ONE_QUERY):
        rows = organisation.submissions.filter(
            submission_token__in=tokens[at : at + IN_ONE_QUERY]
        )
        found.update(rows.values_list("submission_token", flat=True))
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


class AwaitingCorrection:
    """The submissions of an organisation that a corrected row may name. One query."""

    def __init__(
        self, organisation: Organisation, among: Iterable[str] | None = None
    ) -> None:
        """Look at all of them, or at those `among` these references."""
        self._organisation = organisation
        self._among = among
        self._found: dict[str, Submission] | None = None
        self._seen: set[str] = set()

    def get(self, reference: str) -> Submission | None:
        """Return the submission that still waits to be corrected, by its uuid in any case."""
        if self._found is None:
            rows = self._organisation.submissions.filter(
                status=Status.NEEDS_FIX, source=Source.IMPORT
            )
            if self._among is not None:
                rows = rows.filter(uuid__in=[*filter(None, map(_uuid, self._among))])
            self._found = {str(row.uuid): row for row in rows.order_by("-id")[:10_000]}
        return self._found.get(reference.lower())

    def trouble(self, reference: str) -> str:
        """Return why a row with this reference cannot be loaded, or "".

        Ask once for each row: a reference that was asked about before is a second
        row's.
        """
        if reference in self._seen:
            return _("Another row has the same reference.")
        self._seen.add(reference)
        if self.get(reference) is None:
            return _("Nothing waits to be corrected under this reference any more.")
        return ""
