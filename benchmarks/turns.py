# ruff: noqa: E402, T201
"""How long writers wait for SQLite's lock: with SQLite's own wait, and taking turns.

    python -m benchmarks.turns [--seconds 12]

Three processes with eight threads each; each thread holds the lock for 3 ms and rests for
20, every fourth writes a single statement instead. Milliseconds from asking to holding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time

from benchmarks import _stage

_stage.prepare("http://127.0.0.1:9/api/v1")

import django

django.setup()

from django.core.management import call_command
from django.db import connection, transaction
from django.db.backends.signals import connection_created
from django.db.utils import OperationalError

from clients_app.database import sqlite_turns
from clients_app.models import Organisation

PROCESSES, THREADS, HELD, REST = 3, 8, 0.003, 0.02


def crowd(seconds: float) -> tuple[list[float], int]:
    """Write from many threads; return the milliseconds waited, and how often in vain."""
    waits: list[float] = []
    vain: list[str] = []
    until = time.monotonic() + seconds

    def write(number: int) -> None:
        row = Organisation.objects.filter(slug="bench")
        while (began := time.monotonic()) < until:
            try:
                if number % 4 == 0:
                    row.update(name=str(began))
                    waits.append((time.monotonic() - began) * 1000)
                else:
                    with transaction.atomic():
                        waits.append((time.monotonic() - began) * 1000)
                        row.update(name=str(began))
                        time.sleep(HELD)
            except OperationalError as error:
                vain.append(str(error))
            time.sleep(REST)
        connection.close()

    threads = [threading.Thread(target=write, args=(n,)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits, len(vain)


def main() -> None:
    """Measure both ways in turn and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=12.0)
    parser.add_argument("--way", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if connection.vendor != "sqlite":
        print("only SQLite has one lock for all")
        return
    if options.way:
        if options.way == "own":
            connection_created.disconnect(sqlite_turns.take_turns)
        print(json.dumps(crowd(options.seconds)))
        return
    call_command("migrate", verbosity=0)
    Organisation.objects.create(name="Bench", slug="bench")
    connection.close()
    for way in ("own", "turns") * 2:
        command = [sys.executable, "-m", "benchmarks.turns", "--way", way]
        command += ["--seconds", str(options.seconds)]
        started = [
            subprocess.Popen(  # noqa: S603 - ourselves
                command, cwd=_stage.ROOT, stdout=subprocess.PIPE, text=True
            )
            for _ in range(PROCESSES)
        ]
        told = [json.loads(each.communicate()[0]) for each in started]
        waits = [wait for each, _ in told for wait in each]
        shares = ((0.5, "median"), (0.95, "p95"), (0.99, "p99"), (1.0, "most"))
        figures = ", ".join(
            f"{name} {_stage.percentile(waits, share):.0f}" for share, name in shares
        )
        vain = sum(count for _, count in told)
        print(f"{way:<6} {len(waits)} writes, waited ms: {figures}; in vain {vain}")


if __name__ == "__main__":
    main()
