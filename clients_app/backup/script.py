"""pg_dump and pg_restore: found, of the right version, told where, and read line by line.

Where the database is and its password travel in the environment, which `ps` does not show.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from psycopg import pq

from clients_app.backup.errors import NO_ROOM, BackupError, first_line

_COPY = re.compile(rb"COPY .* FROM stdin;\n")
_META = (b"\\restrict ", b"\\unrestrict ")  # psql's own words, from 2025 on
_UNKNOWN_BEFORE_17 = b"SET transaction_timeout = 0;\n"
PIECE = 1 << 20


def program(name: str, oldest: int) -> tuple[str, int]:
    """Return a program's path and main version.

    Raises BackupError that says what to install where it is missing or older than that.
    """
    wanted = (
        f"Install PostgreSQL's client programs, version {oldest} or later (on Debian and "
        f"Ubuntu: apt install postgresql-client-{oldest}), or put their directory first in "
        "PATH."
    )
    path = shutil.which(name)
    if path is None:
        raise BackupError(f"The program {name} is not there. {wanted}")
    told = subprocess.run(  # noqa: S603 - a program of PostgreSQL's
        [path, "--version"], capture_output=True, text=True, check=False
    ).stdout
    found = re.search(r"\(PostgreSQL\) (\d+)", told)
    if found is None:
        raise BackupError(f"{path} does not tell its version. {wanted}")
    if int(found[1]) < oldest:
        raise BackupError(f"{path} is of version {found[1]}. {wanted}")
    return path, int(found[1])


def environment(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the environment in which PostgreSQL's programs find the database."""
    made = dict(os.environ)
    for option in pq.Conninfo.get_defaults():
        value = parameters.get(option.keyword.decode())
        if value is None:
            continue
        if option.envvar is not None:
            made[option.envvar.decode()] = str(value)
        elif option.dispchar == b"*":
            raise BackupError(
                f"DATABASE_URL carries {option.keyword.decode()}, which pg_dump takes from "
                "its command line alone, where everybody sees it. Take it out: a key file "
                "without a passphrase, readable by this user only, does the same."
            )
    return made


def _failed(name: str, code: int, said: str) -> BackupError:
    if "No space left" in said or "File too large" in said or "quota" in said:
        return BackupError(NO_ROOM)
    if code < 0:
        return BackupError(f"{name} was ended by signal {-code}.")
    return BackupError(f"{name} did not succeed: {first_line(said) or f'code {code}'}.")


@contextlib.contextmanager
def running(
    command: list[str], output: int, given: Mapping[str, str] | None = None
) -> Iterator[IO[bytes] | None]:
    """Run a program; its output when that is a pipe. Raises BackupError where it fails.

    However this is left, the program has ended then.
    """
    with tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen(  # noqa: S603 - PostgreSQL's own, without a shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=complaints,
            env=given,
        )
        try:
            yield process.stdout
            code = process.wait()
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        complaints.seek(0)
        if code:
            said = complaints.read(PIECE).decode(errors="replace")
            raise _failed(Path(command[0]).name, code, said)


def statements(lines: Iterable[bytes]) -> bytes:
    """Return the SQL of a script, without what only psql or a later server knows."""
    return b"".join(
        line
        for line in lines
        if not line.startswith(_META) and line != _UNKNOWN_BEFORE_17
    )


def tables(lines: Iterator[bytes]) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Read the data part of a script: (COPY statement, its lines), in turn.

    What stands between two tables comes as a statement without lines. The lines of one
    table have to be read before the next one is asked for.
    """
    between: list[bytes] = []
    for line in lines:
        if _COPY.fullmatch(line):
            if sql := statements(between).strip():
                yield sql.decode(), iter(())
            between = []
            yield line.decode().rstrip(";\n"), _rows(lines)
        else:
            between.append(line)
    if sql := statements(between).strip():
        yield sql.decode(), iter(())


def _rows(lines: Iterator[bytes]) -> Iterator[bytes]:
    for line in lines:
        if line == b"\\.\n":
            return
        yield line
    raise BackupError("The backup is damaged: a table breaks off.")


def table_name(copy: str) -> str:
    """Return the name of the table in a COPY statement, without its schema."""
    found = re.match(r'COPY (?:"(?:[^"]|"")*"|\w+)\.("(?:[^"]|"")*"|\w+) ', copy)
    if found is None:
        raise BackupError("The backup holds a table that has no name.")
    name = found[1]
    return name[1:-1].replace('""', '"') if name.startswith('"') else name
