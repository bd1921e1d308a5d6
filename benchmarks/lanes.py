"""Lanes and fairness: many organisations, some with thousands of imports waiting.

    python -m benchmarks.lanes [--organisations 500] [--busy 20] [--backlog 5000]
                               [--seconds 150] [--processes 2] [--threads 12]
    python -m benchmarks.lanes --ceiling [--seconds 20]

The first measures what the front desk waits for anywhere, and how much of each busy key's
limit is used, with Heffl 300 ms away and its limit of 60 in 60 s. The second lifts the limit,
puts Heffl 50 ms away and asks how much one worker process can do, with few and with many
organisations and clients waiting. Real processes, real time.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import _stage

PORT = _stage.free_port()
API = f"http://127.0.0.1:{PORT}/api/v1"
DATABASE = _stage.prepare(API)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from clients_app import credentials  # noqa: E402
from clients_app.crypto import Secret  # noqa: E402
from clients_app.delivery.wakeups import wake_organisation  # noqa: E402
from clients_app.intake.submissions import submit  # noqa: E402
from clients_app.models import (  # noqa: E402
    Lane,
    Organisation,
    Source,
    Status,
    Submission,
)
from heffl_sandbox.control import Control  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
DESK_EVERY = 0.35
WARM_UP = 20.0


def organisations(control: Control, count: int, prefix: str) -> list[Organisation]:
    """Make organisations, each with a workspace and a key that works."""
    made = []
    for number in range(count):
        slug = f"{prefix}-{number}"
        key = f"{_stage.KEY}_{slug}"
        control.add_workspace(slug, keys=[key])
        where = Organisation.objects.create(name=slug, slug=slug)
        credentials.seal_new(where, Secret(key), verified_at=timezone.now())
        made.append(where)
    return made


def backlog(where: Organisation, count: int) -> None:
    """Put imports into an organisation's queue, as many at once as an import does."""
    for start in range(0, count, 500):
        Submission.objects.bulk_create(
            Submission(
                organisation=where,
                submission_token=f"import-{number:08}",
                type="company",
                answers={"name": f"Import {where.slug} {number}"},
                display_name=f"Import {where.slug} {number}",
                name_key=f"import {where.slug} {number}",
                match_key=f"{where.pk:032x}{number:032x}",
                source=Source.IMPORT,
                lane=Lane.IMPORT,
            )
            for number in range(start, min(start + 500, count))
        )
    wake_organisation(where, timezone.now(), lane=Lane.IMPORT)


def used(pid: int) -> tuple[float, float]:
    """Return the seconds of processor time and the MB that a process has used."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    (peak,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return (int(stat[11]) + int(stat[12])) / TICKS, int(peak.split()[1]) / 1024


def shown(name: str, value: str) -> None:
    """Print one line."""
    print(f"  {name:<52} {value}", flush=True)


def desk_waits(
    control: Control, sent: dict[str, float], since: int
) -> dict[str, float]:
    """Return the ms from each front desk entry to the start of its call."""
    rows = dict(
        Submission.objects.filter(
            display_name__in=sent, status=Status.CREATED
        ).values_list("heffl_id", "display_name")
    )
    return {
        rows[call["client_id"]]: (call["at"] - sent[rows[call["client_id"]]]) * 1000
        for call in control.calls(since=since)
        if call["client_id"] in rows
    }


def desk_entries(
    busy: list[Organisation], idle: list[Organisation], seconds: float
) -> tuple[dict[str, float], set[str]]:
    """Enter clients at front desks for so long: name → moment, and those at busy ones."""
    dice = random.Random(1)  # noqa: S311 - the same every time
    sent: dict[str, float] = {}
    at_busy: set[str] = set()
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        # One in five at a busy one; not so often that its own limit is the wait.
        crowded = bool(busy) and len(sent) % 5 == 0
        where = dice.choice(busy if crowded else idle or busy)
        name = f"Desk {len(sent)}"
        sent[name] = time.time()
        if crowded:
            at_busy.add(name)
        submit(
            organisation=where,
            client_type="company",
            answers={"name": name},
            source=Source.FRONTDESK,
            token=f"desk-{len(sent):08}",
            user=None,
        )
        time.sleep(DESK_EVERY * dice.uniform(0.5, 1.5))
    return sent, at_busy


def tell_waits(waits: dict[str, float], at_busy: set[str]) -> None:
    """Print the desks' waits: all, and those at idle and at busy organisations."""
    for title, chosen in (
        ("anywhere", waits),
        ("at idle organisations", {n: w for n, w in waits.items() if n not in at_busy}),
        ("at busy organisations", {n: w for n, w in waits.items() if n in at_busy}),
    ):
        values = list(chosen.values())
        if values:
            shown(
                f"desk, submit to HTTP start, {title}",
                f"median {statistics.median(values):.0f} ms, "
                f"p95 {_stage.percentile(values, 0.95):.0f} ms, "
                f"most {max(values):.0f} ms ({len(values)})",
            )


def rates_of(
    calls: list[dict[str, Any]], busy: list[Organisation], took: float
) -> list[float]:
    """Return the calls a minute on each busy key while it was measured, least first."""
    until = min(call["monotonic"] for call in calls) + took
    counted = Counter(c["workspace"] for c in calls if c["monotonic"] < until)
    return sorted(counted[where.slug] / took * 60 for where in busy)


def lanes(control: Control, options: argparse.Namespace) -> None:
    """Measure the front desk's wait and the use of busy keys."""
    everyone = organisations(control, options.organisations, "lane")
    busy, idle = everyone[: options.busy], everyone[options.busy :]
    for where in busy:
        backlog(where, options.backlog)
    deliver = ("manage.py", "deliver", "--threads", str(options.threads))
    with ExitStack() as stack:
        workers = [
            stack.enter_context(_stage.process(*deliver))
            for _ in range(options.processes)
        ]
        time.sleep(WARM_UP)
        control.clear_calls()
        began, cpu = time.monotonic(), sum(used(w.pid)[0] for w in workers)
        sent, at_busy = desk_entries(busy, idle, options.seconds)
        took = time.monotonic() - began
        cpu = sum(used(w.pid)[0] for w in workers) - cpu
        memory = max(used(w.pid)[1] for w in workers)
        time.sleep(3)
        waits = desk_waits(control, sent, 0)
    calls = [call for call in control.calls() if call["method"] == "POST"]
    tell_waits(waits, at_busy)
    shown("desk entries not sent at the end", str(len(sent) - len(waits)))
    if rates := rates_of(calls, busy, took):
        shown(
            "calls a minute on a busy key",
            f"least {rates[0]:.1f}, median {statistics.median(rates):.1f}",
        )
    shown("answers 429", str(sum(call["status"] == 429 for call in calls)))
    shown("workers together, share of a core", f"{100 * cpu / took:.0f} %")
    shown("largest worker", f"{memory:.0f} MB")


def ceiling(control: Control, options: argparse.Namespace) -> None:
    """Measure what one worker process can do when no limit holds it."""
    os.environ["HEFFL_RATE_LIMIT"] = "100000/60"
    control.set(latency=0.05, rate=None)
    for count, waiting in ((10, 1_000), (100, 10_000), (500, 10_000), (500, 100_000)):
        waiting = max(count, int(waiting * options.scale))
        control.reset(workspaces=True)
        _stage.empty_tables()
        for where in organisations(control, count, f"c{count}x{waiting}"):
            backlog(where, waiting // count)
        command = ("manage.py", "deliver", "--threads", str(options.threads))
        with _stage.process(*command) as worker:
            created = Submission.objects.filter(status=Status.CREATED)
            until = time.monotonic() + 30
            while not created.exists() and time.monotonic() < until:
                time.sleep(0.05)
            before, at = created.count(), time.monotonic()
            cpu = used(worker.pid)[0]
            while time.monotonic() - at < options.seconds:
                time.sleep(0.5)
                if created.count() > 0.9 * waiting:
                    break
            took = time.monotonic() - at
            done = created.count() - before
            spent, memory = used(worker.pid)
        shown(
            f"{count} organisations, {waiting} waiting",
            f"{done / took:.0f} creates/s, {done / max(spent - cpu, 0.01):.0f} per second "
            f"of processor time, {memory:.0f} MB",
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--organisations", type=int, default=500)
    parser.add_argument("--busy", type=int, default=20)
    parser.add_argument("--backlog", type=int, default=5_000)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--threads", type=int, default=12)
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the ceiling's queues"
    )
    parser.add_argument("--ceiling", action="store_true", help="and nothing else")
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    print(
        f"lanes on {connection.vendor}, {timezone.now():%Y-%m-%d %H:%M} UTC, "
        f"{options.threads} threads a process"
    )
    sandbox = ("-m", "heffl_sandbox", "--port", str(PORT), "--key", _stage.KEY)
    with _stage.process(*sandbox, "--latency", "0.3"):
        _stage.wait_for_port(PORT)
        control = Control(f"http://127.0.0.1:{PORT}")
        control.wait_until_up()
        if not options.ceiling:
            options.seconds = options.seconds or 150
            lanes(control, options)
        options.seconds = 20 if not options.ceiling else options.seconds or 20
        ceiling(control, options)


if __name__ == "__main__":
    main()
