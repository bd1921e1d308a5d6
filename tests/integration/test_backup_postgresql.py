"""Backups on PostgreSQL: its programs, its roles, and a password that nobody else sees."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection  # noqa: F401 - the mark below asks it
from psycopg import sql

from tests import old_schema
from tests.databases import MIGRATIONS, Place, ask, build, is_empty, manage, name_of
from tests.fleet import database_url

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.skipif(
        "connection.vendor != 'postgresql'", reason="of PostgreSQL only"
    ),
]
PASSWORD = "hunter2 &'\" of-the-test"
QUOTED = "hunter2%20%26%27%22%20of-the-test"


@pytest.fixture(scope="module")
def place(tmp_path_factory, django_db_setup):
    found = Place(tmp_path_factory.mktemp("databases"), database_url())
    yield found
    found.remove()


@pytest.fixture(scope="module")
def source(place):
    url = place.url("pg_source")
    place.make(url)
    build(url, MIGRATIONS[-1])
    return url


@pytest.fixture
def role(place):
    """Make a role that may sign in and nothing else; return its name."""
    name = f"portal_role_{os.getpid()}"
    try:
        made = sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name))
        place.on_server(made)
    except psycopg.errors.InsufficientPrivilege:
        pytest.skip("this server's user makes no roles")
    yield name
    place.url("owned")  # which takes it away, and with it what the role owns
    place.on_server(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def signing_in(url, user, password=""):
    """Return an address with another user, or the same one, and with a password."""
    parts = urlsplit(url)
    user = user or parts.username or ""
    host = parts.netloc.rpartition("@")[2]
    said = f"{user}:{password}" if password else user
    return parts._replace(netloc=f"{said}@{host}").geturl()


def backup_of(url, folder, **more):
    done = manage("backup", folder, url=url, **more)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def spied_on(folder):
    """Return variables under which PostgreSQL's programs note what they are called with."""
    folder.mkdir()
    for name in ("pg_dump", "pg_restore"):
        (folder / name).write_text(
            f'#!/bin/sh\necho "$0 $*" >> {folder}/said\nexec {shutil.which(name)} "$@"\n'
        )
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


def test_the_password_is_on_no_command_line_and_in_no_output(place, source, tmp_path):
    spied = spied_on(tmp_path / "spy")
    with_password = signing_in(source, "", QUOTED)
    target = signing_in(place.url("secret"), "", QUOTED)
    told = [manage("backup", tmp_path / "b", url=with_password, **spied)]
    copy = told[0].stdout.splitlines()[-1]
    told.append(manage("restore", copy, url=target, **spied))
    told.append(manage("restore", copy, url=target, **spied))
    nowhere = "postgresql://portal:hunter2@127.0.0.1:9/portal"
    told += [
        manage(*each, url=nowhere) for each in (("backup", "b"), ("restore", copy))
    ]

    assert [each.returncode for each in told] == [0, 0, 1, 1, 1]
    called = (tmp_path / "spy" / "said").read_text()
    assert "pg_dump --format" in called
    assert "pg_restore" in called
    for text in (called, *(each.stdout + each.stderr for each in told)):
        assert "hunter2" not in text
        assert "Traceback" not in text


@pytest.mark.parametrize("version", ["", "pg_dump (PostgreSQL) 13.1"])
def test_a_program_that_is_missing_or_old_is_told_and_what_to_install(
    source, tmp_path, version
):
    tools = tmp_path / "tools"
    tools.mkdir()
    if version:
        (tools / "pg_dump").write_text(f"#!/bin/sh\necho '{version}'\n")
        (tools / "pg_dump").chmod(0o755)

    done = manage("backup", tmp_path / "b", url=source, PATH=str(tools))

    assert done.returncode == 1
    assert "apt install postgresql-client-" in done.stderr
    assert list((tmp_path / "b").iterdir()) == []


def test_the_owner_of_a_database_without_other_rights_restores_into_it(
    place, source, role, tmp_path
):
    copy = backup_of(source, tmp_path)
    target = place.url("owned")
    place.make(target)
    owned = sql.SQL("ALTER DATABASE {} OWNER TO {}")
    place.on_server(owned.format(sql.Identifier(name_of(target)), sql.Identifier(role)))

    done = manage("restore", copy, url=signing_in(target, role))

    assert done.returncode == 0, done.stderr
    owners = "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'public'"
    assert ask(target, owners) == [(role,)]
    uncertain = "SELECT count(*) FROM clients_app_submission WHERE status = 'UNCERTAIN'"
    assert ask(target, uncertain) == [(old_schema.OPEN,)]
    assert backup_of(signing_in(target, role), tmp_path).exists()


def test_a_role_that_may_not_make_the_database_is_told(place, source, role, tmp_path):
    copy = backup_of(source, tmp_path)

    done = manage("restore", copy, url=signing_in(place.url("unmade"), role))

    assert done.returncode == 1
    assert "is not there and could not be made" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_role_that_may_not_read_everything_backs_nothing_up(source, role, tmp_path):
    done = manage("backup", tmp_path / "b", url=signing_in(source, role))

    assert done.returncode == 1
    assert "permission denied" in done.stderr
    assert list((tmp_path / "b").iterdir()) == []


def test_a_database_that_was_made_for_a_restore_goes_when_it_fails(
    place, source, tmp_path
):
    broken = place.copy(source, "breaking")
    ask(broken, "DELETE FROM django_migrations WHERE name LIKE '000%'")
    ask(
        broken,
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('clients_app', '0001_tables', now())",
    )
    copy, target = backup_of(broken, tmp_path), place.url("unmade")

    done = manage("restore", copy, url=target)

    assert done.returncode == 1
    assert is_empty(target)
    there = sql.SQL("SELECT 1 FROM pg_database WHERE datname = {}")
    assert place.on_server(there.format(sql.Literal(name_of(target)))) == []
