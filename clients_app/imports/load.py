"""Clients out of a file: columns and what they mean, a dry run, and loading in chunks.

A row becomes a submission under a token made of what it says, so that the same row loaded
again, from whichever file, is the submission it made before. A chunk and the counter that
says how far the import is are one commit: whoever dies in between leaves nothing half done.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.utils import timezone, translation
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _

from clients_app import audit
from clients_app.delivery.wakeups import wake_organisation
from clients_app.heffl.contract import Answer, ClientType, FieldKind
from clients_app.imports import sheets
from clients_app.imports.sheets import SheetError, Table
from clients_app.intake.submissions import Filled, revise, submit_many
from clients_app.models import (
    PAUSED_UNTIL,
    CsvImport,
    ImportedRow,
    ImportState,
    Lane,
    Organisation,
    Source,
    Status,
    Submission,
    User,
)
from clients_app.questions import answers, custom_fields, fields
from clients_app.questions.countries import COUNTRIES
from clients_app.questions.fields import QUESTIONS, Question, questions_for
from clients_app.questions.matching import normalised

CHUNK = 100
AT_ONCE = 25
"""Rows stored in one transaction: a desk that submits meanwhile waits for them."""
PAUSE = 0.03
"""Seconds between two of those, in which a desk gets its turn with the database."""
AT_A_STRETCH = 5.0
KEEP_DRAFT = timedelta(days=1)
KEEP_DONE = timedelta(days=14)
SHOWN = 200
"""So many problems are shown on the page; the file of failed rows holds all of them."""

TYPE = "type"
REFERENCE = "portal_reference"
"""The column by which a corrected row finds the submission it corrects."""
REASON = "problem"

# What people call their columns, besides our own labels in each language and API names.
SYNONYMS: dict[str, tuple[str, ...]] = {
    TYPE: ("client type", "customer type", "kind", "category", "نوع العميل", "النوع"),
    "name": (
        *("company", "company name", "client", "client name", "customer"),
        *("customer name", "account name", "business name", "organisation"),
        *("organization", "trade name", "full name", "display name"),
        *("اسم العميل", "الاسم", "الشركة", "الاسم التجاري"),
    ),
    "first_name": ("first", "given name", "forename", "الاسم الاول"),
    "last_name": ("last", "surname", "family name", "العائلة", "اسم العائلة", "اللقب"),
    "phone": (
        *("mobile", "mobile number", "mobile phone", "phone number", "tel", "cell"),
        *("telephone", "whatsapp", "contact number", "cell phone", "gsm"),
        *("الجوال", "رقم الجوال", "رقم الهاتف", "الموبايل", "هاتف", "المحمول"),
    ),
    "email": (
        *("e mail", "mail", "email address", "e mail address"),
        *("البريد", "الايميل", "بريد الكتروني", "عنوان البريد الإلكتروني"),
    ),
    "job_title": ("position", "title", "role", "job", "الوظيفة", "المنصب"),
    "salutation": ("prefix", "honorific", "mr mrs", "التحية"),
    "website": ("web", "url", "site", "homepage", "web site", "موقع"),
    "tax_number": (
        *("trn", "vat", "vat number", "vat no", "tax id", "tax no", "tin", "vat id"),
        *("tax registration number", "الرقم الضريبي", "رقم التسجيل الضريبي"),
    ),
    "opening_balance": ("balance", "amount due", "due", "outstanding", "الرصيد"),
    "billing_address__address": ("street", "address line 1", "billing address"),
    "billing_address__city": ("city", "town", "area", "المدينة"),
    "billing_address__state": (
        *("state", "province", "emirate", "region", "governorate", "municipality"),
        *("الامارة", "المنطقة", "المحافظة", "البلدية"),
    ),
    "billing_address__country": ("country code", "nation", "البلد"),
    "billing_address__postal_code": (
        *("zip", "zip code", "postcode", "post code", "po box code"),
    ),
    REFERENCE: (),
}
_TYPES = {
    **dict.fromkeys(("company", "business", "organisation", "organization"), "company"),
    **dict.fromkeys(("شركة", "الشركة", "منشأة", "مؤسسة"), "company"),
    **dict.fromkeys(("contact", "person", "individual", "people"), "contact"),
    **dict.fromkeys(("جهة اتصال", "شخص", "فرد", "عميل فرد"), "contact"),
}
_YES_NO = {"نعم": "yes", "y": "yes", "لا": "no", "n": "no"}


def _plain(text: str) -> str:
    """Return a column's name as it is compared: letters and digits, single blanks."""
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", text)
    bare = re.sub(r"[\u064b-\u0652\u0640]", "", normalised(split))
    bare = bare.translate({ord("أ"): "ا", ord("إ"): "ا", ord("آ"): "ا"})
    return " ".join(re.findall(r"[^\W_]+", bare))


@lru_cache(maxsize=1)
def _known_names() -> dict[str, str]:
    found: dict[str, str] = {}
    for language in ("en", "ar"):
        with translation.override(language):
            for client_type in ClientType:
                for spec in questions_for(client_type):
                    found.setdefault(_plain(_(spec.label)), spec.name)
            found.setdefault(_plain(_("Client type")), TYPE)
    for spec in QUESTIONS:
        found.setdefault(_plain(spec.name), spec.name)
        found.setdefault(_plain(spec.api_path[-1]), spec.name)
        found.setdefault(_plain(".".join(spec.api_path)), spec.name)
    for name, others in SYNONYMS.items():
        for word in (name, *others):
            found.setdefault(_plain(word), name)
    return found


@lru_cache(maxsize=1)
def _arabic_countries() -> dict[str, str]:
    with translation.override("ar"):
        return {_plain(_(name)): name for name in COUNTRIES.values()}


def targets(extra: Sequence[Question]) -> list[tuple[str, str]]:
    """Return what a column can be: pairs of name and label, in form order."""
    found = [(TYPE, _("Client type"))]
    names = {name for name, _label in found}
    for client_type in ClientType:
        for spec in questions_for(client_type, extra):
            if spec.name not in names:
                names.add(spec.name)
                label = fields.label_of(spec)
                if spec.name == "name":
                    label = _("Company or display name")
                found.append((spec.name, label))
    found.append((REFERENCE, _("Portal reference")))
    return found


def guess_columns(headers: Sequence[str], extra: Sequence[Question]) -> list[str]:
    """Return for each header what it most likely is ("" for nothing), each name once."""
    known = dict(_known_names())
    for spec in extra:
        known[_plain(spec.name)] = spec.name
        known.setdefault(_plain(spec.label), spec.name)
    taken: set[str] = set()
    found = []
    for header in headers:
        name = known.get(_plain(header), "")
        if name in taken:
            name = ""
        taken.add(name)
        found.append(name)
    return found


def upload(
    organisation: Organisation, file_name: str, data: bytes, *, user: User | None
) -> CsvImport:
    """Keep an uploaded file as a draft. Raises SheetError, and keeps nothing then."""
    kind = sheets.kind_of(data)
    draft = CsvImport(
        organisation=organisation,
        created_by=user,
        file_name=re.sub(r"[^\w .()-]", "_", file_name)[-120:] or "clients",
        sha256=hashlib.sha256(data).hexdigest(),
        kind=kind,
    )
    if kind == "xlsx":
        table = sheets.read_xlsx(data)
        packed = [table.headers, table.rows, table.empty_rows]
        odd = [[line, list(cells.items())] for line, cells in table.odd.items()]
        data = json.dumps([*packed, odd]).encode()
    else:
        draft.encoding = sheets.guess_encoding(data)
        draft.delimiter = sheets.guess_delimiter(sheets.decoded(data, draft.encoding))
        table = sheets.read_csv(data, draft.encoding, draft.delimiter)
    draft.content = zlib.compress(data, 3)
    draft.total = len(table.rows)
    _guess(draft, table)
    draft.save()
    return draft


def _guess(draft: CsvImport, table: Table) -> None:
    extra = custom_fields.specs_for(draft.organisation)
    draft.columns = guess_columns(table.headers, extra)
    found = set(draft.columns)
    person = found & {"first_name", "last_name", "email"} and "name" not in found
    draft.default_type = ClientType.CONTACT if person else ClientType.COMPANY


def table_of(draft: CsvImport) -> Table:
    """Return an import's file as a table. Raises SheetError."""
    if draft.content is None:
        raise SheetError(_("The file is no longer kept. Choose it again."))
    data = zlib.decompress(bytes(draft.content))
    if draft.kind != "xlsx":
        return sheets.read_csv(data, draft.encoding, draft.delimiter)
    headers, rows, empty_rows, odd = json.loads(data)
    return Table(
        headers,
        [(line, cells) for line, cells in rows],
        {line: dict(cells) for line, cells in odd},
        empty_rows,
    )


def read_again(draft: CsvImport, encoding: str, delimiter: str) -> Table:
    """Read a CSV draft in another way and guess its columns anew. Raises SheetError."""
    before = draft.encoding, draft.delimiter
    draft.encoding = encoding if encoding in sheets.ENCODINGS else draft.encoding
    draft.delimiter = delimiter if delimiter in sheets.DELIMITERS else draft.delimiter
    try:
        table = table_of(draft)
    except SheetError:
        draft.encoding, draft.delimiter = before
        raise
    draft.total = len(table.rows)
    _guess(draft, table)
    draft.save()
    return table


def choose_columns(
    draft: CsvImport, columns: Sequence[str], default_type: str
) -> list[str]:
    """Store what each column is. Returns what is wrong with the choice, storing nothing."""
    extra = custom_fields.specs_for(draft.organisation)
    labels = dict(targets(extra))
    chosen = [name if name in labels else "" for name in columns]
    twice = [name for name, count in Counter(chosen).items() if name and count > 1]
    wrong = [
        _("Two columns are both “{label}”. Choose one of them.").format(
            label=labels[name]
        )
        for name in twice
    ]
    if not {"name", "first_name"} & set(chosen):
        wrong.append(_("Choose the column that holds the name."))
    if not wrong:
        draft.columns = chosen
        if default_type in ("company", "contact"):
            draft.default_type = default_type
        draft.save(update_fields=["columns", "default_type"])
    return wrong


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
                posted[name] = _spelled(name, value, kinds.get(name))
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


def _spelled(name: str, value: str, kind: FieldKind | None) -> object:
    """Return a cell in the form's own spelling where files have another."""
    if name == TYPE:
        return _TYPES.get(normalised(value), value)
    if kind is FieldKind.YES_NO:
        return _YES_NO.get(normalised(value), value)
    if kind is FieldKind.OPTIONS:
        return [part.strip() for part in re.split(r"[;؛|\n]", value) if part.strip()]
    if kind is FieldKind.COUNTRY and not value.isascii():
        return _arabic_countries().get(_plain(value), value)
    return value


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
    references = _Open(draft.organisation)
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


class _Open:
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


class NotNow(Exception):
    """The import is not in a state in which this can be done: somebody was faster."""


def _move(
    draft: CsvImport, state: ImportState, *before: ImportState, **columns: Any
) -> None:
    """Change the state; raise NotNow where it is none of `before`."""
    mine = CsvImport.objects.filter(pk=draft.pk, state__in=before)
    if not mine.update(state=state, **columns):
        raise NotNow
    draft.state = state


def start(draft: CsvImport, *, user: User, now: datetime | None = None) -> None:
    """Have the worker load the rows without a problem. Raises NotNow."""
    now = now or timezone.now()
    with transaction.atomic():
        _move(draft, ImportState.STORING, ImportState.DRAFT, started_at=now)
        audit.record(
            "import.started",
            organisation=draft.organisation,
            actor=user,
            about=draft,
            detail={"rows": draft.total},
        )


def pause(csv_import: CsvImport, *, user: User) -> None:
    """Stop loading and sending; what is under way is finished. Raises NotNow."""
    with transaction.atomic():
        _move(
            csv_import,
            ImportState.PAUSED,
            ImportState.STORING,
            ImportState.STORED,
        )
        _unsent(csv_import).update(not_before=PAUSED_UNTIL)
        _note("import.paused", csv_import, user)


def resume(csv_import: CsvImport, *, user: User, now: datetime | None = None) -> None:
    """Go on with a paused import. Raises NotNow."""
    now = now or timezone.now()
    with transaction.atomic():
        all_stored = csv_import.finished_at is not None
        state = ImportState.STORED if all_stored else ImportState.STORING
        _move(csv_import, state, ImportState.PAUSED)
        _unsent(csv_import).filter(not_before=PAUSED_UNTIL).update(not_before=now)
        _note("import.resumed", csv_import, user)
        wake_organisation(csv_import.organisation, now, lane=Lane.IMPORT)


def cancel(csv_import: CsvImport, *, user: User, now: datetime | None = None) -> int:
    """Load no more and drop what has not been sent; returns how many. Raises NotNow.

    A client that was sent, or may have been, goes its own way to an end: only those that
    no call was ever made for are dropped, each with its line in the audit.
    """
    now = now or timezone.now()
    with transaction.atomic():
        _move(
            csv_import,
            ImportState.CANCELLED,
            *(ImportState.STORING, ImportState.PAUSED, ImportState.STORED),
            finished_at=now,
        )
        rows = list(_unsent(csv_import).filter(fence=0).only("id", "uuid", "type"))
        dropped = []
        for at in range(0, len(rows), CHUNK):
            part = rows[at : at + CHUNK]
            still = Submission.objects.filter(
                pk__in=[row.pk for row in part], status=Status.QUEUED, fence=0
            )
            ids = set(still.select_for_update().values_list("pk", flat=True))
            Submission.objects.filter(pk__in=ids).update(
                status=Status.DROPPED,
                closed_reason=_("The import was cancelled before this was sent."),
            )
            dropped += [row for row in part if row.pk in ids]
        _unsent(csv_import).filter(not_before=PAUSED_UNTIL).update(not_before=now)
        audit.record_all(
            "submission.dropped",
            organisation=csv_import.organisation,
            actor=user,
            about=dropped,
            details=[{"import": True}] * len(dropped),
            at=now,
        )
        _note("import.cancelled", csv_import, user, dropped=len(dropped))
    return len(dropped)


def discard(draft: CsvImport, *, user: User) -> None:
    """Remove a draft and its file. Raises NotNow once it has started."""
    removed, _tables = CsvImport.objects.filter(
        pk=draft.pk, state=ImportState.DRAFT
    ).delete()
    if not removed:
        raise NotNow


def _unsent(csv_import: CsvImport) -> Any:
    return Submission.objects.filter(
        imported_row__csv_import=csv_import, status=Status.QUEUED
    )


def _note(action: str, about: CsvImport, user: User, **detail: int) -> None:
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
    waiting = CsvImport.objects.filter(state=ImportState.STORING).order_by("id")
    for csv_import in waiting.select_related("organisation", "created_by")[:20]:
        table = table_of(csv_import)
        while time.monotonic() < until and (took := _store_chunk(csv_import, table)):
            done += took
            time.sleep(PAUSE)
    return done


def _store_chunk(csv_import: CsvImport, table: Table) -> int:
    """Store the next rows, in one transaction; returns how many were done with.

    0 when there is nothing to do any more, or somebody else is at it.
    """
    now = timezone.now()
    csv_import.refresh_from_db(fields=["done"])
    at = csv_import.done
    chunk = Table(table.headers, table.rows[at : at + AT_ONCE], table.odd)
    with translation.override("en"):
        part = list(checked_rows(csv_import, chunk))
    try:
        with transaction.atomic():
            mine = CsvImport.objects.select_for_update().filter(
                pk=csv_import.pk, state=ImportState.STORING, done=at
            )
            fresh = mine.first()
            if fresh is None:
                return 0
            _store(csv_import, fresh, part, now)
            fresh.done += len(part)
            if fresh.done >= len(table.rows):
                fresh.state, fresh.finished_at = ImportState.STORED, now
                audit.record(
                    "import.loaded",
                    organisation=csv_import.organisation,
                    actor=csv_import.created_by,
                    about=fresh,
                    detail={"made": fresh.made, "faulty": fresh.faulty},
                )
            columns = ["done", "made", "known", "faulty", "state", "finished_at"]
            fresh.save(update_fields=columns)
    except IntegrityError:
        return 0  # the same row came through another import just now: look again later
    return len(part)


def _store(
    csv_import: CsvImport, counts: CsvImport, part: Sequence[Row], now: datetime
) -> None:
    lines: dict[str, int] = {}
    filled: list[Filled] = []
    references = [row.reference for row in part if row.reference]
    open_ones = _Open(csv_import.organisation, references)
    for row in part:
        if row.problems:
            counts.faulty += 1
        elif row.reference:
            _correct(csv_import, counts, open_ones.get(row.reference), row, now)
        elif row.token in lines:
            counts.known += 1
        else:
            lines[row.token] = row.line
            filled.append(Filled(row.client_type, row.answers, row.token))
    made = submit_many(
        organisation=csv_import.organisation,
        filled=filled,
        source=Source.IMPORT,
        user=csv_import.created_by,
        now=now,
    )
    ImportedRow.objects.bulk_create(
        ImportedRow(
            csv_import=csv_import, line=lines[row.submission_token], submission=row
        )
        for row in made
    )
    counts.made += len(made)
    counts.known += len(filled) - len(made)


def _correct(
    csv_import: CsvImport,
    counts: CsvImport,
    submission: Submission | None,
    row: Row,
    now: datetime,
) -> None:
    if submission is None:
        counts.faulty += 1
        return
    submission.organisation = csv_import.organisation
    moved = revise(
        submission=submission,
        client_type=row.client_type,
        answers=row.answers,
        user=csv_import.created_by,
        now=now,
    )
    if not moved:
        counts.known += 1
        return
    counts.made += 1
    ImportedRow.objects.update_or_create(
        submission=submission, defaults={"csv_import": csv_import, "line": row.line}
    )


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


def tidy(now: datetime | None = None) -> int:
    """Forget files whose time is over; returns how many. Any process may do this."""
    now = now or timezone.now()
    kept = CsvImport.objects.filter(content__isnull=False)
    drafts = kept.filter(state=ImportState.DRAFT, created_at__lt=now - KEEP_DRAFT)
    forgotten = drafts.delete()[0]
    ended = kept.filter(created_at__lt=now - KEEP_DONE).filter(
        state__in=(ImportState.STORED, ImportState.CANCELLED)
    )
    return forgotten + ended.update(content=None)
