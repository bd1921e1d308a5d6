"""Real worker processes over the test's own database, and what became of the clients."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from django.db import connection

from clients_app.models import FINAL, Status, Submission

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 120.0
"""Seconds that what must happen may take on a machine that has much else to do."""


def database_url() -> str:
    """Return the address of the database that the running test uses."""
    found = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{found['NAME']}"
    user = found["USER"] or ""
    password = f":{found['PASSWORD']}" if found["PASSWORD"] else ""
    host, port = quote(found["HOST"] or "", safe=""), found["PORT"] or ""
    address = f"{host}:{port}" if port else host
    return f"postgresql://{user}{password}@{address}/{found['NAME']}"


class Worker:
    """`manage.py deliver` in a process of its own, with short durations."""

    def __init__(
        self, api_url: str, *, threads=4, sabotage="", log=None, **environment
    ):
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "deliver", "--threads", str(threads)],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.fast_settings",
                "DATABASE_URL": database_url(),
                "HEFFL_API_URL": api_url,
                "HEFFL_RATE_LIMIT": "100000/60",
                "TEST_SABOTAGE": sabotage,
                **environment,
            },
            stdout=subprocess.DEVNULL,
            stderr=log or subprocess.PIPE,
        )

    def kill(self) -> None:
        """End the process as a power cut would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def stop(self) -> str:
        """Ask the process to end, and return what it wrote to stderr."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            _, errors = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            _, errors = self.process.communicate()
        return (errors or b"").decode(errors="replace")


def wait_until(condition, seconds: float = PATIENCE, every: float = 0.1) -> bool:
    """Wait until a condition holds; False when it never did."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(every)
    return bool(condition())


def settled() -> bool:
    """Say whether every submission is final or in front of a person."""
    calm = (*FINAL, Status.NEEDS_FIX, Status.REVIEW)
    return not Submission.objects.exclude(status__in=calm).exists()


@dataclass(frozen=True)
class Tally:
    """What became of the accepted submissions, compared with what Heffl has."""

    accepted: int
    created: int
    review: int
    lost: int
    duplicates: int
    wrong_number: int


def tally(control) -> Tally:
    """Compare the portal's rows with the stand-in's clients, by name."""
    remote = control.clients()
    times = Counter(client["name"] for client in remote)
    numbers = {client["id"]: client["number"] for client in remote}
    rows = list(Submission.objects.all())
    names = {row.display_name for row in rows}
    in_view = {Status.REVIEW, Status.NEEDS_FIX, Status.REJECTED, Status.DROPPED}
    return Tally(
        accepted=len(rows),
        created=sum(row.status == Status.CREATED for row in rows),
        review=sum(row.status in in_view for row in rows),
        lost=sum(
            row.status == Status.CREATED
            and not times[row.display_name]
            or row.status not in {Status.CREATED, *in_view}
            for row in rows
        ),
        duplicates=sum(
            count - 1 for name, count in times.items() if name in names and count > 1
        ),
        wrong_number=sum(
            row.status == Status.CREATED and numbers.get(row.heffl_id) != row.number
            for row in rows
        ),
    )
