"""Who waits for SQLite's write lock asks again and again, and only where that is safe."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.db.utils import OperationalError

from clients_app.database import sqlite_turns
from clients_app.models import Organisation

LOCKED = OperationalError("database is locked")


class Statement:
    """Fails with these errors, one a time, and then works."""

    def __init__(self, *errors):
        self.errors, self.tries = list(errors), 0

    def __call__(self, *_):
        self.tries += 1
        if self.errors:
            raise self.errors.pop(0)
        return "done"


def run(statement, *, inside=False):
    context = {"connection": SimpleNamespace(in_atomic_block=inside)}
    return sqlite_turns.patiently(statement, "UPDATE x", None, False, context)


def test_a_statement_of_its_own_is_tried_until_the_lock_is_free():
    statement = Statement(LOCKED, LOCKED, LOCKED)

    assert run(statement) == "done"
    assert statement.tries == 4


@pytest.mark.parametrize(
    ("error", "inside"), [(LOCKED, True), (OperationalError("disk I/O error"), False)]
)
def test_nothing_else_is_tried_twice(error, inside):
    statement = Statement(error)

    with pytest.raises(OperationalError, match=str(error)):
        run(statement, inside=inside)
    assert statement.tries == 1


def test_patience_ends(monkeypatch):
    monkeypatch.setattr(sqlite_turns, "PATIENCE", 0.05)

    with pytest.raises(OperationalError, match="locked"):
        run(Statement(*[LOCKED] * 10_000_000))


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's lock")
@pytest.mark.django_db(transaction=True)
def test_each_connection_asks_again_soon_and_gets_its_turn(organisation):
    connection.close()
    connection.ensure_connection()
    held, free = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic():
            held.set()
            free.wait(60)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(60)
    threading.Timer(0.3, free.set).start()
    Organisation.objects.update(name="Changed")
    holder.join()

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout")
        assert cursor.fetchone() == (sqlite_turns.ASK_AGAIN,)
    assert connection.execute_wrappers.count(sqlite_turns.patiently) == 1
    assert Organisation.objects.get().name == "Changed"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="about SQLite's lock")
@pytest.mark.django_db(transaction=True)
def test_many_rows_at_once_are_one_transaction(organisation):
    with connection.cursor() as cursor, pytest.raises(Exception, match="NOT NULL"):
        cursor.executemany(
            "UPDATE clients_app_organisation SET name = %s", [["One"], [None]]
        )

    assert Organisation.objects.get().name == "Al Noor Trading"
