"""Backups and the way back, as an operator runs them: whole, private, and never half."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from tests import old_schema
from tests.databases import (
    MIGRATIONS,
    ROOT,
    Place,
    ask,
    build,
    is_empty,
    manage,
    path_of,
    tables,
)
from tests.fleet import database_url, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
LATEST = MIGRATIONS[-1]
# What a restore changes on purpose: `after_restore` and its wake of events and holds.
CHANGED = {
    "clients_app_auditevent", "clients_app_hold", "clients_app_submission",
    "django_migrations", "sqlite_stat1", "sqlite_stat4",
}  # fmt: skip
INDEX = "submission_search"


@pytest.fixture(scope="module")
def place(tmp_path_factory, django_db_setup):
    server = "" if connection.vendor == "sqlite" else database_url()
    found = Place(tmp_path_factory.mktemp("databases"), server)
    yield found
    found.remove()


@pytest.fixture(scope="module")
def source(place):
    """A database of this version with clients in every status. Not to be changed."""
    url = place.url("source")
    place.make(url)
    build(url, LATEST)
    return url


@pytest.fixture(scope="module")
def first(place):
    """A database as the first migration made it. Not to be changed."""
    url = place.url("first")
    place.make(url)
    build(url, MIGRATIONS[0])
    return url


@pytest.fixture(scope="module")
def good(source, tmp_path_factory):
    """A backup of that."""
    return backed_up(source, tmp_path_factory.mktemp("good"))


def backed_up(url, folder, *options):
    done = manage("backup", folder, *options, url=url)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def schema_of(url):
    done = subprocess.run(
        [sys.executable, "-m", "scripts.schema"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        # PostgreSQL reads "in a list" back with other casts and brackets than it was given.
        re.sub(r"::(text|character varying)(\[\])?|[()]", "", line)
        if line.startswith(("constraint |", "index |"))
        else line
        for line in done.stdout.splitlines()
    ]


def refused(done, *words):
    """Say whether a command ended with 1 and one paragraph that has all the words."""
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    assert all(word in done.stderr for word in words), done.stderr
    return True


def require_held(url, opened):
    """Require that a database is as after_restore leaves it."""
    holds = "SELECT reason FROM clients_app_hold WHERE released_at IS NULL"
    assert ("restored",) in ask(url, holds)
    statuses = [s for (s,) in ask(url, "SELECT status FROM clients_app_submission")]
    assert statuses.count("UNCERTAIN") == opened
    assert not {"QUEUED", "SENDING"} & set(statuses)
    again = manage("after_restore", "--confirm", url=url)
    assert again.stdout == "Sending goes on.\n"


def test_what_was_backed_up_comes_back_whole_and_held(place, source, good):
    target = place.url("whole")
    before = tables(source)

    done = manage("restore", good, url=target)

    assert done.returncode == 0, done.stderr
    after = tables(target)
    assert set(after) == set(before)
    differing = {name for name in before if after[name] != before[name]}
    assert {each for each in differing if not each.startswith(INDEX)} <= CHANGED
    events = "clients_app_auditevent"
    assert all(event in after[events] for event in before[events])
    assert schema_of(target) == schema_of(source)
    require_held(target, old_schema.OPEN)
    assert manage("audit", "verify", url=target).returncode == 0
    assert manage("migrate", "--check", url=target).returncode == 0
    assert tables(source) == before


@pytest.mark.parametrize("migration", MIGRATIONS[:-1])
def test_a_backup_of_an_earlier_version_is_brought_to_this_one(
    place, source, tmp_path, migration
):
    earlier, target = place.url("earlier"), place.url("later")
    place.make(earlier)
    build(earlier, migration)
    copy = backed_up(earlier, tmp_path)

    done = manage("restore", copy, url=target)

    assert done.returncode == 0, done.stderr
    assert schema_of(target) == schema_of(source)
    assert manage("migrate", "--check", url=target).returncode == 0
    require_held(target, old_schema.OPEN)
    assert manage("audit", "verify", url=target).returncode == 0
    clients = len(old_schema.STATUSES)
    assert ask(target, "SELECT count(*) FROM clients_app_submission") == [(clients,)]
    if connection.vendor == "sqlite":
        found = "SELECT count(*) FROM submission_search WHERE body MATCH 'company'"
        assert ask(target, found) == [(clients,)]


def test_names_of_migrations_that_became_others_are_known(place, source, tmp_path):
    before_the_squash = place.copy(source, "squash")
    ask(before_the_squash, "DELETE FROM django_migrations WHERE app = 'clients_app'")
    for name in ("0001_initial", "0002_cache_table", "0017_privacy"):
        ask(
            before_the_squash,
            "INSERT INTO django_migrations (app, name, applied)"
            f" VALUES ('clients_app', '{name}', '2026-01-01')",
        )
    copy = backed_up(before_the_squash, tmp_path)

    # Only some of them are applied here, so it goes no further than to be migrated.
    done = manage("restore", copy, url=place.url("squashed"))

    assert refused(done, "could not be brought to this version")


def test_a_newer_database_is_not_restored_over(place, source, first, tmp_path):
    newer = place.copy(source, "newer")
    copy = backed_up(first, tmp_path)
    before = tables(newer)

    done = manage("restore", copy, url=newer)

    assert refused(done, "is not empty")
    assert tables(newer) == before


@pytest.mark.parametrize(
    "thing", ["CREATE TABLE other (id integer)", "CREATE VIEW other AS SELECT 1"]
)
def test_somebody_elses_database_is_not_restored_into(place, good, thing):
    target = place.url("other")
    place.make(target)
    ask(target, thing)

    assert refused(manage("restore", good, url=target), "is not empty")
    assert not any("clients_app" in name for name in tables(target))


def test_an_empty_database_is_filled(place, good):
    target = place.url("empty")
    place.make(target)
    if connection.vendor == "sqlite":
        ask(target, "PRAGMA journal_mode=WAL")  # as a command leaves it that found none

    assert manage("restore", good, url=target).returncode == 0
    require_held(target, old_schema.OPEN)


def test_a_log_left_beside_a_lost_database_is_not_played_into_the_new_one(
    place, source
):
    if connection.vendor != "sqlite":
        pytest.skip("only SQLite has its log beside")
    lost = place.copy(source, "lost")
    good = backed_up(lost, place.folder / "lost-backup")
    path = path_of(lost)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode=WAL")
        writer.execute("PRAGMA wal_autocheckpoint=0")
        writer.execute("UPDATE clients_app_organisation SET name = 'Of the log'")
        writer.commit()
        shutil.copy(f"{path}-wal", place.folder / "log")
    path.unlink()
    shutil.copy(place.folder / "log", f"{path}-wal")

    done = manage("restore", good, url=lost)

    assert done.returncode == 0, done.stderr
    assert ask(lost, "SELECT name FROM clients_app_organisation") == [("Old Times",)]
    assert Path(f"{path}-wal.before-restore").exists()
    require_held(lost, old_schema.OPEN)


def tampered(path, target, change):
    target.write_bytes(change(path.read_bytes()))
    return target


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: b"",
        lambda whole: b"PGDMP no backup, but long enough to be one " * 9,
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1],
        lambda whole: whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
        lambda whole: whole.partition(b'{"contents"')[0],
    ],
    ids=["empty", "foreign", "half", "cut", "a bit", "without a manifest"],
)
def test_a_file_that_is_not_whole_leaves_the_database_empty(
    place, good, tmp_path, change
):
    target = place.url("damaged")
    broken = tampered(good, tmp_path / "broken", change)

    done = manage("restore", broken, url=target)

    assert refused(done, "Nothing was restored")
    assert is_empty(target)


@pytest.mark.parametrize("named", ["nowhere", "."])
def test_a_path_that_is_no_file_is_told(place, tmp_path, named):
    done = manage("restore", tmp_path / named, url=place.url("nothing"))

    assert refused(done, "Nothing was restored", str(tmp_path))


def test_a_backup_of_the_other_engine_is_told(place, good, tmp_path):
    other = f"sqlite:///{tmp_path}/x.sqlite3"
    if connection.vendor == "sqlite":
        other = "postgresql://portal@127.0.0.1:9/portal"

    done = manage("restore", good, url=other)

    assert refused(done, "SQLite", "PostgreSQL", "DATABASE_URL leads")


def test_a_backup_of_a_newer_version_is_told_with_what_is_unknown(
    place, source, tmp_path
):
    newer, target = place.copy(source, "newer"), place.url("target")
    ask(
        newer,
        "INSERT INTO django_migrations (app, name, applied)"
        " VALUES ('clients_app', '9999_not_yet', '2030-01-01')",
    )
    copy = backed_up(newer, tmp_path)

    done = manage("restore", copy, url=target)

    assert refused(done, "newer version", "clients_app 9999_not_yet")
    assert is_empty(target)


def test_a_migration_that_fails_leaves_the_database_empty(place, first, tmp_path):
    earlier, target = place.copy(first, "earlier"), place.url("target")
    ask(earlier, "CREATE TABLE portal_cache (id integer)")  # in the way of the second
    copy = backed_up(earlier, tmp_path)

    done = manage("restore", copy, url=target)

    assert refused(done, f"the migration clients_app {MIGRATIONS[1]} failed")
    assert is_empty(target)


def test_backups_are_private_and_the_oldest_go(source, tmp_path):
    folder = tmp_path / "new" / "backups"
    made_here = [backed_up(source, folder) for _ in range(3)]
    foreign = folder / "portal-notes.dump"
    foreign.write_text("mine")

    newest = backed_up(source, folder, "--keep", "2")

    assert {each.name for each in folder.iterdir()} == {
        made_here[-1].name, newest.name, foreign.name,
    }  # fmt: skip
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for each in (made_here[-1], newest):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


@pytest.mark.parametrize("keep", ["0", "-1"])
def test_to_keep_none_is_refused(source, good, tmp_path, keep):
    done = manage("backup", good.parent, f"--keep={keep}", url=source)

    assert refused(done, "--keep takes a number from 1 on")
    assert [each.name for each in good.parent.iterdir()] == [good.name]


def test_a_database_without_tables_is_not_backed_up(place, tmp_path):
    target = place.url("bare")
    place.make(target)

    assert refused(manage("backup", tmp_path / "b", url=target), "nothing to back up")
    assert list((tmp_path / "b").iterdir()) == []
    if connection.vendor == "sqlite":
        assert not path_of(target).exists()


def test_somebody_elses_database_is_not_backed_up(place, tmp_path):
    target = place.url("other")
    place.make(target)
    ask(target, "CREATE TABLE other (id integer)")

    assert refused(manage("backup", tmp_path / "b", url=target), "nothing to back up")


@pytest.mark.parametrize("folder", ["/proc/backups", "/dev/null", "/dev/null/backups"])
def test_a_directory_that_cannot_be_written_is_told(source, folder):
    assert refused(manage("backup", folder, url=source), "No backup was made", folder)


def in_little_room(url, folder, blocks):
    """Back up where no file may be longer than so many blocks of 1,024 bytes."""
    return subprocess.run(
        ["bash", "-c", f'ulimit -f {blocks}; exec "$@"', "bash"]
        + [sys.executable, "manage.py", "backup", str(folder), "--keep", "1"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_a_full_disk_is_told_and_costs_no_older_backup(source, tmp_path, share):
    before = backed_up(source, tmp_path / "b")
    blocks = int(before.stat().st_size * share / 1024)

    done = in_little_room(source, tmp_path / "b", blocks)

    assert refused(done, "No backup was made")
    assert [each.name for each in before.parent.iterdir()] == [before.name]
    assert manage("backup", before.parent, "--keep=1", url=source).returncode == 0


@contextlib.contextmanager
def stalled(url, tmp_path, command, when, *arguments):
    """Run a command that comes to a stop: at a lock of the file, or in PostgreSQL's tool."""
    said = tmp_path / "stalled"
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("pg_dump", "pg_restore"):
        found = shutil.which(name)
        (tools / name).write_text(
            f'#!/bin/sh\ncase "$*" in *{when}*) echo begun; echo $$ > {said};'
            f' exec sleep 600;; esac\nexec {found} "$@"\n'
        )
        (tools / name).chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "manage.py", command, *map(str, arguments)],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": url,
            "PATH": f"{tools}:{os.environ['PATH']}",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process, said
    finally:
        process.kill()
        process.communicate()
        if said.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(said.read_text()), signal.SIGKILL)


def partials(folder):
    return [*folder.glob(".*.partial")] if folder.exists() else []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_backup_that_is_killed_leaves_no_half_file(place, source, tmp_path, number):
    url = place.copy(source, "killed")
    before = backed_up(url, tmp_path / "b")
    with contextlib.ExitStack() as stack:
        if connection.vendor == "sqlite":  # somebody writes, and it waits
            lock = stack.enter_context(closing(sqlite3.connect(path_of(url))))
            lock.execute("PRAGMA journal_mode=DELETE")
            lock.execute("BEGIN EXCLUSIVE")
        process, said = stack.enter_context(
            stalled(url, tmp_path, "backup", "snapshot", tmp_path / "b", "--keep", "1")
        )
        assert wait_until(lambda: partials(before.parent))
        if connection.vendor != "sqlite":
            assert wait_until(lambda: said.exists() and said.read_text())
        process.send_signal(number)
        _out, errors = process.communicate(timeout=60)
        left = partials(before.parent)

    assert process.returncode == (-number if number == signal.SIGKILL else 1), errors
    assert bool(left) == (number == signal.SIGKILL)
    if number == signal.SIGTERM:
        assert "Stopped from outside" in errors
    whole = [each for each in before.parent.iterdir() if each not in left]
    assert whole == [before]
    assert manage("backup", before.parent, url=url).returncode == 0
    assert partials(before.parent) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_restore_that_is_killed_leaves_the_database_empty(
    place, good, tmp_path, number
):
    target = place.url("killed")
    place.make(target)
    with stalled(target, tmp_path, "restore", "post-data", good) as (process, said):
        if connection.vendor == "sqlite":
            assert wait_until(lambda: partials(place.folder), every=0.001)
        else:
            assert wait_until(lambda: said.exists() and said.read_text())
        process.send_signal(number)
        process.communicate(timeout=60)

    assert process.returncode
    if connection.vendor == "sqlite":
        assert not path_of(target).exists()
    else:
        assert is_empty(target)
    assert manage("restore", good, url=target).returncode == 0
    require_held(target, old_schema.OPEN)
    assert partials(place.folder) == []


def write_pairs(url, stop, written):
    """Add a row to both of two tables, in one transaction, again and again."""
    pairs = [f"INSERT INTO pair_{each} VALUES (1)" for each in "ab"]
    if connection.vendor == "sqlite":
        server = sqlite3.connect(path_of(url), timeout=60, isolation_level=None)
        server.execute("PRAGMA synchronous=OFF")  # thousands a second
    else:
        server = psycopg.connect(url, autocommit=True)
        server.execute("SET synchronous_commit = off")
    with closing(server):
        while not stop.is_set():
            for statement in ("BEGIN", *pairs, "COMMIT"):
                server.execute(statement)
            written.append(1)


def test_a_backup_while_the_portal_writes_is_of_one_moment(place, source, tmp_path):
    url, target = place.copy(source, "busy"), place.url("calm")
    for table in ("pair_a", "pair_b"):
        ask(url, f"CREATE TABLE {table} (id integer)")
    if connection.vendor == "sqlite":
        ask(url, "PRAGMA journal_mode=WAL")
    stop, written = threading.Event(), []
    writer = threading.Thread(target=write_pairs, args=(url, stop, written))
    writer.start()
    try:
        assert wait_until(lambda: written)
        copies = [backed_up(url, tmp_path) for _ in range(3)]
    finally:
        stop.set()
        writer.join()

    assert manage("restore", copies[-1], url=target).returncode == 0
    pairs = [ask(target, f"SELECT count(*) FROM pair_{each}")[0][0] for each in "ab"]
    assert pairs[0] == pairs[1]
    assert 0 < pairs[0] <= len(written)


def test_the_ring_that_opens_nothing_is_told(place, source, tmp_path, monkeypatch):
    url, target = place.copy(source, "keys"), place.url("ring")
    key = {
        "PORTAL_OWNER_PASSWORD": "correct horse battery",
        "HEFFL_API_KEY": "heffl_user_test_0123456789abcdef",
    }
    owner = ("create_organisation", "A", "--slug", "a", "--owner", "a@a.test")
    assert manage(*owner, url=url, **key).returncode == 0
    copy = backed_up(url, tmp_path)

    right = manage("restore", copy, url=target)
    lacking = manage("restore", copy, url=place.url("ring"), PORTAL_KEYRING=OTHER_NAME)
    wrong = manage("restore", copy, url=place.url("ring2"), PORTAL_KEYRING=OTHER_BYTES)

    assert "key ring" not in right.stderr
    assert lacking.returncode == wrong.returncode == 0
    assert "The key ring lacks the key 'test'" in lacking.stderr
    assert "do not open" in wrong.stderr


OTHER_NAME = "other:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
OTHER_BYTES = "test:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
