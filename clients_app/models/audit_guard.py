# ruff: noqa: S608 - only names of our own go into the SQL, values never do
"""The triggers by which the database itself keeps the audit trail append-only.

No row is changed or removed, and a new one stands at the end: an event has the next id
and comes after the last that is sealed, a seal follows the last seal and ends with an
event that is there. For both tables, on SQLite and on PostgreSQL.
"""

from __future__ import annotations

from clients_app.models.audit_event import AuditEvent
from clients_app.models.audit_seal import AuditSeal

EVENTS, SEALS = AuditEvent._meta.db_table, AuditSeal._meta.db_table
GUARDED = (EVENTS, SEALS)
_REFUSAL = "the audit trail is append-only"
_NO_CHANGE = "audit_is_append_only"
_LAST_SEALED = (
    f"coalesce((SELECT last_event FROM {SEALS} ORDER BY position DESC LIMIT 1), 0)"
)


def functions(vendor: str) -> dict[str, str]:
    """Return what the triggers call, name and body; SQLite's call nothing."""
    if vendor == "sqlite":
        return {}
    refuse = f"RAISE EXCEPTION '{_REFUSAL}'"
    # Ids are given out before the commit, so that a lower one may come after a higher
    # one: only what is sealed is certain. Whoever gives an id out holds off the sealing.
    event = (
        f"NEW.id < 1 OR NEW.id <= {_LAST_SEALED}"
        f" OR NEW.id > (SELECT last_value FROM {EVENTS}_id_seq)"
    )
    # Of two that seal at once, the second meets the primary key.
    seal = (
        f"NOT EXISTS (SELECT 1 FROM {SEALS} WHERE position = NEW.position)"
        f" AND (NEW.position <> 1 + coalesce((SELECT max(position) FROM {SEALS}), 0)"
        f" OR NEW.last_event <= {_LAST_SEALED}"
        f" OR NOT EXISTS (SELECT 1 FROM {EVENTS} WHERE id = NEW.last_event))"
    )
    return {
        _NO_CHANGE: f" BEGIN {refuse}; END ",
        **{
            f"{table}_in_order": f" BEGIN IF {wrong} THEN {refuse}; END IF; RETURN NEW; END "
            for table, wrong in ((EVENTS, event), (SEALS, seal))
        },
    }


def triggers(vendor: str) -> dict[str, str]:
    """Return the triggers, name and SQL, spelled as the database tells them back."""
    made = _sqlite_triggers() if vendor == "sqlite" else _postgresql_triggers()
    return {name: f"CREATE TRIGGER {name} {does}" for name, does in made.items()}


def _postgresql_triggers() -> dict[str, str]:
    made = {}
    for table in GUARDED:
        for deed in ("update", "delete", "truncate"):
            made[f"{table}_no_{deed}"] = (
                f"BEFORE {deed.upper()} ON {table}"
                f" FOR EACH STATEMENT EXECUTE FUNCTION {_NO_CHANGE}()"
            )
        made[f"{table}_in_order"] = (
            f"BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_in_order()"
        )
    return made


def _sqlite_triggers() -> dict[str, str]:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
    made = {}
    for table in GUARDED:
        for deed in ("update", "delete"):
            made[f"{table}_no_{deed}"] = (
                f"BEFORE {deed.upper()} ON {table} FOR EACH ROW {refuse}"
            )
    # INSERT OR REPLACE fires no delete trigger. An id that is not given reads as -1 before
    # the row is there, so that the order is looked at after it is.
    for table, same in ((EVENTS, "id = new.id"), (SEALS, "position = new.position")):
        made[f"{table}_no_replace"] = (
            f"BEFORE INSERT ON {table} FOR EACH ROW WHEN EXISTS (SELECT 1 FROM {table}"
            f" WHERE rowid > 0 AND ({same} OR rowid = new.rowid)) {refuse}"
        )
    last_id = f"SELECT id FROM {EVENTS} WHERE id <> new.id ORDER BY id DESC LIMIT 1"
    given = f"SELECT seq FROM sqlite_sequence WHERE name = '{EVENTS}'"
    made[f"{EVENTS}_in_order"] = (
        f"AFTER INSERT ON {EVENTS} FOR EACH ROW WHEN new.id < 1"
        f" OR new.id <= {_LAST_SEALED} OR new.id < coalesce(({last_id}), 0)"
        f" OR new.id > 1 + max(coalesce(({last_id}), 0), coalesce(({given}), 0)) {refuse}"
    )
    before = f"FROM {SEALS} WHERE rowid <> new.rowid ORDER BY position DESC LIMIT 1"
    made[f"{SEALS}_in_order"] = (
        f"AFTER INSERT ON {SEALS} FOR EACH ROW WHEN new.rowid < 1"
        f" OR EXISTS (SELECT 1 FROM {SEALS} WHERE rowid > new.rowid)"
        f" OR new.position <> 1 + coalesce((SELECT position {before}), 0)"
        f" OR new.last_event <= coalesce((SELECT last_event {before}), 0)"
        f" OR NOT EXISTS (SELECT 1 FROM {EVENTS} WHERE id = new.last_event) {refuse}"
    )
    return made


def _drops(vendor: str) -> list[str]:
    return [
        f"DROP TRIGGER IF EXISTS {name}"
        + (f" ON {sql.partition(' ON ')[2].split()[0]}" if vendor != "sqlite" else "")
        for name, sql in triggers(vendor).items()
    ]


def guard_statements(vendor: str) -> tuple[list[str], list[str]]:
    """Return what takes the triggers away and what makes them, as SQL for one engine.

    On SQLite a migration that rebuilds one of the tables drops its triggers: such a
    migration makes them again as its last step, with SQL of its own.
    """
    made = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger AS"
        f" $${body}$$ LANGUAGE plpgsql"
        for name, body in functions(vendor).items()
    ]
    return _drops(vendor), [*made, *triggers(vendor).values()]
