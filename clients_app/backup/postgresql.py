# ruff: noqa: S608 - names of tables and databases go into the SQL, quoted
"""PostgreSQL: dumped by pg_dump at one moment, restored in one transaction of our own.

pg_restore only prints what is in the archive, and this sends it: so that the tables, their
migration to this version and the hold become true together, or not at all.
"""

from __future__ import annotations

import contextlib
import itertools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseFault
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from clients_app.backup import schema, script
from clients_app.backup.errors import BackupError, first_line
from clients_app.backup.manifest import Contents, Manifest

ENGINE = "postgresql"
_SYSTEM = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_ALONE = (
    "NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')"
)
OBJECTS = (
    "SELECT n.nspname || '.' || o.relname FROM pg_class o"
    " JOIN pg_namespace n ON n.oid = o.relnamespace"
    f" WHERE o.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND {_SYSTEM} AND {_ALONE}"
    " UNION ALL SELECT n.nspname || '.' || o.proname FROM pg_proc o"
    f" JOIN pg_namespace n ON n.oid = o.pronamespace WHERE {_SYSTEM} AND {_ALONE}"
    " UNION ALL SELECT n.nspname || '.' || o.typname FROM pg_type o"
    " JOIN pg_namespace n ON n.oid = o.typnamespace"
    f" WHERE o.typtype IN ('e', 'd', 'r') AND {_SYSTEM} AND {_ALONE} ORDER BY 1"
)
_FOREVER = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
_BATCH = 500


def _one(sql: str) -> str:
    return str(schema.asked(sql)[0][0])


def _main_version(number: int) -> int:
    return number // 10_000


def _parameters() -> dict[str, Any]:
    try:
        return connection.get_connection_params()
    except ImproperlyConfigured as error:
        raise BackupError(f"DATABASE_URL: {first_line(str(error))}.") from None


def _role() -> list[str]:
    role = connection.settings_dict["OPTIONS"].get("assume_role")
    return [f"--role={role}"] if role else []


@contextlib.contextmanager
def _patient(isolation: str = "") -> Iterator[None]:
    """Open a transaction that may take as long as it needs."""
    connection.close()  # a new session: nothing that it is set to here stays
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            if isolation:
                cursor.execute(f"SET TRANSACTION {isolation}")
            for name in _FOREVER:
                cursor.execute(f"SET LOCAL {name} = 0")
            yield
    finally:
        connection.close()


def dump(target: Path, handle: int) -> Contents:
    """Have pg_dump write the database, as it is at one moment, into an empty file."""
    with _patient("ISOLATION LEVEL REPEATABLE READ, READ ONLY"):
        version = _main_version(int(_one("SHOW server_version_num")))
        path, tool = script.program("pg_dump", version)
        rows = schema.rows(schema.asked, ENGINE)
        applied = schema.migrations(schema.asked, rows)
        where = _one("SELECT current_schema()")
        quoted = where.replace('"', '""')
        command = [
            path,
            "--format=custom",
            f"--snapshot={_one('SELECT pg_export_snapshot()')}",
            f'--schema="{quoted}"',
            "--no-owner",
            "--no-privileges",
            "--no-comments",
            "--no-password",
            *_role(),
        ]
        with script.running(command, handle, script.environment(_parameters())):
            pass
        name = _one("SELECT current_database()")
    return Contents(ENGINE, name, applied, rows, where, tool)


@contextlib.contextmanager
def _script(
    path: Path, contents: Contents, *sections: str
) -> Iterator[Iterator[bytes]]:
    """Have pg_restore print parts of an archive; a schema is there before its tables."""
    restore, _ = script.program("pg_restore", contents.tool)
    command = [restore, "--no-owner", "--no-privileges", "--no-comments"]
    command += ["--no-tablespaces", f"--schema={contents.schema}", "--file=-"]
    command += [f"--section={each}" for each in sections]
    with script.running([*command, str(path.absolute())], subprocess.PIPE) as output:
        assert output is not None  # noqa: S101 - it was asked for
        yield iter(output)


def verify(path: Path, contents: Contents) -> None:
    """Read an archive from end to end. Raises BackupError when it is not whole."""
    with _script(path, contents, "pre-data", "post-data") as lines:
        for _line in lines:
            pass
    found: dict[str, int] = {}
    with _script(path, contents, "data") as lines:
        for statement, rows in script.tables(lines):
            if statement.startswith("COPY "):
                found[script.table_name(statement)] = sum(1 for _row in rows)
    if found != contents.rows:
        raise BackupError("The copy is not whole: tables or rows are missing.")


def require_empty() -> None:
    """Raise BackupError where the database has anything in it. It may be missing."""
    try:
        found = schema.asked(OBJECTS)
    except OperationalError:
        with _elsewhere() as server:
            if server is None or _is_there(server):
                raise
        return
    if found:
        names = ", ".join(str(name) for (name,) in found[:3])
        raise BackupError(
            f"The database {_one('SELECT current_database()')} is not empty (it has "
            f"{names}{' and more' if len(found) > 3 else ''}), and a restore fills only an "
            "empty database. Stop the portal, rename this one and make a new one: "
            "docs/operations.md, Restore."
        )


@contextlib.contextmanager
def _elsewhere() -> Iterator[BaseDatabaseWrapper | None]:
    """Lend a connection to the same server that needs no database of ours, or None."""
    for name in ("postgres", "template1"):
        server = connection.copy()
        server.settings_dict = {**connection.settings_dict, "NAME": name}
        try:
            server.ensure_connection()
        except OperationalError:
            continue
        try:
            yield server
        finally:
            server.close()
        return
    yield None


def _is_there(server: BaseDatabaseWrapper) -> bool:
    with server.cursor() as cursor:
        name = connection.settings_dict["NAME"]
        cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
        return cursor.fetchone() is not None


@contextlib.contextmanager
def _made_if_missing() -> Iterator[None]:
    """Make the database where there is none; it goes again when this fails."""
    with _elsewhere() as server:
        if server is None or _is_there(server):
            yield
            return
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        try:
            with server.cursor() as cursor:
                cursor.execute(
                    f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"
                )
        except ProgrammingError as error:
            raise BackupError(
                f"The database {name} is not there and could not be made "
                f"({first_line(str(error))}). Have it made: docs/operations.md, Database."
            ) from None
        try:
            yield
        except BaseException:
            connection.close()
            with contextlib.suppress(DatabaseFault), server.cursor() as cursor:
                cursor.execute(f"DROP DATABASE {name}")
            raise


@contextlib.contextmanager
def filling(path: Path, told: Manifest) -> Iterator[None]:
    """Load a backup in a transaction, and lend that: it ends when this is left."""
    with _made_if_missing(), _patient():
        require_empty()
        where = _one("SELECT current_schema()")
        if where != told.contents.schema:
            raise BackupError(
                f"The backup is of the schema {told.contents.schema}, and DATABASE_URL leads "
                f"to {where}."
            )
        path_of_names = _one("SHOW search_path")
        _load(path, told.contents)
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('search_path', %s, false)", [path_of_names]
            )
        if schema.rows(schema.asked, ENGINE) != told.contents.rows:
            raise BackupError("The backup is not whole: tables or rows are missing.")
        connection.check_constraints()
        yield
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _load(path: Path, contents: Contents) -> None:
    with connection.cursor() as cursor:
        with _script(path, contents, "pre-data") as lines:
            cursor.execute(script.statements(lines).decode())
        with _script(path, contents, "data") as lines:
            for statement, rows in script.tables(lines):
                if not statement.startswith("COPY "):
                    cursor.execute(statement)
                    continue
                with connection.wrap_database_errors, cursor.copy(statement) as copy:
                    while batch := b"".join(itertools.islice(rows, _BATCH)):
                        copy.write(batch)
        with _script(path, contents, "post-data") as lines:
            cursor.execute(script.statements(lines).decode())
