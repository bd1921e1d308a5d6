"""A table as it was read, packed to be kept: a row a line, so that each step reads what it needs.

Packing and unpacking go row by row: neither holds a second copy of the table.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator
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


def pack(rows: Iterable[TableRow]) -> bytes:
    """Return rows packed."""
    packer = zlib.compressobj(3)
    packed = bytearray()
    for row in rows:
        told = [row.line, row.cells, list(row.odd.items())]
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        packed += packer.compress(text.encode("utf-8", "surrogatepass") + b"\n")
    return bytes(packed + packer.flush())


def unpack(packed: bytes, start: int = 0) -> Iterator[TableRow]:
    """Yield the rows again, from the one at `start`."""
    for at, text in enumerate(_lines(packed)):
        if at >= start:
            told = json.loads(text.decode("utf-8", "surrogatepass"))
            line, cells, odd = told
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
