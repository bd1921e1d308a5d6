"""PostgreSQL's programs: told apart by version, told where by environment, read by line."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from clients_app.backup import BackupError, script


def put(folder, name, says):
    path = folder / name
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("", "does not tell its version"),
        ("echo 'pg_dump (PostgreSQL) 14.2'", "is of version 14"),
        ("echo 'pg_dump (PostgreSQL) 9.6.24'", "is of version 9"),
    ],
)
def test_a_program_that_does_not_fit_is_told_with_what_to_install(
    tmp_path, monkeypatch, says, told
):
    put(tmp_path, "pg_dump", says)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    with pytest.raises(BackupError, match=f"{told}.*postgresql-client-15"):
        script.program("pg_dump", 15)


def test_a_program_that_is_not_there_is_told_with_what_to_install(
    tmp_path, monkeypatch
):
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(BackupError, match="is not there.*postgresql-client-15"):
        script.program("pg_dump", 15)


@pytest.mark.parametrize(
    "version", ["15.20 (Debian 15.20-0+deb12u1)", "17.2", "18beta1"]
)
def test_a_program_as_new_as_the_server_will_do(tmp_path, monkeypatch, version):
    put(tmp_path, "pg_dump", f"echo 'pg_dump (PostgreSQL) {version}'")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")

    assert script.program("pg_dump", 15) == (f"{tmp_path}/pg_dump", int(version[:2]))


def test_everything_that_leads_to_the_database_is_in_the_environment():
    given = script.environment(
        {
            "host": "db", "port": 5433, "user": "u", "password": "p w'\"", "dbname": "n",
            "sslmode": "verify-full", "options": "-c a=b", "passfile": "/f",
            "keepalives_idle": 20, "cursor_factory": object, "unknown": 1,
        }
    )  # fmt: skip

    changed = {k: v for k, v in given.items() if os.environ.get(k) != v}
    assert changed == {
        "PGHOST": "db", "PGPORT": "5433", "PGUSER": "u", "PGPASSWORD": "p w'\"",
        "PGDATABASE": "n", "PGSSLMODE": "verify-full", "PGOPTIONS": "-c a=b",
        "PGPASSFILE": "/f",
    }  # fmt: skip


def test_a_secret_that_only_a_command_line_takes_is_refused():
    with pytest.raises(BackupError, match="sslpassword") as told:
        script.environment({"sslpassword": "hunter2"})
    assert "hunter2" not in str(told.value)


def test_a_program_that_fails_is_told_by_its_first_line():
    fails = [sys.executable, "-c", "import sys; sys.exit('no way.\\nmore')"]

    with (
        pytest.raises(BackupError, match=r"did not succeed: no way\.$"),
        script.running(fails, subprocess.PIPE),
    ):
        pass


@pytest.mark.parametrize("said", ["No space left on device", "File too large"])
def test_a_full_disk_is_called_so(said):
    fails = [sys.executable, "-c", f"import sys; sys.exit('x: {said}')"]

    with (
        pytest.raises(BackupError, match="disk is full"),
        script.running(fails, subprocess.PIPE),
    ):
        pass


def read_one(command):
    """Read a byte of what a program says, and then break off."""
    with script.running(command, subprocess.PIPE) as output:
        raise ValueError(output.read(1).decode())


def test_a_program_ends_when_its_reader_does():
    endless = [sys.executable, "-c", "while 1: print('x' * 9999)"]

    with pytest.raises(ValueError, match="x"):
        read_one(endless)


DATA = [
    b"SET x = 1;\n",
    b"\\restrict abc\n",
    b"SET transaction_timeout = 0;\n",
    b"COPY public.a (id) FROM stdin;\n",
    b"1\n",
    b"COPY public.b (id) FROM stdin;\n",  # a value may look so
    b"\\.\n",
    b"SELECT 1;\n",
    b'COPY public."B ""c" (id) FROM stdin;\n',
    b"\\.\n",
    b"\\unrestrict abc\n",
]


def test_tables_are_told_from_what_stands_between_them():
    found = [(name, list(rows)) for name, rows in script.tables(iter(DATA))]

    assert found == [
        ("SET x = 1;", []),
        ("COPY public.a (id) FROM stdin", DATA[4:6]),
        ("SELECT 1;", []),
        ('COPY public."B ""c" (id) FROM stdin', []),
    ]
    assert [script.table_name(found[n][0]) for n in (1, 3)] == ["a", 'B "c']


def test_a_table_that_breaks_off_is_noticed():
    with pytest.raises(BackupError, match="breaks off"):
        [list(rows) for _name, rows in script.tables(iter(DATA[:5]))]
