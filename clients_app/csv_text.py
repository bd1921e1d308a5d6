"""CSV as this portal writes it, and what keeps a spreadsheet from running what is in it.

RFC 4180, every cell quoted, UTF-8 with a byte order mark. Nothing else writes CSV: who
gives rows to lines() gets every cell guarded. bare_cell() takes the guard off again,
exactly where safe_cell() put it on, so that our own file read again says the same.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

BYTE_ORDER_MARK = "\ufeff"
CONTENT_TYPE = "text/csv; charset=utf-8"

# Where a spreadsheet may begin a cell: at the start, and, when its list separator is
# another than ours or the quotes are lost, after anything that separates cells or rows.
_SEPARATORS = ",;|\t\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_BEGINS = rf"(?:\A|(?<=[{_SEPARATORS}]))"
# What it skips there: blanks and what is not to be seen, quotes.
_SKIPPED = (
    '\x00-\x08\x0e-\x1b\x1f "\x7f\x80-\x84\x86-\xa0\xad\u1680\u180e\u2000-\u200f'
    "\u202a-\u202f\u205f-\u206f\u3000\ufeff＂“”"
)
# What it takes for the beginning of a formula, with twins of other widths.
_FORMULA = r"=+\-@＝＋－＠﹦﹢﹣﹫−"
# A guard is one more apostrophe, also where there are some: so it comes off again as one.
_PART = rf"(?='*[{_SKIPPED}]*[{_FORMULA}])"
_BREAK = r"(?='*[\t\r\n])"
_UNGUARDED = re.compile(rf"{_BEGINS}{_PART}|\A{_BREAK}")
_GUARDED = re.compile(rf"{_BEGINS}'{_PART}|\A'{_BREAK}")
# Most cells: nothing separates, and no formula, quote or blank is in front.
_PLAIN = re.compile(rf"(?:[^{_SEPARATORS}{_SKIPPED}{_FORMULA}'][^{_SEPARATORS}]*)?")
_E164 = re.compile(r"\+[0-9]{5,15}")


def safe_cell(text: str) -> str:
    """Return text of which no spreadsheet takes a part for a formula.

    An apostrophe goes before each part that could be one. A whole phone number as it is
    stored stays as it is: a formula that comes to the number itself.
    """
    if _PLAIN.fullmatch(text) or _E164.fullmatch(text):
        return text
    return _UNGUARDED.sub("'", text)


def bare_cell(text: str) -> str:
    """Return the text of which safe_cell() made this one."""
    return text if _PLAIN.fullmatch(text) else _GUARDED.sub("", text)


def lines(rows: Iterable[Sequence[str]]) -> str:
    """Return rows as lines of CSV, every cell guarded and in quotation marks."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
