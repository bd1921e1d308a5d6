"""The database goes away under a running portal: every page says so, and comes back."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import psycopg
import pytest

from scripts import postgresql
from tests.outages import Portal, migrated, needs_database, statuses

pytestmark = [pytest.mark.slow, pytest.mark.once]


def assert_away(answers):
    assert 500 not in statuses(answers).values(), statuses(answers)
    for name, answer in answers.items():
        if needs_database(name):
            assert answer["status"] == 503, (name, statuses(answers))
            if "readyz" not in name:
                assert answer["retry"] == "10", name
        path = name.rpartition(" ")[2]
        if path in ("/healthz", "/static/portal.css"):
            assert answer["status"] == 200, name
        if path.endswith("/status/"):
            assert answer["type"] == "application/json"
            assert set(json.loads(answer["body"])) == {"message"}
        assert "postgres" not in answer["body"]


def assert_well(answers):
    assert not {500, 503} & set(statuses(answers).values()), statuses(answers)


def told(log):
    """Return the codes that the log's lines about the database give, and check them."""
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    about = [line for line in lines if line["message"].startswith("database away")]
    assert all(line["code"] and line["reason"] for line in about), about
    assert not [line for line in lines if "exception" in line]
    return {line["code"] for line in about}


@pytest.fixture(scope="module")
def programs():
    found = postgresql.binaries()
    if found is None:
        pytest.skip("no programs of PostgreSQL to start a server with")
    return found


@pytest.fixture
def server(programs):
    with postgresql.server(programs) as running:
        migrated(running.url)
        yield running


@pytest.fixture
def portal_over(request):
    """Return a function that starts a portal over a database; it ends with the test."""
    with contextlib.ExitStack() as stack:

        def start(url):
            portal = Portal(url)
            stack.callback(portal.stop)
            return portal

        yield start


@pytest.mark.parametrize("at_once", [False, True])
def test_a_postgresql_that_is_stopped(server, portal_over, at_once):
    portal = portal_over(server.url)
    assert_well(portal.answers())

    server.stop(at_once=at_once)
    assert_away(portal.answers())
    server.start()
    portal.answers()  # what was left half open is noticed here

    assert_well(portal.answers())
    assert told(portal.stop()) & {"08001 no socket", "08001 refused", "57P01", "08006"}


def test_a_postgresql_that_only_reads(server, portal_over):
    portal = portal_over(server.url)
    assert_well(portal.answers())

    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("ALTER ROLE portal SET default_transaction_read_only = on")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
    portal.answers()
    answers = portal.answers()

    assert 500 not in statuses(answers).values(), statuses(answers)
    assert answers["owner POST /accounts/shortcuts/"]["status"] == 503
    assert answers["owner GET /o/al-noor/clients/"]["status"] == 200
    assert "25006" in told(portal.stop())


def test_a_postgresql_that_has_no_connection_left(server, portal_over):
    portal = portal_over(server.url)
    assert_well(portal.answers())

    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("ALTER ROLE portal NOSUPERUSER CONNECTION LIMIT 0")
        admin.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )
        answers = portal.answers()

    assert_away(answers)
    assert "53300" in told(portal.stop())


@pytest.fixture
def file(tmp_path):
    migrated(f"sqlite:///{tmp_path}/portal.sqlite3")
    return tmp_path / "portal.sqlite3"


def gone(file: Path):
    for each in file.parent.glob("portal.sqlite3*"):
        each.rename(each.with_name(each.name + ".away"))


def back(file: Path):
    for each in file.parent.glob("portal.sqlite3*"):
        if not each.name.endswith(".away"):
            each.unlink()
    for each in file.parent.glob("*.away"):
        each.rename(each.with_name(each.name.removesuffix(".away")))


def test_a_file_that_is_removed_and_put_back(file, portal_over):
    portal = portal_over(f"sqlite:///{file}")
    assert_well(portal.answers())

    gone(file)
    assert_away(portal.answers())
    assert_away(portal.answers())
    back(file)
    portal.answers()

    assert_well(portal.answers())
    assert told(portal.stop()) == {"SQLITE_CANTOPEN"}


def test_a_file_that_is_no_database(file, portal_over):
    portal = portal_over(f"sqlite:///{file}")
    assert_well(portal.answers())

    gone(file)
    file.write_bytes(b"no database at all " * 1000)
    portal.answers()

    assert_away(portal.answers())
    assert "SQLITE_NOTADB" in told(portal.stop())


def test_a_disk_that_is_full(file, portal_over):
    portal = portal_over(f"sqlite:///{file}")
    assert_well(portal.answers())

    answers = portal.answers("small")

    assert 500 not in statuses(answers).values(), statuses(answers)
    assert answers["owner POST /accounts/shortcuts/"]["status"] == 503
    ready = answers["owner GET /readyz"]  # asked last, when a write has failed
    assert ready["status"] == 503
    assert "cannot be written (SQLITE_" in json.loads(ready["body"])["database"]
    assert told(portal.stop()) & {"SQLITE_FULL", "SQLITE_IOERR", "SQLITE_IOERR_WRITE"}


def test_a_missing_table_is_a_fault_of_ours(file, portal_over):
    portal = portal_over(f"sqlite:///{file}")
    assert_well(portal.answers())
    with sqlite3.connect(file) as database:
        database.execute("ALTER TABLE clients_app_membership RENAME TO elsewhere")

    answers = portal.answers()

    assert answers["owner GET /o/al-noor/clients/"]["status"] == 500
    assert answers["owner GET /o/al-noor/clients/"]["retry"] == ""
