"""What a client is found by, and what somebody searches for: both brought to one form.

Both lose case, double blanks, invisible characters and other scripts' digits, so that they
need only be compared letter by letter. How the index finds a text is search_index.py's.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clients_app.models.normal_form import normal_form

SHORTEST = 3
LONGEST_QUERY = 330
_MOST_WORDS = 12
_NAME_LENGTH = 330
_MOST_READ = 2 * _NAME_LENGTH
_TEXT_LENGTH = 2_000

# Stands before a name and, twice, before that: so one or two letters that a name begins
# with make a trigram of their own. Private use, like the marks of the index.
START = "\uf8ff"


def _plain(text: str) -> str:
    """Return text for comparing: NFKC, case folded, single blanks, nothing invisible."""
    folded = normal_form("NFKC", text[:_MOST_READ]).casefold()
    shown = (
        " " if unicodedata.category(char) == "Cc" else char
        for char in normal_form("NFC", folded)
        if unicodedata.category(char) not in {"Cf", "Cs", "Co", "Cn"}
    )
    return " ".join("".join(shown).split())


def _western(text: str) -> str:
    """Turn the digits of every script into 0–9."""
    return "".join(
        str(unicodedata.digit(char)) if char.isdigit() and not char.isascii() else char
        for char in text
    )


def name_key_for(name: str) -> str:
    """Return the form of a client's name that lists are sorted by (at most 330 characters)."""
    return _plain(name)[:_NAME_LENGTH].rstrip()


def search_text_for(
    display_name: str, answers: Mapping[str, Any], number: str = ""
) -> str:
    """Return the text a client is found by: name, number, e-mail, phone and tax number.

    `answers` are those of the form (input names). The number that Heffl issues is searched
    in its own column as well and need not be given. A phone is found with and without its +,
    and both phone and tax number by their digits alone.
    """
    names = [display_name]
    names += [
        str(answers.get(key) or "") for key in ("name", "first_name", "last_name")
    ]
    seen = " ".join(_plain(name) for name in names[:1])
    for name in map(_plain, names[1:]):
        if name not in seen:
            seen += f" | {name}"
    phone, tax = (
        str(answers.get(key) or "")[:_MOST_READ] for key in ("phone", "tax_number")
    )
    phone = re.sub(r"[^0-9+]", "", _western(phone))
    tax_digits = re.sub(r"[^0-9]", "", _western(tax))
    parts = [seen, number, str(answers.get("email") or ""), phone, tax]
    if tax_digits != tax:
        parts.append(tax_digits)
    return _western(" | ".join(filter(None, map(_plain, parts))))[:_TEXT_LENGTH]


@dataclass(frozen=True)
class Terms:
    """What somebody searches for: texts that must all occur.

    `prefix` is set when these are only one or two characters, which a name begins with (or
    a number, if it begins with a digit).
    """

    words: tuple[str, ...] = ()
    prefix: str = ""


def terms_of(query: str) -> Terms:
    """Take a search apart. Words of one or two letters stay with the word after them."""
    text = _western(_plain(query))
    if re.fullmatch(r"[\d\s()+./-]+", text):
        digits = re.sub(r"\D", "", text)
        if len(digits) >= 7:
            # A phone or tax number as people write them; 050 and 00971 lose their zeros.
            bare = digits.lstrip("0")
            return Terms((bare if len(bare) >= SHORTEST else digits,))
    if len(text) < SHORTEST:
        begins = START * (SHORTEST - len(text)) + text
        return Terms((begins,), text) if text else Terms()
    words: list[str] = []
    held = ""
    for word in text.split(" ")[:_MOST_WORDS]:
        held = f"{held} {word}".strip()
        if len(held) >= SHORTEST:
            words.append(held)
            held = ""
    if held and words:
        words[-1] = f"{words[-1]} {held}"
    return Terms(tuple(dict.fromkeys(words)))
