"""Cleaning of what people type: one function for every door, before anything is checked.

Pure functions; nothing here knows a form, a field or a language.
"""

from __future__ import annotations

import re
import unicodedata
from datetime import date

from clients_app.models.normal_form import normal_form

# Arabic-Indic and Persian digits pass `isdigit()`, and Heffl would receive them as they are.
_DIGITS = {
    ord(digit): str(value)
    for digits in ("٠١٢٣٤٥٦٧٨٩", "۰۱۲۳۴۵۶۷۸۹")
    for value, digit in enumerate(digits)
}
# Marks that only steer the direction of text; they make equal names look different.
_BIDI = {ord(mark): None for mark in "\u061c\u200e\u200f"}
_BIDI |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_REPLACED = _DIGITS | _BIDI | {ord("\t"): " "}
_NEW_LINE = re.compile("\r\n|[\r\x85\u2028\u2029]")
# Controls other than a line break, lone surrogates, and what stands for no text.
_UNUSABLE = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")
# Every kind of blank, with the zero-width ones that come along when text is pasted.
_BLANKS = "\n \u00a0\u1680\u202f\u205f\u3000\u00ad\u200b\u2060\ufeff"
_BLANKS += "".join(map(chr, range(0x2000, 0x200B)))
# Letters and signs in name only: fillers that show nothing at all.
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0")


LONGEST = 50_000
"""No field takes so many characters, whatever is cleaned away of them."""


class UnusableText(ValueError):
    """The text holds a character that can be neither stored nor shown."""


def clean_text(value: str, *, multiline: bool = False) -> str:
    """Return what was meant by `value`, or "" when nothing of it can be seen.

    Composes (NFC), turns Arabic-Indic and Persian digits into 0–9, removes marks that
    only steer direction, and outer spaces. Line breaks stay where `multiline`, else
    become spaces. Raises UnusableText for NUL, other control characters, lone surrogates
    and U+FFFD, which stands for bytes that were no text, and for what is longer than
    `LONGEST`.
    """
    value = value.strip()
    if len(value) > LONGEST:
        raise UnusableText
    if value.isascii() and value.isprintable():
        return value
    text = _NEW_LINE.sub("\n", value).translate(_REPLACED)
    if not multiline:
        text = text.replace("\n", " ")
    if _UNUSABLE.search(text):
        raise UnusableText
    text = normal_form("NFC", text).strip(_BLANKS)
    return text if any(map(_is_visible, text)) else ""


def _is_visible(char: str) -> bool:
    return unicodedata.category(char)[0] in "LNPS" and char not in _INVISIBLE


_MINUS = str.maketrans(
    {"−": "-", "٫": ".", "٬": ",", "،": ",", "\u00a0": " ", "\u202f": " "}
)
_NUMBER = re.compile(
    r"(?P<sign>[+-]?) ?(?P<whole>\d+|\d{1,3}(?:[, ]\d{2,3})*[, ]\d{3})?(?:\.(?P<rest>\d+))?",
    re.ASCII,
)


def decimal_text(value: str) -> str | None:
    """Return a cleaned text as a plain decimal ("-1,234.50" → "-1234.50"), else None.

    Commas and spaces may only stand between thousands: "1,5" is not a number, since it
    means fifteen tenths to some people and nothing to others.
    """
    match = _NUMBER.fullmatch(value.translate(_MINUS)) if len(value) <= 60 else None
    if match is None or not (match["whole"] or match["rest"]):
        return None
    whole = re.sub("[, ]", "", match["whole"] or "").lstrip("0") or "0"
    number = f"{whole}.{match['rest']}" if match["rest"] else whole
    return f"-{number}" if match["sign"] == "-" and number.strip("0.") else number


_DATE = re.compile(r"(\d{1,4})([-./ ])(\d{1,2})\2(\d{1,4})", re.ASCII)


def iso_date(value: str) -> str | None:
    """Return a cleaned text as a date ("31/12/2026" → "2026-12-31"), else None.

    Where the year comes last, the day comes first. "05/06/2026" is the fifth of June to
    some people and the sixth of May to others: it is understood only where one of the two
    numbers cannot be a month, or where both are the same.
    """
    match = _DATE.fullmatch(value)
    if match is None:
        return None
    first, _sign, second, last = match.groups()
    if len(first) == 4 and len(last) <= 2:
        return _day(first, second, last)
    if len(last) != 4 or len(first) > 2:
        return None
    readings = {_day(last, second, first), _day(last, first, second)} - {None}
    return readings.pop() if len(readings) == 1 else None


def _day(year: str, month: str, day: str) -> str | None:
    try:
        return date(int(year), int(month), int(day)).isoformat()
    except ValueError:
        return None
