"""A file somebody uploads → a table of text, or in plain words why it is none.

CSV in the encodings and with the separators that people's programs write, and XLSX. What is
not certain is told, never guessed silently; a hostile file costs little and raises SheetError.
Knows neither our fields nor an organisation.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from clients_app.imports import workbook
from clients_app.imports.table import (
    LOOK_EVERY,
    Meter,
    SheetError,
    Table,
    TableRow,
    collect,
)

MAX_BYTES = 5 * 1024 * 1024
QUICK_BYTES = 2 * 1024 * 1024
"""A text file up to this, ten thousand short rows, is read while somebody waits."""
QUICK_UNPACKED = 2 * 1024 * 1024
"""The same for a workbook, unpacked."""

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16": "UTF-16",
    "cp1256": gettext_noop("Windows-1256 (Arabic)"),
    "cp1252": gettext_noop("Windows-1252 (Western European)"),
}
DELIMITERS = {
    ",": gettext_noop("Comma ,"),
    ";": gettext_noop("Semicolon ;"),
    "\t": gettext_noop("Tab"),
}
GUESSED_FROM = 256 * 1024
"""Bytes after the first that is not plain, by which two encodings are told apart."""
_PLAIN = bytes(range(128))
_HIGH = re.compile(rb"[\x80-\xff]")
_ARABIC = re.compile("[\u0600-\u06ff]{2}")


def _no_table() -> SheetError:
    return SheetError(_("This is not a table. Choose a CSV or an Excel file (.xlsx)."))


def kind_of(data: bytes) -> str:
    """Return "xlsx" or "csv" by what is in the file, not by its name. Raises SheetError."""
    if not data.strip():
        raise SheetError(_("The file is empty."))
    if len(data) > MAX_BYTES:
        raise SheetError(
            _("The file is larger than 5 MB. Split it into smaller files.")
        )
    if data.startswith(b"PK\x03\x04"):
        return "xlsx"
    if data.startswith(b"\xd0\xcf\x11\xe0"):
        raise SheetError(
            _(
                "This is an old Excel file (.xls), or one with a password. Save it as an "
                "Excel workbook (.xlsx) without a password."
            )
        )
    utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    head = data[:4096]
    if not utf16 and (
        data.startswith((b"MZ", b"\x7fELF", b"%PDF", b"\x1f\x8b", b"\x89PNG", b"GIF8"))
        or (b"\x00" in head and not _is_bare_utf16(head))
    ):
        raise _no_table()
    return "csv"


def _is_bare_utf16(head: bytes) -> str:
    """Return the byte order of UTF-16 without a mark, as Latin headers give it away, or ""."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    half = len(head) // 2 or 1
    if odd > half * 0.6 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.6 and odd < half * 0.05:
        return "utf-16-be"
    return ""


def guess_encoding(data: bytes) -> str:
    """Return the likeliest of ENCODINGS; nothing is ever in none of them."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if _is_bare_utf16(data[:4096]):
        return "utf-16"
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        # Arabic words are runs of high bytes; an accent stands between plain letters.
        high = _HIGH.search(data)
        part = data[high.start() if high else 0 :][:GUESSED_FROM]
        arabic = len(_ARABIC.findall(part.decode("cp1256", "replace")))
        count = len(part.translate(None, _PLAIN))
        return "cp1256" if arabic * 3 >= count else "cp1252"
    return "utf-8"


def decoded(data: bytes, encoding: str) -> str:
    """Return the text of a file. Raises SheetError when it is not in this encoding."""
    try:
        if encoding == "utf-8":
            return data.decode("utf-8-sig")
        if encoding == "utf-16":
            bare = not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            return data.decode((bare and _is_bare_utf16(data[:4096])) or "utf-16")
        if encoding in ENCODINGS:
            return data.decode(encoding)
    except UnicodeError:
        pass
    raise SheetError(
        _("The file is not in this encoding. Choose another, or save it as UTF-8.")
    )


def guess_delimiter(text: str) -> str:
    """Return the separator that the first line uses most; the comma where it has none."""
    first = next((line for line in text[:20_000].splitlines() if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", first)
    return max(DELIMITERS, key=bare.count)


def is_quick(data: bytes, kind: str) -> bool:
    """Say whether a file of this kind is read in a moment. Raises SheetError."""
    if kind == "xlsx":
        return workbook.size_of(data) <= QUICK_UNPACKED
    return len(data) <= QUICK_BYTES


def read_csv(
    data: bytes,
    encoding: str,
    delimiter: str,
    meter: Meter | None = None,
    into: Callable[[TableRow], None] | None = None,
) -> Table:
    """Read a CSV file; what is none of DELIMITERS means the comma. Raises SheetError.

    Rows go `into` what is given, as in collect().
    """
    text = decoded(data, encoding)
    if "\x00" in text:
        raise _no_table()
    if delimiter not in DELIMITERS:
        delimiter = ","
    return collect(_csv_rows(text, delimiter, meter or Meter()), into=into)


def _csv_rows(
    text: str, delimiter: str, meter: Meter
) -> Iterator[tuple[int, Sequence[object]]]:
    """Yield the records with the line each begins in."""
    stream = io.StringIO(text, newline="")
    reader = csv.reader(stream, delimiter=delimiter, strict=True)
    number = 0
    line = 1
    try:
        for number, row in enumerate(reader):
            if number % LOOK_EVERY == 0:
                meter.at(stream.tell(), len(text))
            yield line, row
            line = reader.line_num + 1
    except csv.Error as error:
        words = _("Line {line} cannot be read: a quotation mark does not close.")
        if "limit" in str(error):
            words = _(
                "Line {line} cannot be read: a cell is too long, or a quotation mark "
                "does not close."
            )
        raise SheetError(words.format(line=line)) from None


def read_xlsx(
    data: bytes,
    meter: Meter | None = None,
    into: Callable[[TableRow], None] | None = None,
) -> Table:
    """Read the first sheet of an Excel workbook. Raises SheetError.

    Rows go `into` what is given, as in collect().
    """
    return collect(workbook.sheet_rows(data, meter or Meter()), gaps=True, into=into)
