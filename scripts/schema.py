# ruff: noqa: S608 - the queries hold nothing that comes from elsewhere
"""Prints what a database is made of, a line each, so that two can be compared.

    DATABASE_URL=sqlite:////tmp/a.sqlite3 python -m scripts.schema > a

Tables with their columns in order, indexes, constraints, triggers and functions; no rows.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

SQLITE = (
    "SELECT type, tbl_name, name, coalesce(sql, '') FROM sqlite_master"
    " WHERE name NOT LIKE 'sqlite_stat%'",
)
_OURS = "relnamespace = current_schema::regnamespace"
POSTGRESQL = (
    "SELECT 'table', relname, string_agg(concat_ws(' ', attname,"
    " format_type(atttypid, atttypmod),"
    " CASE WHEN attcollation <> typcollation THEN attcollation::regcollation::text END,"
    " CASE WHEN attnotnull THEN 'NOT NULL' END, nullif(attidentity, ''),"
    " pg_get_expr(adbin, adrelid)), ', ' ORDER BY attnum)"
    " FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
    " JOIN pg_type ON pg_type.oid = atttypid"
    " LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum"
    f" WHERE {_OURS} AND relkind = 'r' AND attnum > 0 AND NOT attisdropped"
    " GROUP BY relname",
    "SELECT 'index', relname, pg_get_indexdef(oid) FROM pg_class"
    f" WHERE {_OURS} AND relkind = 'i'",
    "SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid)"
    " FROM pg_constraint WHERE connamespace = current_schema::regnamespace",
    "SELECT 'trigger', relname, pg_get_triggerdef(pg_trigger.oid) FROM pg_trigger"
    f" JOIN pg_class ON pg_class.oid = tgrelid WHERE {_OURS} AND NOT tgisinternal",
    "SELECT 'function', proname, pg_get_functiondef(oid) FROM pg_proc"
    " WHERE pronamespace = current_schema::regnamespace AND prokind = 'f'",
)


def lines(connection: BaseDatabaseWrapper) -> list[str]:
    """Return what the database is made of, sorted. A definition may hold line breaks."""
    found = []
    with connection.cursor() as cursor:
        for query in SQLITE if connection.vendor == "sqlite" else POSTGRESQL:
            cursor.execute(query)
            found += [" | ".join(row) for row in cursor.fetchall()]
    return sorted(found)


def main() -> None:
    """Print the schema of the database that DATABASE_URL names."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heffl_portal.settings")
    import django

    django.setup()
    from django.db import connection

    sys.stdout.write("".join(f"{line}\n" for line in lines(connection)))


if __name__ == "__main__":
    main()
