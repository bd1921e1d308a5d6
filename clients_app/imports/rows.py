"""The rows of a file, checked as the form would, and what loading them would come to.

A row becomes a submission under a token made of what it says, so that the same row loaded
again, from whichever file, is the submission it made before. Nothing is stored here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from clients_app.heffl.contract import Answer, ClientType
from clients_app.imports.columns import REFERENCE, TYPE, spelled, targets
from clients_app.imports.drafts import table_of
from clients_app.imports.sheets import Table
from clients_app.models import CsvImport, Organisation, Source, Status, Submission
from clients_app.questions import answers, custom_fields, fields
from clients_app.questions.fields import QUESTIONS, questions_for

CHUNK = 100
SHOWN = 200
"""So many problems are shown on the page; the file of failed rows holds all of them."""


@dataclass(slots=True)
class Row:
    """One row checked: either fit to store under `token`, or with problems."""

    line: int
    cells: list[str]
    client_type: str = ""
    answers: dict[str, Answer] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    token: str = ""
    reference: str = ""


def checked_rows(draft: CsvImport, table: Table) -> Iterator[Row]:
    """Check every row as the form would: answers.check(), after spellings of files."""
    organisation = draft.organisation
    extra = custom_fields.specs_for(organisation)
    labels = dict(targets(extra))
    kinds = {spec.name: spec.kind for spec in (*QUESTIONS, *extra)}
    allowed = {
        client_type.value: {spec.name for spec in questions_for(client_type, extra)}
        for client_type in ClientType
    }
    places = [(at, name) for at, name in enumerate(draft.columns) if name]
    for line, cells in table.rows:
        row = Row(line, cells)
        posted: dict[str, object] = {TYPE: draft.default_type}
        for at, name in places:
            value = cells[at] if at < len(cells) else ""
            if value:
                posted[name] = spelled(name, value, kinds.get(name))
        odd = table.odd.get(line, {})
        for at, words in odd.items():
            used = at >= len(draft.columns) or draft.columns[at]
            if used:
                header = table.headers[at] if at < len(table.headers) else ""
                row.problems.append((header, words))
        row.reference = str(posted.pop(REFERENCE, "")).strip()
        found = answers.check(posted, region=organisation.country, extra=extra)
        row.client_type = found.client_type.value
        row.answers = found.answers
        bad = {table.headers[at] for at in odd if at < len(table.headers)}
        for question, words in found.faults.items():
            name = {"display_name": "name", "emirate": fields.STATE}.get(
                question, question
            )
            if name in draft.columns:
                column = table.headers[draft.columns.index(name)]
            else:
                column = labels.get(name, name)
            if column not in bad:
                row.problems.append((column, words))
        left_out = [
            labels[name]
            for name in posted
            if name != TYPE and name not in allowed[row.client_type]
        ]
        if left_out and not row.problems:
            row.notes.append(
                _("Left out, it does not apply to this type: {labels}").format(
                    labels=", ".join(left_out)
                )
            )
        if not row.problems:
            row.token = token_of(organisation, row.client_type, row.answers)
        yield row


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
    """What loading a file would come to. `problems` and `notes` are (line, column, words)."""

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


def dry_run(draft: CsvImport) -> DryRun:
    """Check a whole file without storing anything. Raises SheetError."""
    table = table_of(draft)
    result = DryRun(total=len(table.rows), empty_rows=table.empty_rows)
    earlier = CsvImport.objects.filter(
        organisation=draft.organisation, sha256=draft.sha256, started_at__isnull=False
    ).exclude(pk=draft.pk)
    result.loaded_before = (
        earlier.order_by("-started_at").values_list("started_at", flat=True).first()
    )
    first: dict[str, int] = {}
    references = AwaitingCorrection(draft.organisation)
    for row in checked_rows(draft, table):
        if row.reference and (words := references.trouble(row.reference)):
            row.problems.append((_("Portal reference"), words))
        if row.problems:
            result.faulty += 1
            for column, words in row.problems:
                if len(result.problems) < SHOWN:
                    result.problems.append((row.line, column, words))
                else:
                    result.more_problems += 1
            continue
        if len(result.notes) < SHOWN:
            result.notes += [(row.line, "", words) for words in row.notes]
        if row.reference:
            result.corrections += 1
        elif row.token in first:
            result.twins += 1
            if len(result.notes) < SHOWN:
                words = _("Says the same as line {line} and is loaded once.")
                note = words.format(line=first[row.token])
                result.notes.append((row.line, "", note))
        else:
            first[row.token] = row.line
    used = _used(draft.organisation, list(first))
    result.known = len(used)
    for token in sorted(used, key=first.__getitem__):
        if len(result.notes) < SHOWN:
            words = _("Was loaded before and is not loaded again.")
            result.notes.append((first[token], "", words))
    result.notes.sort()
    result.ready = len(first) - len(used) + result.corrections
    return result


def _used(organisation: Organisation, tokens: list[str]) -> set[str]:
    found: set[str] = set()
    for at in range(0, len(tokens), CHUNK):
        rows = organisation.submissions.filter(
            submission_token__in=tokens[at : at + CHUNK]
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
        """Return the submission that still waits to be corrected."""
        if self._found is None:
            rows = self._organisation.submissions.filter(
                status=Status.NEEDS_FIX, source=Source.IMPORT
            )
            if self._among is not None:
                rows = rows.filter(uuid__in=[*filter(None, map(_uuid, self._among))])
            self._found = {str(row.uuid): row for row in rows.order_by("-id")[:10_000]}
        return self._found.get(reference.lower())

    def trouble(self, reference: str) -> str:
        """Return why a row with this reference cannot be loaded, or ""."""
        if reference in self._seen:
            return _("Another row has the same reference.")
        self._seen.add(reference)
        if self.get(reference) is None:
            return _("Nothing waits to be corrected under this reference any more.")
        return ""
