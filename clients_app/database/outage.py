"""Tells a database that is away from a fault of ours, and names it without its text.

The text of a database error may hold values, users and hosts; its code holds none.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.utils import DatabaseError, InterfaceError, OperationalError

RETRY_AFTER = 10
"""Seconds after which to ask again."""

# Connections, who may connect, resources, an operator's stop, the system, broken files.
_CLASSES = frozenset({"08", "28", "53", "57", "58", "XX"})
# A server that only reads, a session that was ended, no such database, a lock not got.
_STATES = frozenset({"25006", "25P03", "3D000", "40001", "40P01", "55P03"})
# PERM BUSY LOCKED NOMEM READONLY INTERRUPT IOERR CORRUPT FULL CANTOPEN PROTOCOL NOLFS NOTADB
_SQLITE = frozenset({3, 5, 6, 7, 8, 9, 10, 11, 13, 14, 15, 22, 26})
# A connection that was not made has no code, and the words of its server or the system.
_WORDS = (
    ("too many clients", "53300"),
    ("too many connections", "53300"),
    ("remaining connection slots", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
    ("not accepting", "57P03"),
    ("not yet accepting", "57P03"),
    ("recovery mode", "57P03"),
    ("authentication failed", "28P01"),
    ("pg_hba.conf", "28000"),
    ("does not exist", "3D000"),
    ("refused", "08001 refused"),
    ("no such file", "08001 no socket"),
    ("timeout", "08001 timeout"),
    ("timed out", "08001 timeout"),
    ("host name", "08001 unknown host"),
    ("connection failed", "08001"),
    ("closed", "08006"),
    ("lost", "08006"),
    ("database is locked", "SQLITE_BUSY"),
    ("database file is gone", "SQLITE_CANTOPEN"),
)
TOO_MANY = "53300"


def of(error: BaseException | None) -> BaseException | None:
    """Return the outage behind an error, None where there is none.

    What is raised while an outage is dealt with is that outage.
    """
    return next((each for each in _behind(error) if _is_outage(each)), None)


def _behind(error: BaseException | None) -> Iterator[BaseException]:
    for _step in range(20):
        if error is None:
            return
        yield error
        hidden = error.__suppress_context__
        error = error.__cause__ or (None if hidden else error.__context__)


def _is_outage(error: BaseException) -> bool:
    if not isinstance(error, (DatabaseError, InterfaceError)):
        return False
    driver = error.__cause__
    if state := getattr(driver, "sqlstate", None):
        return state[:2] in _CLASSES or state in _STATES
    if number := getattr(driver, "sqlite_errorcode", None):
        return number & 0xFF in _SQLITE
    if "sqlite3" in type(driver).__module__:
        return False  # a value that cannot be bound
    return isinstance(error, (OperationalError, InterfaceError))


def code_of(error: BaseException) -> str:
    """Return SQLSTATE or SQLite's name of a database error; "" where nobody said one."""
    driver = error.__cause__ or error
    for name in ("sqlstate", "sqlite_errorname"):
        if code := getattr(driver, name, None):
            return str(code)
    text = str(driver).lower()
    return next((code for words, code in _WORDS if words in text), "")


def told(error: BaseException) -> dict[str, str]:
    """Return what a log line may say of a database error: its class and its code."""
    return {"reason": type(error).__name__, "code": code_of(error)}
