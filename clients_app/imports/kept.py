"""A table as it was read, packed to be kept: a row a line, so that each step reads what it needs.

Packing and unpacking go row by row: neither ever holds the table.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice

from clients_app.imports.table import TableRow

_PIECE = 64 * 1024


@dataclass
class KeptTable:
    """A table that was read: its headers, and its rows as often as they are asked for."""

    headers: list[str]
    total: int
    empty_rows: int
    packed: bytes
    _at: int = 0
    _ahead: Iterator[TableRow] = field(default_factory=lambda: iter(()))

    def rows(self, start: int = 0) -> Iterator[TableRow]:
        """Yield the rows, from the one at `start`."""
        return unpack(self.packed, start)

    def chunk(self, start: int, count: int) -> list[TableRow]:
        """Return some rows; those that follow the chunk before cost no more than it."""
        if start == 0 or start != self._at:
            self._ahead = self.rows(start)
        found = list(islice(self._ahead, count))
        self._at = start + len(found)
        return found


class Packer:
    """Packs rows one by one, as they are read."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj(3)
        self._packed = bytearray()

    def add(self, row: TableRow) -> None:
        """Pack a row."""
        told = [row.line, row.cells, list(row.odd.items())]
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        data = text.encode("utf-8", "surrogatepass") + b"\n"
        self._packed += self._packer.compress(data)

    def packed(self) -> bytes:
        """Return all rows packed; nothing more can be added."""
        return bytes(self._packed + self._packer.flush())


def unpack(packed: bytes, start: int = 0) -> Iterator[TableRow]:
    """Yield the rows again, from the one at `start`."""
    for text in islice(_lines(packed), start, None):
        line, cells, odd = json.loads(text.decode("utf-8", "surrogatepass"))
        yield TableRow(line, cells, dict(odd))


def _lines(packed: bytes) -> Iterator[bytes]:
    unpacker = zlib.decompressobj()
    rest = b""
    for at in range(0, len(packed), _PIECE):
        given = packed[at : at + _PIECE]
        while given:
            piece = unpacker.decompress(given, _PIECE)
            given = unpacker.unconsumed_tail
            *lines, rest = (rest + piece).split(b"\n")
            yield from lines
    yield from (rest + unpacker.flush()).split(b"\n")[:-1]
