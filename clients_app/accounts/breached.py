"""No new password may be one that was leaked before: guessers try those first.

The list lies beside this module and asks nobody: the first bytes of a digest of each leaked
password that is long enough to be chosen here, sorted. It is searched in the file, not read
into memory. scripts/breached.py makes it and says what of.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

FILE = Path(__file__).with_name("breached.bin")
WIDTH = 5
"""Bytes of each digest: one harmless password in seven million is refused by mistake."""
MOST = 500
"""Characters looked at; no leaked password is nearly as long."""


def plain(password: str) -> str:
    """Return what a guesser would make of a password: no capitals, nothing around it."""
    return password[:MOST].strip().lower()


def mark_of(password: str) -> bytes:
    """Return what stands for a plain password in the list."""
    return hashlib.sha256(password.encode(errors="replace")).digest()[:WIDTH]


def _holds(marks: BinaryIO, wanted: bytes) -> bool:
    low, high = 0, FILE.stat().st_size // WIDTH
    while low < high:
        middle = (low + high) // 2
        marks.seek(middle * WIDTH)
        found = marks.read(WIDTH)
        if found == wanted:
            return True
        if found < wanted:
            low = middle + 1
        else:
            high = middle
    return False


def is_breached(password: str) -> bool:
    """Say whether a password, however it is written, is on the list."""
    with FILE.open("rb") as marks:
        return _holds(marks, mark_of(plain(password)))


class BreachedPasswordValidator:
    """Refuses leaked passwords; one of AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: object = None) -> None:
        """Raises ValidationError, in words for people."""
        if is_breached(password):
            raise ValidationError(
                _(
                    "This password was leaked from another site once, so guessers try "
                    "it first. Choose another one."
                ),
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return _("Your password must not be one that was leaked anywhere before.")
