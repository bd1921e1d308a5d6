"""The first sheet of an Excel workbook → its rows, read in one go from front to back.

Only what a row needs is read: the list of sheets, the formats (which numbers are dates),
the shared texts, and the sheet itself. A row or a cell that is left out costs nothing,
however far apart its neighbours say they are. What a cell means is as openpyxl has it;
openpyxl itself builds the empty cells in between and objects for every format, and a
small file can make it do so without end.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from datetime import datetime

from django.utils.translation import gettext as _
from openpyxl.styles.numbers import (
    builtin_format_code,
    is_date_format,
    is_timedelta_format,
)
from openpyxl.utils.datetime import (
    MAC_EPOCH,
    WINDOWS_EPOCH,
    from_excel,
    from_ISO8601,
)

from clients_app.imports.cells import MAX_CELL
from clients_app.imports.package import WORKBOOK, Listener, Package
from clients_app.imports.table import (
    MAX_CELLS,
    MAX_COLUMNS,
    Meter,
    SheetError,
    damaged,
    too_much,
    too_wide,
)

MAX_TEXTS = 500_000
MAX_FORMAT = 255
"""Characters of a number format, as Excel has it."""
_KEPT = MAX_CELL + 1
_RELATIONS = "xl/_rels/workbook.xml.rels"
_LETTERS = {chr(ord("A") + at): at + 1 for at in range(26)}


def size_of(data: bytes) -> int:
    """Return how much XML a workbook holds, without reading it. Raises SheetError."""
    with Package(data) as package:
        return package.size


def sheet_rows(data: bytes, meter: Meter) -> Iterator[tuple[int, list[object]]]:
    """Yield the rows of the first sheet that there are, with their number.

    Numbers only grow: a row that goes back is left out. Raises SheetError.
    """
    with Package(data) as package:
        package.look_inside(meter)
        outline = _outline(package, meter)
        texts = _Texts()
        formats = _Formats()
        for name, listener in (
            (outline.part("sharedStrings"), texts),
            (outline.part("styles"), formats),
        ):
            if name in package:
                for _piece in package.elements(name, listener, meter):
                    pass
        sheet = _Sheet(texts.found, formats, outline.epoch)
        last = 0
        for _piece in package.elements(outline.first_sheet(package), sheet, meter):
            for line, cells in sheet.taken():
                if line > last:
                    last = line
                    yield line, cells


def _outline(package: Package, meter: Meter) -> _Outline:
    outline = _Outline()
    for name in (WORKBOOK, _RELATIONS):
        if name in package:
            for _piece in package.elements(name, outline, meter):
                pass
    return outline


class _Outline(Listener):
    """What the workbook says of itself: its sheets in their order, and where parts are."""

    def __init__(self) -> None:
        super().__init__()
        self.epoch = WINDOWS_EPOCH
        self._sheets: list[str] = []
        self._targets: dict[str, tuple[str, str]] = {}

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if name == "workbookPr":
            if attributes.get("date1904") in ("1", "true"):
                self.epoch = MAC_EPOCH
        elif name == "sheet" and self.depth == 3:
            ids = [key for key in attributes if key.endswith(":id")]
            self._sheets += [attributes[key] for key in ids[:1]]
        elif name == "Relationship":
            target = posixpath.normpath(posixpath.join("/xl", attributes["Target"]))
            kind = attributes["Type"].rpartition("/")[2]
            self._targets[attributes["Id"]] = (kind, target.lstrip("/"))

    def part(self, kind: str) -> str:
        """Return the name of the part of this kind, its usual one where none is told."""
        found = (name for each, name in self._targets.values() if each == kind)
        return next(found, f"xl/{kind}.xml")

    def first_sheet(self, package: Package) -> str:
        """Return the name of the first sheet that is a table. Raises SheetError."""
        for each in self._sheets:
            kind, name = self._targets.get(each, ("", ""))
            if kind != "chartsheet" and name in package:
                return name
        raise SheetError(_("The workbook has no sheet."))


class _Texts(Listener):
    """The shared texts, in their order: plain or in runs, without how they are read out."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._runs: list[str] = []
        self._inside = ""

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 2:
            self._runs = []
        elif self.depth == 3:
            self._inside = name
            if name == "t":
                self.gather(_KEPT)
        elif self.depth == 4 and name == "t" and self._inside == "r":
            self.gather(_KEPT)

    def end(self, name: str) -> None:
        if name == "t" and (
            self.depth == 3 or (self.depth == 4 and self._inside == "r")
        ):
            self._runs.append(self.gathered())
        elif self.depth == 2 and name == "si":
            if len(self.found) >= MAX_TEXTS:
                raise too_much()
            text = "".join(self._runs).replace("x005F_", "")
            self.found.append(text[:_KEPT])


class _Formats(Listener):
    """Which of the sheet's formats show a number as a date, and which as a duration."""

    def __init__(self) -> None:
        super().__init__()
        self.dates: set[int] = set()
        self.durations: set[int] = set()
        self._codes: dict[int, str] = {}
        self._count = 0
        self._inside = ""

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        if self.depth == 2:
            self._inside = name
        elif name == "numFmt" and self._inside == "numFmts":
            code = attributes.get("formatCode", "")
            self._codes[int(attributes["numFmtId"])] = code[:MAX_FORMAT]
        elif name == "xf" and self.depth == 3 and self._inside == "cellXfs":
            number = int(attributes.get("numFmtId", 0))
            code = self._codes.get(number) or builtin_format_code(number)
            if is_date_format(code):
                self.dates.add(self._count)
            if is_timedelta_format(code):
                self.durations.add(self._count)
            self._count += 1


class _Sheet(Listener):
    """The rows of a sheet: each with its number, the cells up to its last that says something."""

    def __init__(self, texts: list[str], formats: _Formats, epoch: datetime) -> None:
        super().__init__()
        self._texts = texts
        self._formats = formats
        self._epoch = epoch
        self._rows: list[tuple[int, list[object]]] = []
        self._line = 0
        self._column = 0
        self._cells: dict[int, object] = {}
        self._table = self._row = self._cell = False
        self._kind = "n"
        self._style = 0
        self._value = ""
        self._formula: str | None = None
        self._inline: list[str] = []
        self._inside = ""
        self._held = 0

    def taken(self) -> list[tuple[int, list[object]]]:
        """Return the rows that ended since the last call."""
        rows, self._rows = self._rows, []
        return rows

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        depth = self.depth
        if depth == 2:
            self._table = name == "sheetData"
        elif depth == 3:
            self._row = self._table and name == "row"
            if self._row:
                self._begin_row(attributes)
        elif depth == 4 and self._row:
            self._begin_cell(attributes)
        elif depth == 5 and self._cell:
            self._inside = name
            if name in ("v", "f"):
                self.gather(_KEPT)
        elif name == "t" and self._cell and self._inside in ("is", "r"):
            self.gather(_KEPT)
        elif depth == 6 and self._cell and self._inside == "is":
            self._inside = name

    def end(self, name: str) -> None:
        depth = self.depth
        if depth == 4 and self._cell:
            self._end_cell()
        elif depth == 3 and self._row:
            self._end_row()
        elif not self._cell:
            return
        elif depth == 5 and name == "v":
            self._value = self.gathered()
        elif depth == 5 and name == "f":
            self._formula = self.gathered()
        elif name == "t" and self._inside in ("is", "r"):
            self._inline.append(self.gathered())
        elif depth == 6:
            self._inside = "is"

    def _begin_row(self, attributes: dict[str, str]) -> None:
        given = attributes.get("r")
        self._line = self._line + 1 if given is None else int(float(given))
        if self._line < 1:
            raise damaged()
        self._column = 0
        self._cells = {}

    def _end_row(self) -> None:
        cells: list[object] = [None] * max(self._cells, default=0)
        for column, value in self._cells.items():
            cells[column - 1] = value
        self._rows.append((self._line, cells))
        self._row = False

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        given = attributes.get("r")
        self._column = self._column + 1 if given is None else _column(given)
        if self._column < 1:
            raise damaged()
        self._cell = True
        self._kind = attributes.get("t", "n")
        self._style = int(attributes.get("s", 0))
        self._value, self._formula, self._inline = "", None, []

    def _end_cell(self) -> None:
        self._cell = False
        value = self._meant()
        if value is None or value == "":
            return
        if self._column > MAX_COLUMNS:
            if isinstance(value, str) and not value.strip():
                return
            raise too_wide()
        self._held += 1
        if self._held > MAX_CELLS:
            raise too_much()
        self._cells[self._column] = value

    def _meant(self) -> object:
        """Return what the cell says: a text, a number, a date, yes or no, or None."""
        if self._formula is not None:
            return f"={self._formula}"
        kind, text = self._kind, self._value
        if kind == "inlineStr":
            return "".join(self._inline)[:_KEPT]
        if not text:
            return None
        if kind == "n":
            return self._number(text)
        if kind == "s":
            at = int(text)
            if at < 0:
                raise damaged()
            return self._texts[at]
        if kind == "b":
            return bool(int(text))
        return from_ISO8601(text) if kind == "d" else text

    def _number(self, text: str) -> object:
        number = float(text) if set(text) & set(".eE") else int(text)
        if self._style not in self._formats.dates:
            return number
        duration = self._style in self._formats.durations
        try:
            return from_excel(number, self._epoch, timedelta=duration)
        except (OverflowError, ValueError):
            return "#VALUE!"


def _column(name: str) -> int:
    """Return the number of the column that a cell's name begins with. Raises KeyError."""
    letters = name[:4].rstrip("0123456789").upper()
    found = 0
    for letter in letters:
        found = found * 26 + _LETTERS[letter]
    return found
