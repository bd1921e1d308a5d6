"""When are two clients the same? Names, e-mail addresses and phones in comparable form.

Two measures. `normalised` and `match_key` are strict: what delivery asks before it takes a
client of Heffl for one of ours. `client_keys` is generous: what a person is shown as a
possible duplicate folds spelling, hamza, legal suffixes and punctuation.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from clients_app.models.normal_form import normal_form

MOST = 5_000
"""Characters that are compared: no answer and no name of Heffl's has more."""
MOST_FOLDED = 1_000
"""Characters of a name or number that tell whether it may be a known one."""


def normalised(text: str) -> str:
    """Return text for comparing: NFKC, case folded, single blanks."""
    return " ".join(normal_form("NFKC", text[:MOST]).casefold().split())


def display_name(client_type: str, answers: Mapping[str, Any]) -> str:
    """Return what a client is called: its name, else first and last name, else ""."""
    if name := str(answers.get("name") or ""):
        return name
    if client_type == "company":
        return ""
    parts = (answers.get("first_name"), answers.get("last_name"))
    return " ".join(str(part) for part in parts if part)


def match_key(client_type: str, answers: Mapping[str, Any]) -> str:
    """Return a mark (64 hex digits) that look-alikes share: name, e-mail and phone.

    `answers` are cleaned ones by input name.
    """
    parts = (
        client_type,
        normalised(display_name(client_type, answers)),
        normalised(str(answers.get("email") or "")),
        str(answers.get("phone") or ""),
    )
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()


# Letters that are written for one another, or not at all. Composed letters (أ, é) come
# apart before this is asked, and lose their marks.
_LETTERS = str.maketrans(
    {"ى": "ي", "ی": "ي", "ئ": "ي", "ؤ": "و", "ة": "ه", "ە": "ه", "ہ": "ه", "ھ": "ه",
     "ک": "ك", "ٱ": "ا", "ء": None, "ـ": None, "&": " and ", "'": None, "’": None,
     "`": None, ".": None, "·": None}
)  # fmt: skip
_LAST = frozenset((
    "llc", "fz", "fze", "fzc", "fzco", "fzllc", "dmcc", "ltd", "limited", "inc", "incorporated",
    "co", "company", "corp", "corporation", "plc", "llp", "lp", "gmbh", "ag", "sa", "sarl",
    "sas", "bv", "nv", "pvt", "private", "pjsc", "psc", "pjs", "jsc", "wll", "spc", "opc",
    "est", "establishment", "and", "ذمم", "شمم", "شمع", "شذمم", "شمح", "ممح", "مم", "محدوده",
    "المحدوده", "شركه", "موسسه", "وشركاه", "وشركاوه",
))  # fmt: skip
_FIRST = frozenset(("the", "messrs", "شركه", "موسسه"))
# A mark over or under a letter; the vowels of Thai and of the scripts of India stay.
_MARKS = range(10, 36), range(202, 241)
_NO_NUMBER = re.compile(r"(.)\1*|n?a|none|nil|unknown|tba|tbc")
SHORTEST_NUMBER = 5


def folded_name(name: str) -> str:
    """Return a name without what differs between two spellings of it.

    Case, blanks, punctuation, accents, harakat, tatweel; alef, hamza, ya and ta marbuta;
    legal forms at its end (LLC, FZ-LLC, ذ.م.م) and "the", "M/S" and شركة before it. A name
    of nothing but those is kept as it is. "" only where there is no letter or digit.
    """
    text = normal_form("NFKD", normal_form("NFKC", name[:MOST_FOLDED]).casefold())
    bare = "".join(
        char if unicodedata.category(char)[0] in "LNM" else " "
        for char in text.translate(_LETTERS)
        if not any(unicodedata.combining(char) in marks for marks in _MARKS)
        and unicodedata.category(char) != "Cf"
    )
    words = normal_form("NFC", bare).split()
    start = 2 if words[:2] == ["m", "s"] else 0
    while start < len(words) - 1 and words[start] in _FIRST:
        start += 1
    kept = words[start:]
    while len(kept) > 1 and (cut := _legal_form(kept)):
        del kept[-cut:]
    # "Al Noor", "Al-Noor" and "AlNoor" are one: blanks do not count.
    return "".join(kept or words)


def _legal_form(words: list[str]) -> int:
    """Return how many of the last words are one legal form; "L L C" is three."""
    if words[-1] in _LAST:
        return 1
    for many in (4, 3, 2):
        last = words[-many:]
        spelled = len(words) > many and all(len(word) == 1 for word in last)
        if spelled and "".join(last) in _LAST:
            return many
    return 0


def folded_email(email: str) -> str:
    """Return an e-mail address for comparing; "" for what is none."""
    text = normalised(email).replace(" ", "")
    return text if "@" in text else ""


def folded_phone(phone: str) -> str:
    """Return the digits of an international number; "" for fewer than five."""
    digits = _digits_of(phone).removeprefix("00")
    return digits if len(digits) >= SHORTEST_NUMBER else ""


def folded_tax_number(number: str) -> str:
    """Return letters and digits alone; "" for stand-ins such as "N/A" and "00000"."""
    text = normal_form("NFKC", number[:MOST_FOLDED]).casefold()
    text = "".join(_western(char) for char in text if char.isalnum())
    return "" if len(text) < SHORTEST_NUMBER or _NO_NUMBER.fullmatch(text) else text


def _digits_of(text: str) -> str:
    return "".join(_western(char) for char in text[:MOST_FOLDED] if char.isdecimal())


def _western(char: str) -> str:
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def client_keys(client_type: str, answers: Mapping[str, Any]) -> dict[int, str]:
    """Return what a client may be known by: a 64-bit mark of each, and its kind.

    Kinds: "email", "phone", "tax_number" and "name" (a contact may have two names). The
    first three match across client types, a name within one.
    """
    names = [display_name(client_type, answers)]
    if client_type != "company":
        names.append(display_name(client_type, {**answers, "name": ""}))
    found = [
        ("tax_number", folded_tax_number(str(answers.get("tax_number") or ""))),
        ("email", folded_email(str(answers.get("email") or ""))),
        ("phone", folded_phone(str(answers.get("phone") or ""))),
        *(("name", folded_name(name)) for name in dict.fromkeys(names)),
    ]
    keys: dict[int, str] = {}
    for kind, text in found:
        if text:
            space = f"{kind}-{client_type}" if kind == "name" else kind
            keys.setdefault(_mark(f"{space}\x00{text}"), kind)
    return keys


def _mark(text: str) -> int:
    short = hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
    return int.from_bytes(short, "big", signed=True)
