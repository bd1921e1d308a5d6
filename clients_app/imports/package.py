"""The parts of an Excel workbook: a packed file that is looked into before it is trusted.

Nothing is unpacked whole, nothing is kept, and what a part expands to is bounded before
and while it is read. Elements are told one by one; depth, length and number of what the
parser has to hold are bounded, too.
"""

from __future__ import annotations

import codecs
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from xml.parsers import expat

from django.utils.translation import gettext as _

from clients_app.imports.table import Meter, SheetError, damaged, too_much

MAX_UNPACKED = 40 * 1024 * 1024
"""What a workbook may hold unpacked: ten thousand rows of sixteen columns need a quarter."""
MAX_PARTS = 500
MAX_EVENTS = 5_000_000
"""Elements and pieces of text in all parts that are read."""
MAX_DEPTH = 32
MAX_TOKEN = 1024 * 1024
"""Bytes of one tag with its attributes; a parser looks at an unfinished one again and again."""
PIECE = 64 * 1024
WORKBOOK = "xl/workbook.xml"
_ENTRY = b"PK\x01\x02"
_FOREIGN = (b"<!DOCTYPE", b"<!ENTITY")
_MERGED = b"<mergeCell "

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]


@contextmanager
def _told() -> Iterator[None]:
    """Turn whatever is wrong with a packed file or its XML into a SheetError."""
    try:
        yield
    except SheetError:
        raise
    except Exception:  # noqa: BLE001 - a broken file raises anything at all
        raise damaged() from None


class Package:
    """A workbook as its parts. Close it, or use it in a `with`."""

    def __init__(self, data: bytes) -> None:
        """Look at the list of parts alone. Raises SheetError."""
        # The list is read whole: count its entries before that.
        if data.count(_ENTRY) > MAX_PARTS:
            raise too_much()
        with _told():
            self._archive = zipfile.ZipFile(io.BytesIO(data))
            self._parts = {part.filename: part for part in self._archive.infolist()}
            self._look_at_list()
        # What is read is bounded by this: an archive never gives more than it says.
        sizes = {name: part.file_size for name, part in self._parts.items()}
        self.size = sum(size for name, size in sizes.items() if _is_xml(name))
        self._events = 0
        self._done = 0

    def __enter__(self) -> Package:
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.close()

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def _look_at_list(self) -> None:
        parts = self._archive.infolist()
        if "EncryptedPackage" in self._parts or any(
            part.flag_bits & 1 for part in parts
        ):
            raise SheetError(_("The file has a password. Save it without one."))
        if WORKBOOK not in self._parts:
            raise SheetError(
                _("This is not a table. Choose a CSV or an Excel file (.xlsx).")
            )
        if sum(part.file_size for part in parts) > MAX_UNPACKED:
            raise too_much()
        plain = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
        if any(part.compress_type not in plain for part in parts):
            raise damaged()  # others may take any memory, and no spreadsheet uses them

    def look_inside(self, meter: Meter) -> None:
        """Refuse what no spreadsheet writes, and merged cells. Raises SheetError."""
        with _told():
            for name in filter(_is_xml, self._parts):
                before = b""
                for piece in self._pieces(name, meter):
                    if not before:
                        _refuse_utf16(piece)
                    seen = before[-16:] + piece
                    if any(word in seen for word in _FOREIGN):
                        raise _foreign()
                    if name.startswith("xl/worksheets/") and _MERGED in seen:
                        raise _merged()
                    before = piece

    def _pieces(self, name: str, meter: Meter) -> Iterator[bytes]:
        """Yield a part unpacked. All are looked at, and most of their bytes read again."""
        with self._archive.open(name) as stream:
            while piece := stream.read(PIECE):
                self._done += len(piece)
                meter.at(self._done, 2 * self.size)
                yield piece

    def elements(self, name: str, listener: Listener, meter: Meter) -> Iterator[None]:
        """Tell a listener what a part holds, a piece at each step. Raises SheetError."""
        parser = listener.listen()
        fed = 0
        with _told():
            for piece in self._pieces(name, meter):
                parser.Parse(piece, False)
                fed += len(piece)
                if fed - parser.CurrentByteIndex > MAX_TOKEN:
                    raise too_much()
                self._count(listener)
                yield
            parser.Parse(b"", True)
            yield

    def _count(self, listener: Listener) -> None:
        self._events += listener.events
        listener.events = 0
        if self._events > MAX_EVENTS:
            raise too_much()


class Listener:
    """Hears the elements of a part. A subclass says what `begin` and `end` of one mean.

    Names come without their prefix; `depth` is 1 for the outermost element.
    """

    def __init__(self) -> None:
        self.depth = 0
        self.events = 0
        self._parser = expat.ParserCreate()
        self._wanted = 0
        self._text: list[str] = []
        self._length = 0

    def listen(self) -> expat.XMLParserType:
        """Return a new parser that tells this listener what it reads."""
        self._parser = parser = expat.ParserCreate()
        self.depth = 0
        parser.buffer_text = True
        parser.buffer_size = PIECE
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = _refuse_doctype
        return parser

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Hear that an element begins."""

    def end(self, name: str) -> None:
        """Hear that an element ends."""

    def gather(self, at_most: int) -> None:
        """Gather the text of the element that just began, up to so many characters."""
        self._text, self._length, self._wanted = [], 0, at_most
        self._parser.CharacterDataHandler = self._hear

    def gathered(self) -> str:
        """Stop gathering; return the text."""
        self._parser.CharacterDataHandler = None
        return "".join(self._text)[: self._wanted]

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.events += 1
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise too_much()
        self.begin(name.rpartition(":")[2], attributes)

    def _end(self, name: str) -> None:
        self.end(name.rpartition(":")[2])
        self.depth -= 1

    def _hear(self, text: str) -> None:
        self.events += 1
        if self._length < self._wanted:
            self._text.append(text)
            self._length += len(text)


def _is_xml(name: str) -> bool:
    return name.endswith((".xml", ".rels"))


def _foreign() -> SheetError:
    return SheetError(_("The Excel file holds parts that no spreadsheet writes."))


def _merged() -> SheetError:
    return SheetError(
        _("The sheet has merged cells. Unmerge them so that each cell stands alone.")
    )


def _refuse_utf16(piece: bytes) -> None:
    if piece[:2] in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        raise _foreign()


def _refuse_doctype(*_declared: object) -> None:
    raise _foreign()
