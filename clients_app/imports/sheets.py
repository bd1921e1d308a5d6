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
import warnings
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from openpyxl import load_workbook

from clients_app.imports.cells import texts_of

MAX_BYTES = 5 * 1024 * 1024
MAX_ROWS = 10_000
MAX_COLUMNS = 200
MAX_UNPACKED = 40 * 1024 * 1024
"""What an XLSX file may hold unpacked: ten thousand rows of sixteen columns need a quarter."""
MAX_PARTS = 500
MAX_CELLS_READ = 3_000_000

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
_ARABIC = re.compile("[\u0600-\u06ff]{2}")


class SheetError(ValueError):
    """The file cannot be read as a table. The text says why, in words for people."""


def _no_table() -> SheetError:
    return SheetError(_("This is not a table. Choose a CSV or an Excel file (.xlsx)."))


def _damaged() -> SheetError:
    words = _("The Excel file is damaged. Open it in Excel, save it again, and retry.")
    return SheetError(words)


def _too_much() -> SheetError:
    words = _("The Excel file holds too much. Keep one sheet with the clients only.")
    return SheetError(words)


@dataclass
class Table:
    """A table of text. Rows carry their line in the file; empty ones are left out.

    `odd` tells by line and position what is wrong with a cell as such: a formula, a number
    that the spreadsheet has cut short.
    """

    headers: list[str]
    rows: list[tuple[int, list[str]]]
    odd: dict[int, dict[int, str]] = field(default_factory=dict)
    empty_rows: int = 0


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
        arabic = len(_ARABIC.findall(data.decode("cp1256", "replace")))
        high = sum(byte > 127 for byte in data)
        return "cp1256" if arabic * 3 >= high else "cp1252"
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


def read_csv(data: bytes, encoding: str, delimiter: str) -> Table:
    """Read a CSV file; what is none of DELIMITERS means the comma. Raises SheetError."""
    text = decoded(data, encoding)
    if "\x00" in text:
        raise _no_table()
    if delimiter not in DELIMITERS:
        delimiter = ","
    return _table(_csv_rows(text, delimiter))


def _csv_rows(text: str, delimiter: str) -> Iterator[tuple[int, Sequence[object]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise SheetError(
                _(
                    "Line {line} cannot be read: a quotation mark does not close."
                ).format(line=line)
            ) from None
        yield line, list(row)


def read_xlsx(data: bytes) -> Table:
    """Read the first sheet of an Excel workbook. Raises SheetError."""
    _look_inside(data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl on extensions it does not know
            book = load_workbook(io.BytesIO(data), read_only=True, keep_links=False)
            try:
                if not book.worksheets:
                    raise SheetError(_("The workbook has no sheet."))
                sheet = book.worksheets[0]
                sheet.reset_dimensions()
                return _table(_xlsx_rows(sheet))
            finally:
                book.close()
    except SheetError:
        raise
    except Exception:  # noqa: BLE001 - openpyxl raises anything at all on a broken file
        raise _damaged() from None


def _look_inside(data: bytes) -> None:
    """Refuse what would cost too much to unpack, or what is no workbook. Raises SheetError."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            parts = packed.infolist()
            names = {part.filename for part in parts}
            if "EncryptedPackage" in names or any(part.flag_bits & 1 for part in parts):
                raise SheetError(_("The file has a password. Save it without one."))
            if "xl/workbook.xml" not in names:
                raise _no_table()
            size = sum(part.file_size for part in parts)
            if size > MAX_UNPACKED or len(parts) > MAX_PARTS:
                raise _too_much()
            for part in parts:
                _look_at(packed, part)
    except SheetError:
        raise
    except Exception:  # noqa: BLE001 - whatever is wrong with the archive
        raise _damaged() from None


def _look_at(packed: zipfile.ZipFile, part: zipfile.ZipInfo) -> None:
    if not part.filename.endswith((".xml", ".rels")):
        return
    content = packed.read(part)
    if content[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE} or (
        b"<!DOCTYPE" in content or b"<!ENTITY" in content
    ):
        raise SheetError(_("The Excel file holds parts that no spreadsheet writes."))
    if part.filename.startswith("xl/worksheets/") and b"<mergeCell " in content:
        raise SheetError(
            _(
                "The sheet has merged cells. Unmerge them so that each cell stands alone."
            )
        )


def _xlsx_rows(sheet: object) -> Iterator[tuple[int, Sequence[object]]]:
    read = 0
    rows = sheet.iter_rows(values_only=True)  # type: ignore[attr-defined]
    for line, row in enumerate(rows, start=1):
        read += len(row)
        if read > MAX_CELLS_READ:
            raise _too_much()
        yield line, row


def _table(rows: Iterable[tuple[int, Sequence[object]]]) -> Table:
    table: Table | None = None
    for line, cells in rows:
        texts, odd = texts_of(cells)
        if not any(text.strip() for text in texts) and not odd:
            if table:
                table.empty_rows += 1
            continue
        if len(texts) > MAX_COLUMNS:
            raise SheetError(
                _("The file has more than 200 columns. Keep those that are needed.")
            )
        if table is None:
            table = Table(_headers(texts, odd), [])
            continue
        if len(table.rows) >= MAX_ROWS:
            raise SheetError(
                _("The file has more than 10,000 rows. Split it into smaller files.")
            )
        if len(texts) > len(table.headers):
            odd[len(table.headers)] = _("The row has more cells than the header.")
        if odd:
            table.odd[line] = odd
        texts += [""] * (len(table.headers) - len(texts))
        table.rows.append((line, texts[: len(table.headers)]))
    if table is None:
        raise SheetError(_("The file is empty."))
    if not table.rows:
        raise SheetError(_("The file has a header but no rows below it."))
    return table


def _headers(texts: list[str], odd: dict[int, str]) -> list[str]:
    if odd:
        raise SheetError(_("The first row must hold the names of the columns."))
    headers = [
        " ".join(text.split())[:120] or _("Column {number}").format(number=number)
        for number, text in enumerate(texts, start=1)
    ]
    seen: set[str] = set()
    for header in headers:
        if header.casefold() in seen:
            raise SheetError(
                _("Two columns are called “{name}”. Rename one of them.").format(
                    name=header
                )
            )
        seen.add(header.casefold())
    return headers
