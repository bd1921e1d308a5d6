"""A file that was uploaded and is not loaded yet: kept, read once, its columns chosen.

The file is stored as it came, packed, in the row of its import, and once it is read the
table beside it: no later step reads the file again. A small file is read while the person
waits; a large one is left to the worker (reading.py).
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from copy import copy
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from clients_app.heffl.contract import ClientType
from clients_app.imports import sheets
from clients_app.imports.columns import guess_columns, targets
from clients_app.imports.kept import KeptTable, Packer
from clients_app.imports.table import Meter, OutOfTime, SheetError, Table, TableRow
from clients_app.models import (
    FileImport,
    FileReading,
    ImportState,
    Organisation,
    Step,
    User,
)
from clients_app.questions import custom_fields

QUICK_ROWS = 2_000
QUICK_CHARACTERS = 1_000_000
"""A table up to this is checked while somebody waits."""
QUICK_SECONDS = 1.0
"""Of the processor, for one reading while somebody waits; then the worker does it."""
TOLD_BY_TABLE = ("total", "columns", "default_type")
"""The columns of a draft that reading its file sets."""


class WrongState(Exception):
    """The import is not in a state in which this can be done: somebody was faster."""


def upload(
    organisation: Organisation, file_name: str, data: bytes, *, user: User | None
) -> FileImport:
    """Keep an uploaded file as a draft: read, or, when it is large, to be read.

    `file_name` is for people only: what the file is shows from `data`, all its bytes.
    Raises SheetError, and keeps nothing then.
    """
    draft = FileImport(
        organisation=organisation,
        created_by=user,
        file_name=re.sub(r"[^\w .()-]", "_", file_name[-120:]) or "clients",
        sha256=hashlib.sha256(data).hexdigest(),
        kind=sheets.kind_of(data),
    )
    if draft.kind == "csv":
        draft.encoding = sheets.guess_encoding(data)
        draft.delimiter = sheets.guess_delimiter(sheets.decoded(data, draft.encoding))
    reading = FileReading(file_import=draft, language=get_language() or "en")
    quick = sheets.is_quick(data, draft.kind)
    if quick:
        try:
            _read(draft, reading, data, Meter(seconds=QUICK_SECONDS))
        except OutOfTime:
            quick = False
    if not quick:
        reading.large, reading.awaits = True, Step.READ
    draft.content = zlib.compress(data, 3)
    with transaction.atomic():
        draft.save()
        reading.save()
    return draft


def _read(draft: FileImport, reading: FileReading, data: bytes, meter: Meter) -> None:
    """Set, unsaved, what a file comes to, and guess its columns. Raises SheetError."""
    packer = Packer()
    if draft.kind == "xlsx":
        table = sheets.read_xlsx(data, meter, packer.add)
    else:
        encoding, delimiter = draft.encoding, draft.delimiter
        table = sheets.read_csv(data, encoding, delimiter, meter, packer.add)
    _take_in(reading, table, packer)
    draft.total = table.total
    extra = custom_fields.specs_for(draft.organisation)
    draft.columns = guess_columns(table.headers, extra)
    found = set(draft.columns)
    person = found & {"first_name", "last_name", "email"} and "name" not in found
    draft.default_type = ClientType.CONTACT if person else ClientType.COMPANY


def _take_in(reading: FileReading, table: Table, packer: Packer) -> None:
    reading.headers = table.headers
    reading.empty_rows = table.empty_rows
    reading.table = packer.packed()
    reading.checked = None
    reading.large = reading.large or (
        table.total > QUICK_ROWS or table.characters > QUICK_CHARACTERS
    )


def reading_of(file_import: FileImport) -> FileReading:
    """Return what became of reading a file. Raises SheetError when it is kept no more."""
    found = FileReading.objects.filter(pk=file_import.pk).defer("table").first()
    if found is None:
        found = _reading_of_before(file_import)
    found.file_import = file_import
    return found


def _reading_of_before(file_import: FileImport) -> FileReading:
    """Read a file of the time when only the file was kept, or a workbook as one text."""
    data = _file_of(file_import)
    reading = FileReading(file_import=file_import)
    if file_import.kind == "xlsx":
        headers, rows, empty_rows, odd = json.loads(data)
        told = {line: dict(cells) for line, cells in odd}
        packer = Packer()
        for line, cells in rows:
            packer.add(TableRow(line, cells, told.get(line, {})))
        table = Table(headers, total=len(rows), empty_rows=empty_rows)
        _take_in(reading, table, packer)
    else:
        as_chosen = copy(file_import)
        _read(as_chosen, reading, data, Meter())
    FileReading.objects.bulk_create([reading], ignore_conflicts=True)
    return reading


def _file_of(file_import: FileImport) -> bytes:
    if file_import.content is None:
        raise SheetError(_("The file is no longer kept. Choose it again."))
    try:
        return zlib.decompress(bytes(file_import.content))
    except zlib.error:
        raise SheetError(_("The file is no longer kept. Choose it again.")) from None


def table_of(file_import: FileImport) -> KeptTable:
    """Return an import's file as the table it was read as. Raises SheetError."""
    reading = reading_of(file_import)
    if reading.table is None:
        raise SheetError(_("The file is not read yet."))
    packed = bytes(reading.table)
    return KeptTable(reading.headers, file_import.total, reading.empty_rows, packed)


_FRESH: dict[str, Any] = {
    "awaits": Step.NONE,
    "checked": None,
    "tries": 0,
    "taken_by": "",
    "taken_until": None,
    "percent": 0,
    "problem": "",
}


def ask(draft: FileImport, step: Step) -> None:
    """Have the worker take a step with a draft, anew. Raises WrongState once it has started."""
    fresh = {**_FRESH, "awaits": step, "language": get_language() or "en"}
    if step == Step.READ:
        fresh |= {"table": None, "headers": []}
    with transaction.atomic():
        hold(draft)
        readings = FileReading.objects.filter(pk=draft.pk)
        readings.update(asked_at=timezone.now(), **fresh)


def hold(draft: FileImport) -> None:
    """Keep a draft as it is for the rest of the transaction. Raises WrongState."""
    rows = FileImport.objects.select_for_update().filter(
        pk=draft.pk, state=ImportState.DRAFT
    )
    if not rows.values_list("pk").first():
        raise WrongState


def read(reading: FileReading, meter: Meter) -> None:
    """Read a file; set, unsaved, in the reading and its draft what it comes to.

    Raises SheetError.
    """
    draft = reading.file_import
    _read(draft, reading, _file_of(draft), meter)


def read_again(draft: FileImport, encoding: str, delimiter: str) -> None:
    """Read a CSV draft in another way, or have the worker do so, and guess its columns anew.

    What is none of ENCODINGS or DELIMITERS changes nothing. Raises SheetError, and
    stores nothing then, or WrongState.
    """
    before = draft.encoding, draft.delimiter
    draft.encoding = encoding if encoding in sheets.ENCODINGS else draft.encoding
    draft.delimiter = delimiter if delimiter in sheets.DELIMITERS else draft.delimiter
    reading = reading_of(draft)
    try:
        sheets.decoded(_file_of(draft), draft.encoding)
        if not reading.large:
            read(reading, Meter())
    except SheetError:
        draft.encoding, draft.delimiter = before
        raise
    if reading.large:
        draft.save(update_fields=["encoding", "delimiter"])
        ask(draft, Step.READ)
    else:
        with transaction.atomic():
            hold(draft)
            draft.save(update_fields=["encoding", "delimiter", *TOLD_BY_TABLE])
            reading.save()


def choose_columns(
    draft: FileImport, columns: Sequence[str], default_type: str
) -> list[str]:
    """Store what each column is: a name out of targets(), or "" for what is not loaded.

    Returns what is wrong with the choice, in words for people, storing nothing then.
    Raises WrongState once it has started.
    """
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
        with transaction.atomic():
            hold(draft)
            draft.save(update_fields=["columns", "default_type"])
            FileReading.objects.filter(pk=draft.pk).update(**_FRESH)
    return wrong


def discard(draft: FileImport) -> None:
    """Remove a draft and its file. Raises WrongState once it has started."""
    removed, _tables = FileImport.objects.filter(
        pk=draft.pk, state=ImportState.DRAFT
    ).delete()
    if not removed:
        raise WrongState
