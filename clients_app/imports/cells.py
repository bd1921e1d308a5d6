"""The cells of a row → text, and what is wrong with one as such.

A spreadsheet changes what people type: it cuts long numbers short, writes them with an
exponent, and shows errors and formulas. What can be read back is; the rest is told.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime, time

from django.utils.translation import gettext as _
from openpyxl.cell.cell import ERROR_CODES

from clients_app.csv_text import bare_cell

MAX_CELL = 10_000
"""Characters of one cell."""
_EXPONENT = re.compile(r"\s*([0-9])[.,]([0-9]+)E\+?([0-9]{1,2})\s*", re.I)


def texts_of(cells: Sequence[object]) -> tuple[list[str], dict[int, str]]:
    """Return a row as text, and by position what is wrong with its cells.

    Cells are what the csv module or openpyxl gives. Empty ones at the end are left out.
    """
    texts: list[str] = []
    odd: dict[int, str] = {}
    for at, cell in enumerate(cells):
        if cell is None or cell == "":
            texts.append("")
            continue
        text, words = _text(cell)
        if words:
            odd[at] = words
        texts.append(text)
    while texts and not texts[-1] and len(texts) - 1 not in odd:
        texts.pop()
    return texts, odd


def _text(cell: object) -> tuple[str, str]:
    """Return a cell as text, and what is wrong with it as such ("" when nothing is)."""
    if isinstance(cell, str):
        return _from_text(cell)
    if isinstance(cell, bool):
        return ("yes" if cell else "no"), ""
    if isinstance(cell, int):
        return str(cell), ("" if abs(cell) < 10**15 else _cut_short())
    if isinstance(cell, float):
        return _from_float(cell)
    if isinstance(cell, datetime):
        bare = cell.time() == time(0)
        return (cell.date().isoformat() if bare else cell.isoformat(" ")), ""
    if isinstance(cell, date):
        return cell.isoformat(), ""
    return str(cell), ""


def _from_float(number: float) -> tuple[str, str]:
    if number != number or number in (float("inf"), float("-inf")):
        return "", _("The cell shows an error of the spreadsheet.")
    if number.is_integer():
        if abs(number) >= 10**15:
            return str(int(number)), _cut_short()
        return str(int(number)), ""
    return format(number, ".12f").rstrip("0").rstrip("."), ""


def _cut_short() -> str:
    return _(
        "The spreadsheet has cut this number short. Format the column as text and type "
        "the number again."
    )


def _from_text(text: str) -> tuple[str, str]:
    if len(text) > MAX_CELL:
        return text[:MAX_CELL], _("The cell holds more than 10,000 characters.")
    bare = bare_cell(text)  # as our own exports write it
    if bare[:1] != text[:1]:
        return bare, ""
    text = bare
    if text in ERROR_CODES:
        return "", _("The cell shows an error of the spreadsheet.")
    if text.lstrip()[:1] in ("=", "＝"):
        return text, _("The cell holds a formula. Replace it by its value.")
    if match := _EXPONENT.fullmatch(text):
        whole, rest, power = match[1], match[2], int(match[3])
        if len(rest) >= power:
            digits = f"{whole}{rest}"
            tail = digits[power + 1 :].strip("0")
            return digits[: power + 1] + (f".{tail}" if tail else ""), ""
        if power > 5:
            return text, _cut_short()
    return text, ""
