"""PostgreSQL gives the portal too few connections: threads share, and a burst passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.core import checks
from django.db import connection

from tests.fleet import database_url

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor != "postgresql", reason="SQLite counts no connections"
    ),
]
ROOT = Path(__file__).resolve().parents[2]
ROLE = "portal_with_three"
# Threads that live on, as a web server's do: a burst of all, then each after the other.
CROWD = """
import threading, queue
import django
from django.conf import settings
settings.STORAGES["staticfiles"] = {
    "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
}
django.setup()
from django.core import signals
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory
serve = WSGIHandler()
def ask():
    environ = RequestFactory(HTTP_HOST="localhost").get("/s/nobody/").environ
    answer = serve(environ, lambda *_: None)
    answer.close()
    return answer.status_code
start, burst, later = threading.Barrier(8), [], []
turns = [threading.Event() for _ in range(9)]
def thread(number):
    start.wait()
    burst.append(ask())
    turns[number].wait()
    later.append(ask())
    turns[number + 1].set()
threads = [threading.Thread(target=thread, args=(n,)) for n in range(8)]
for each in threads: each.start()
while len(burst) < 8: turns[8].wait(0.05)
turns[0].set()
for each in threads: each.join()
print(*burst, *later)
"""


@pytest.fixture
def three():
    """Return the address of the test's database for a role with three connections."""
    with connection.cursor() as cursor:
        cursor.execute(f"DROP ROLE IF EXISTS {ROLE}")
        cursor.execute(f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT 3 PASSWORD 'three'")
        cursor.execute(f"GRANT pg_read_all_data, pg_write_all_data TO {ROLE}")
    parts = urlsplit(database_url())
    place = parts.netloc.rpartition("@")[2]
    yield urlunsplit(parts._replace(netloc=f"{ROLE}:three@{place}"))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP ROLE {ROLE}")


def run(three, *arguments, **more):
    return subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        cwd=ROOT,
        env={
            **os.environ,
            "DATABASE_URL": three,
            "DJANGO_SETTINGS_MODULE": "heffl_portal.settings",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.slow
def test_eight_threads_are_served_with_three_connections(three):
    done = run(three, "-c", CROWD)

    assert done.stdout.split() == ["404"] * 16, done.stderr[-3000:]


@pytest.mark.slow
def test_too_few_connections_are_said(three):
    done = run(three, "manage.py", "check", "--database", "default")

    assert "portal.W003" in done.stderr
    assert "allows this role 3 connections; 41 may be in use" in done.stderr


def test_enough_connections_are_no_matter(settings):
    settings.DATABASE_CONNECTIONS = 1

    found = checks.run_checks(tags=["database"], databases=["default"])

    assert "portal.W003" not in [message.id for message in found]
