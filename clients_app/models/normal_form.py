"""Unicode's normal forms in steps that grow with the text, whatever it holds.

`unicodedata` sorts the marks over one letter by insertion: 40,000 of them keep a processor
busy for seconds, and nothing else runs in that process meanwhile. Here a long run of marks
is sorted before it is handed over; the result is the same to the character.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]

_SHORT = 256
"""Up to so many characters nothing is worth looking at first."""
_LONG_RUN = re.compile(rb"[^\0]{32,}")


def normal_form(form: Form, text: str) -> str:
    """Return what unicodedata.normalize(form, text) returns."""
    if len(text) > _SHORT and not text.isascii():
        text = _in_order(form, text)
    return unicodedata.normalize(form, text)  # noqa: TID251 - nothing is left to sort


def _in_order(form: Form, text: str) -> str:
    """Return an equal text that has no long run of marks out of order.

    A run may only show when letters are taken apart: some are made of marks alone.
    """
    apart = _apart("NFKD" if "K" in form else "NFD", text)
    classes = bytes(map(unicodedata.combining, apart))
    runs = list(_LONG_RUN.finditer(classes))
    if not runs:
        return text
    pieces, end = [], 0
    for run in runs:
        pieces.append(apart[end : run.start()])
        marks = zip(run[0], apart[run.start() : run.end()], strict=True)
        pieces += [mark for _class, mark in sorted(marks, key=lambda pair: pair[0])]
        end = run.end()
    return "".join([*pieces, apart[end:]])


def _apart(form: Form, text: str) -> str:
    """Return a text with each of its letters taken apart, the marks left as they came."""
    letters = {ord(one): unicodedata.normalize(form, one) for one in set(text)}  # noqa: TID251 - one character
    return text.translate(letters)
