# ruff: noqa: S608 - only names of tables go into the SQL, quoted
"""What a database has had done to it: migrations and rows; and bringing it up to date."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.core.management import call_command
from django.db import Error as DatabaseFault
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from clients_app.backup.errors import BackupError, in_words

Ask = Callable[[str], list[tuple[Any, ...]]]
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE"
    " 'sqlite_%' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
    "postgresql": "SELECT relname FROM pg_class WHERE relkind = 'r'"
    " AND relnamespace = current_schema()::regnamespace ORDER BY relname",
}
MIGRATIONS = "django_migrations"
APP = "clients_app"


def asked(sql: str) -> list[tuple[Any, ...]]:
    """Ask the database of the settings."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return list(cursor.fetchall())


def rows(ask: Ask, engine: str) -> dict[str, int]:
    """Count the rows of every table."""
    names = [str(name) for (name,) in ask(TABLES[engine])]
    quoted = {name: '"' + name.replace('"', '""') + '"' for name in names}
    return {name: ask(f"SELECT count(*) FROM {quoted[name]}")[0][0] for name in names}


def migrations(ask: Ask, tables: Iterable[str]) -> list[tuple[str, str]]:
    """Return what was applied. Raises BackupError where it is not the portal's tables."""
    found: list[tuple[str, str]] = []
    if MIGRATIONS in tables:
        found = [
            (str(app), str(name))
            for app, name in ask(
                f"SELECT app, name FROM {MIGRATIONS} ORDER BY app, name"
            )
        ]
    if not any(app == APP for app, _ in found):
        raise BackupError(
            "There is nothing to back up: the database has no tables yet."
        )
    return found


def unknown(applied: Iterable[tuple[str, str]]) -> list[str]:
    """Return those migrations that this version of the program does not have."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    known = set(loader.disk_migrations)
    for migration in loader.disk_migrations.values():
        known |= {(str(app), str(name)) for app, name in migration.replaces}
    return sorted(f"{app} {name}" for app, name in set(applied) - known)


def migrate() -> int:
    """Apply what is missing, one migration after the other; return how many there were.

    Raises BackupError that names the one that failed.
    """
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    for step, _backwards in plan:
        _apply(f"{step.app_label} {step.name}", step.app_label, step.name)
    _apply("the last step")  # what replaces others is noted, and listeners are told
    return len(plan)


def _apply(title: str, *what: str) -> None:
    try:
        call_command("migrate", *what, verbosity=0, interactive=False)
        # On PostgreSQL all run in one transaction, and what one has left to be checked at
        # its end keeps the next from changing the table.
        connection.check_constraints()
    except Exception as error:  # noqa: BLE001 - a migration may raise anything
        known = isinstance(error, (OSError, DatabaseFault))
        why = in_words(error) if known else f"It raised {type(error).__name__}."
        raise BackupError(
            f"What is in the backup could not be brought to this version: the migration "
            f"{title} failed. {why}"
        ) from None
