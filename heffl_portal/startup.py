"""Turns the faults a start can meet into one paragraph that says how to fix them."""

from __future__ import annotations

import base64
import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit


class StartupError(Exception):
    """The process cannot start; the text says what is wrong and how to mend it."""


def lend_secrets() -> None:
    """Give this process secrets of the moment, where it has none.

    They stand in its environment and go with it: nothing sealed with them opens again.
    """
    for name, value in (
        ("SECRET_KEY", secrets.token_urlsafe(64)),
        ("PORTAL_KEYRING", f"lent:{base64.b64encode(os.urandom(32)).decode()}"),
    ):
        if f"{name}_FILE" not in os.environ:
            os.environ.setdefault(name, value)


def _database_in_words() -> str:
    url = os.environ.get("DATABASE_URL", "")
    if not url:
        return "the SQLite file in var/"
    try:
        parts = urlsplit(url)
        if parts.scheme.startswith("sqlite"):
            return f"the SQLite file {parts.path[1:] or '(no path)'}"
        return f"{parts.scheme}://{parts.hostname or 'local socket'}:{parts.port or 5432}{parts.path}"
    except ValueError:
        return "the address in DATABASE_URL"


def _database_paragraph(error: Exception) -> str | None:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    lowered = text.lower()
    where = _database_in_words()
    if "unable to open database file" in lowered or "readonly database" in lowered:
        return (
            f"The database cannot be opened or written: {where}. Make sure that its folder "
            "exists and that this user may write there, or point DATABASE_URL elsewhere."
        )
    if (
        "no such table" in lowered
        or "does not exist" in lowered
        and "relation" in lowered
    ):
        return (
            f"The database has no tables yet: {where}. "
            "Run `python manage.py migrate` and start again."
        )
    if (
        ("role" in lowered or "database" in lowered)
        and "does not exist" in lowered
        or ("authentication failed" in lowered)
    ):
        return (
            f"The database server refuses: {where}. Its user, password or database is "
            "not known there; create them, or correct DATABASE_URL."
        )
    if "not a database" in lowered or "malformed" in lowered:
        return (
            f"The database file is damaged or is no database: {where}. "
            "Restore the last backup (docs/operations.md, Restore): move the file away, then "
            "run `python manage.py restore FILE`."
        )
    if "database is locked" in lowered:
        return f"The database stayed locked by another process: {where}. Try again."
    if any(
        sign in lowered
        for sign in ("connection", "could not", "failed", "refused", "password", "role")
    ):
        return (
            f"The database cannot be reached: {where}. Start the database server, or "
            "correct DATABASE_URL, and try again."
        )
    return None


@contextmanager
def explained() -> Iterator[None]:
    """Run a start; on a known fault print one paragraph to stderr and exit with 1."""
    try:
        yield
    except StartupError as error:
        sys.exit(f"Heffl Portal cannot start: {error}")
    except PermissionError as error:
        if error.filename is None:
            raise
        sys.exit(
            f"Heffl Portal cannot go on: this user may not use {error.filename}. "
            "Give it access, or start as the user whom the file belongs to."
        )
    except Exception as error:
        from django.core.exceptions import ImproperlyConfigured
        from django.db.utils import DatabaseError, InterfaceError

        if isinstance(error, ImproperlyConfigured):
            sys.exit(f"Heffl Portal cannot start: {error}")
        if isinstance(error, (DatabaseError, InterfaceError)):
            paragraph = _database_paragraph(error)
            if paragraph:
                sys.exit(f"Heffl Portal cannot go on: {paragraph}")
        raise
