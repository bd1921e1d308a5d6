"""Are the database's guards of the audit trail what they should be?

Looks for triggers and functions that are missing, switched off, altered or emptied, and
for foreign ones that could swallow an event before it is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connection

from clients_app.models import audit_guard

_SQLITE = (
    "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name IN (%s, %s)"
    " UNION ALL"
    " SELECT name, sql FROM sqlite_temp_master WHERE type = 'trigger' AND tbl_name IN (%s, %s)"
)
_POSTGRESQL = (
    "SELECT tgname, pg_get_triggerdef(pg_trigger.oid, true), tgenabled IN ('O', 'A'),"
    " proname, prosrc, lanname = 'plpgsql' AND proconfig IS NULL"
    " FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid"
    " JOIN pg_language ON pg_language.oid = prolang"
    " WHERE NOT tgisinternal AND tgrelid IN (%s::regclass, %s::regclass)"
)
_RULES = (
    "SELECT rulename FROM pg_rewrite WHERE ev_class IN (%s::regclass, %s::regclass)"
    " UNION ALL SELECT relname || ' (row security)' FROM pg_class"
    " WHERE relrowsecurity AND oid IN (%s::regclass, %s::regclass)"
)


def problems() -> list[str]:
    """Return what is amiss with the guards, each in a few words; [] when nothing is."""
    looked = _on_sqlite() if connection.vendor == "sqlite" else _on_postgresql()
    return sorted(looked)


def _rows(query: str) -> list[Any]:
    tables = audit_guard.GUARDED * (query.count("%s") // 2)
    with connection.cursor() as cursor:
        cursor.execute(query, tables)
        return list(cursor.fetchall())


def _plain(sql: str) -> str:
    return " ".join(sql.split())


def _on_sqlite() -> Iterator[str]:
    wanted = audit_guard.triggers("sqlite")
    yield from _told(wanted, dict(_rows(_SQLITE)))


def _told(wanted: dict[str, str], found: dict[str, str]) -> Iterator[str]:
    for name, sql in wanted.items():
        if name not in found:
            yield f"trigger {name} is missing"
        elif _plain(found[name]) != _plain(sql):
            yield f"trigger {name} was altered"
    for name in found.keys() - wanted.keys():
        yield f"trigger {name} is not the portal's"


def _on_postgresql() -> Iterator[str]:
    bodies = audit_guard.functions("postgresql")
    rows = _rows(_POSTGRESQL)
    yield from _told(
        audit_guard.triggers("postgresql"), {row[0]: row[1] for row in rows}
    )
    for name, _sql, on, _function, _body, _plain_language in rows:
        if not on:
            yield f"trigger {name} is disabled"
    called = {function: (body, plain) for *_, function, body, plain in rows}
    for name, (body, plain) in called.items():
        if name in bodies and (body != bodies[name] or not plain):
            yield f"function {name} was altered"
    for (name,) in _rows(_RULES):
        yield f"rule {name} is not the portal's"
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('session_replication_role')")
        if cursor.fetchone()[0] == "replica":
            yield "session_replication_role switches every trigger off"
