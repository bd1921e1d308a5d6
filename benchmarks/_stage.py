"""A stage for measuring: an empty database, the stand-in and the worker as processes.

The database is a temporary SQLite file, or the empty one that DATABASE_URL names.
"""

from __future__ import annotations

import base64
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEY = "heffl_user_bench_" + secrets.token_hex(8)


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def prepare(api_url: str) -> str:
    """Set the environment before Django loads; returns the database's address."""
    folder = tempfile.mkdtemp(prefix="portal-bench-")
    url = os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
    ring = base64.b64encode(os.urandom(32)).decode()
    os.environ.update(
        DJANGO_SETTINGS_MODULE="heffl_portal.settings",
        SECRET_KEY=secrets.token_urlsafe(48),
        PORTAL_KEYRING=f"bench:{ring}",
        MFA_REQUIRED_ROLES="",
        HEFFL_API_URL=api_url,
        EMAIL_URL=f"file:///{folder}/mail",
    )
    return url


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process beside the measurement and end it afterwards."""
    running = subprocess.Popen(  # noqa: S603 - our own commands
        [sys.executable, *command],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.wait(45)
        except subprocess.TimeoutExpired:
            running.kill()
            running.wait()


def wait_for_port(port: int, seconds: float = 20.0) -> None:
    """Wait until something listens. Raises TimeoutError."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port}")


def percentile(values: list[float], share: float) -> float:
    """Return the value below which `share` of all values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def empty_tables() -> None:
    """Empty every table, the audit trail's too, which the database itself refuses."""
    from django.core.management import call_command
    from django.db import connection

    from clients_app.models import audit_guard

    drops, makes = audit_guard.guard_statements(connection.vendor)
    with connection.cursor() as cursor:
        for statement in drops:
            cursor.execute(statement)
        call_command("flush", verbosity=0, interactive=False, inhibit_post_migrate=True)
        for statement in [*drops, *makes]:
            cursor.execute(statement)
