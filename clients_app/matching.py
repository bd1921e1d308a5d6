"""When are two clients the same? Names, e-mail addresses and phones in comparable form."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Mapping
from typing import Any


def normalised(text: str) -> str:
    """Return text for comparing: NFKC, case folded, single blanks."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def display_name(client_type: str, answers: Mapping[str, Any]) -> str:
    """Return what a client is called: its name, else first and last name."""
    if name := str(answers.get("name") or ""):
        return name
    if client_type == "company":
        return ""
    parts = (answers.get("first_name"), answers.get("last_name"))
    return " ".join(str(part) for part in parts if part)


def match_key(client_type: str, answers: Mapping[str, Any]) -> str:
    """Return a mark (64 hex digits) that look-alikes share: name, e-mail and phone."""
    parts = (
        client_type,
        normalised(display_name(client_type, answers)),
        normalised(str(answers.get("email") or "")),
        str(answers.get("phone") or ""),
    )
    return hashlib.sha256("\x00".join(parts).encode()).hexdigest()
