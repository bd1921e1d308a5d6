"""What every file becomes: a table of text, within bounds; and how far a reading is.

The bounds hold for CSV and workbooks alike. They are those of a spreadsheet where it has
any, so that no file that people work with is refused for its shape; what lies beyond is
told in words and costs no more than what lies within.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.utils.translation import gettext as _

from clients_app.imports.cells import texts_of

MAX_ROWS = 10_000
"""Rows that say something."""
MAX_LINES = 1_048_576
"""Rows with the empty ones among them: as many as a sheet of a spreadsheet has."""
MAX_COLUMNS = 200
MAX_WIDTH = 16_384
"""Columns with the empty ones at the end: as many as a sheet of a spreadsheet has."""
MAX_CELLS = MAX_ROWS * MAX_COLUMNS
"""Cells that say something."""
MAX_CHARACTERS = 10_000_000
"""Characters of all cells together: a thousand in each row."""
MAX_SECONDS = 60.0
"""Of the processor, for one reading."""
LOOK_EVERY = 1_000
"""Lines between two looks at the meter."""


class SheetError(ValueError):
    """The file cannot be read as a table. The text says why, in words for people."""


class OutOfTime(SheetError):
    """Reading took longer than it may. The text says so, in words for people."""


def damaged() -> SheetError:
    """Return the error for a workbook that is not as workbooks are."""
    words = _("The Excel file is damaged. Open it in Excel, save it again, and retry.")
    return SheetError(words)


def too_much() -> SheetError:
    """Return the error for a workbook that is larger inside than it looks."""
    words = _("The Excel file holds too much. Keep one sheet with the clients only.")
    return SheetError(words)


def too_wide() -> SheetError:
    """Return the error for a row with too many cells."""
    words = _("The file has more than 200 columns. Keep those that are needed.")
    return SheetError(words)


class Meter:
    """How far a piece of work is, and how much of the processor's time it may take.

    `tell` is given whole per cents, at most twice a second.
    """

    def __init__(
        self,
        tell: Callable[[int], None] = lambda percent: None,
        seconds: float = MAX_SECONDS,
    ) -> None:
        self._tell = tell
        self._until = time.thread_time() + seconds
        self._next = time.monotonic() + 0.5

    def at(self, done: float, of: float) -> None:
        """Note that `done` of `of` is done. Raises OutOfTime."""
        if time.thread_time() > self._until:
            raise OutOfTime(
                _("The file takes too long to read. Split it into smaller files.")
            )
        if time.monotonic() >= self._next:
            self._tell(min(99, int(100 * done / max(1, of))))
            self._next = time.monotonic() + 0.5


class TableRow(NamedTuple):
    """A row with its line in the file.

    `odd` tells by position what is wrong with a cell as such: a formula, a number that
    the spreadsheet has cut short.
    """

    line: int
    cells: list[str]
    odd: dict[int, str]


@dataclass
class Table:
    """A table of text. Empty rows are left out and counted, `characters` only counted.

    `rows` is empty where they went elsewhere; `total` is how many there are.
    """

    headers: list[str]
    rows: list[TableRow] = field(default_factory=list)
    total: int = 0
    empty_rows: int = 0
    characters: int = 0


def collect(
    rows: Iterable[tuple[int, Sequence[object]]],
    *,
    gaps: bool = False,
    into: Callable[[TableRow], None] | None = None,
) -> Table:
    """Make a table of lines and their cells, the first one the header.

    Lines only grow; with `gaps`, those left out are empty rows. Rows go `into` what is
    given, so that they need not be held all at once. Raises SheetError.
    """
    table: Table | None = None
    expected = 1
    cells_read = characters = 0
    for line, cells in rows:
        if line > MAX_LINES:
            raise SheetError(
                _("The file has more than 1,048,576 lines. Delete the empty ones.")
            )
        if len(cells) > MAX_WIDTH:
            raise too_wide()
        gap, expected = line - expected, line + 1
        texts, odd = texts_of(cells) if any(cells) else _nothing(cells)
        empty = not odd and not any(text.strip() for text in texts)
        if table:
            table.empty_rows += (gap if gaps else 0) + empty
        if empty:
            continue
        cells_read += sum(map(bool, texts))
        characters += sum(map(len, texts))
        if cells_read > MAX_CELLS or characters > MAX_CHARACTERS:
            raise SheetError(
                _("The file holds too much text. Split it into smaller files.")
            )
        if len(texts) > MAX_COLUMNS:
            raise too_wide()
        if table is None:
            table = Table(_headers(texts, odd))
        else:
            (into or table.rows.append)(_row(table, line, texts, odd))
    if table is None:
        raise SheetError(_("The file is empty."))
    if not table.total:
        raise SheetError(_("The file has a header but no rows below it."))
    table.characters = characters
    return table


def _nothing(cells: Sequence[object]) -> tuple[list[str], dict[int, str]]:
    """Return what texts_of() does of cells that all are false: "", None, 0 or False."""
    if all(cell is None or cell == "" for cell in cells):
        return [], {}
    return texts_of(cells)


def _row(table: Table, line: int, texts: list[str], odd: dict[int, str]) -> TableRow:
    """Return the next row of a table, as wide as its header. Raises SheetError."""
    if table.total >= MAX_ROWS:
        raise SheetError(
            _("The file has more than 10,000 rows. Split it into smaller files.")
        )
    table.total += 1
    width = len(table.headers)
    if len(texts) > width:
        odd[width] = _("The row has more cells than the header.")
    texts += [""] * (width - len(texts))
    return TableRow(line, texts[:width], odd)


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
