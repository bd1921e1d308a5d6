"""A file that was uploaded and is not loaded yet: kept, read again, its columns chosen.

The file is stored as it came (a workbook as its table), packed, in the row of its import.
"""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections import Counter
from collections.abc import Sequence

from django.utils.translation import gettext as _

from clients_app.heffl.contract import ClientType
from clients_app.imports import sheets
from clients_app.imports.columns import guess_columns, targets
from clients_app.imports.sheets import SheetError, Table
from clients_app.models import FileImport, ImportState, Organisation, User
from clients_app.questions import custom_fields


class WrongState(Exception):
    """The import is not in a state in which this can be done: somebody was faster."""


def upload(
    organisation: Organisation, file_name: str, data: bytes, *, user: User | None
) -> FileImport:
    """Keep an uploaded file as a draft, with a first guess of its columns.

    `file_name` is for people only: what the file is shows from `data`, all its bytes.
    Raises SheetError, and keeps nothing then.
    """
    kind = sheets.kind_of(data)
    draft = FileImport(
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


def _guess(draft: FileImport, table: Table) -> None:
    """Set, unsaved, what the columns are and what a row without a type is."""
    extra = custom_fields.specs_for(draft.organisation)
    draft.columns = guess_columns(table.headers, extra)
    found = set(draft.columns)
    person = found & {"first_name", "last_name", "email"} and "name" not in found
    draft.default_type = ClientType.CONTACT if person else ClientType.COMPANY


def table_of(draft: FileImport) -> Table:
    """Return an import's file as a table. Raises SheetError, also when it is kept no more."""
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


def read_again(draft: FileImport, encoding: str, delimiter: str) -> Table:
    """Read a CSV draft in another way and guess its columns anew.

    What is none of ENCODINGS or DELIMITERS changes nothing. Raises SheetError, and
    stores nothing then.
    """
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
    draft: FileImport, columns: Sequence[str], default_type: str
) -> list[str]:
    """Store what each column is: a name out of targets(), or "" for what is not loaded.

    Returns what is wrong with the choice, in words for people, storing nothing then.
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
        draft.save(update_fields=["columns", "default_type"])
    return wrong


def discard(draft: FileImport) -> None:
    """Remove a draft and its file. Raises WrongState once it has started."""
    removed, _tables = FileImport.objects.filter(
        pk=draft.pk, state=ImportState.DRAFT
    ).delete()
    if not removed:
        raise WrongState
