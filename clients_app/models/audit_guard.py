"""The triggers by which the database itself refuses to change or remove audit rows.

For both tables, the events and the seals over them, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from django.db.backends.base.base import BaseDatabaseWrapper

from clients_app.models.audit_event import AuditEvent
from clients_app.models.audit_seal import AuditSeal

GUARDED = (AuditEvent, AuditSeal)
_REFUSAL = "the audit trail is append-only"


def trigger_names(connection: BaseDatabaseWrapper) -> set[str]:
    """Return the names of the triggers that guard the two tables."""
    deeds = ["update", "delete"]
    if connection.vendor == "postgresql":
        deeds.append("truncate")
    return {f"{table._meta.db_table}_no_{deed}" for table in GUARDED for deed in deeds}


def _statements(vendor: str) -> list[str]:
    made = []
    if vendor == "postgresql":
        made.append(
            "CREATE OR REPLACE FUNCTION audit_is_append_only() RETURNS trigger AS "
            f"$$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$ LANGUAGE plpgsql"
        )
    for table in (each._meta.db_table for each in GUARDED):
        for deed in ("update", "delete"):
            each_row = "FOR EACH ROW" if vendor == "sqlite" else "FOR EACH STATEMENT"
            does = (
                f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
                if vendor == "sqlite"
                else "EXECUTE FUNCTION audit_is_append_only()"
            )
            made.append(
                f"CREATE TRIGGER {table}_no_{deed} BEFORE {deed.upper()} ON {table} "
                f"{each_row} {does}"
            )
        if vendor == "postgresql":
            made.append(
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
            )
    return made


def _drops(vendor: str) -> list[str]:
    made = []
    for table in (each._meta.db_table for each in GUARDED):
        on = f" ON {table}" if vendor == "postgresql" else ""
        for deed in ("update", "delete", "truncate"):
            made.append(f"DROP TRIGGER IF EXISTS {table}_no_{deed}{on}")
    return made


def guard_statements(vendor: str) -> tuple[list[str], list[str]]:
    """Return what takes the triggers away and what makes them, as SQL for one engine.

    On SQLite a migration that rebuilds one of the tables drops its triggers: such a
    migration makes them again as its last step, with SQL of its own.
    """
    return _drops(vendor), _statements(vendor)
