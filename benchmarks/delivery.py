"""The rate limit in use, and what the front desk waits for beside 1,000 imports.

    python -m benchmarks.delivery [--clients 200] [--imports 1000] [--desk 40]

Real processes: the stand-in with its limit of 60 calls in 60 seconds, the worker as in
production, real time. Takes about seven minutes on each database.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import timedelta

from benchmarks import _stage

PORT = _stage.free_port()
API = f"http://127.0.0.1:{PORT}/api/v1"
DATABASE = _stage.prepare(API)

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402

from clients_app import credentials  # noqa: E402
from clients_app.crypto import Secret  # noqa: E402
from clients_app.intake.submissions import submit  # noqa: E402
from clients_app.models import Organisation, Source, Status, Submission  # noqa: E402
from heffl_sandbox.control import Control  # noqa: E402


def organisation(slug: str, key: str) -> Organisation:
    """Make an organisation with a key that works."""
    made = Organisation.objects.create(name=slug, slug=slug)
    credentials.seal_new(made, Secret(key), verified_at=timezone.now())
    return made


def enter(where: Organisation, name: str, source: Source) -> Submission:
    """Submit one company."""
    return submit(
        organisation=where,
        client_type="company",
        answers={"name": name},
        source=source,
        token=f"bench-{name.replace(' ', '-')}",
        user=None,
    )


def wait_created(where: Organisation, count: int, seconds: float) -> None:
    """Wait until so many clients of an organisation have their number."""
    until = time.monotonic() + seconds
    created = Submission.objects.filter(organisation=where, status=Status.CREATED)
    while created.count() < count and time.monotonic() < until:
        time.sleep(0.25)


def most_in_any_minute(moments: list[float]) -> int:
    """Return the largest number of calls in any 60 seconds."""
    ordered, start, most = sorted(moments), 0, 0
    for end, moment in enumerate(ordered):
        while ordered[start] <= moment - 60:
            start += 1
        most = max(most, end - start + 1)
    return most


def rate(control: Control, clients: int) -> None:
    """Send many clients of one organisation and count the calls."""
    where = organisation("rate", _stage.KEY)
    control.clear_calls()
    for number in range(clients):
        enter(where, f"Rate {number}", Source.IMPORT)
    wait_created(where, clients, clients * 1.5 + 60)
    calls = [call for call in control.calls() if call["method"] == "POST"]
    moments = [call["monotonic"] for call in calls]
    minutes = (max(moments) - min(moments)) / 60
    refused = sum(call["status"] == 429 for call in calls)
    made = Submission.objects.filter(organisation=where, status=Status.CREATED).count()
    print(f"  {clients} clients of one organisation: created {made}")
    print(f"  most calls in any 60 s            {most_in_any_minute(moments)}")
    print(f"  answers 429                       {refused}")
    print(f"  calls a minute                    {(len(calls) - 1) / minutes:.1f}")


def desk(control: Control, imports: int, entries: int) -> None:
    """Submit at the front desk while imports of the same organisation wait."""
    key = _stage.KEY + "desk"
    control.add_workspace("Desk", keys=[key])
    where = organisation("desk", key)
    for number in range(imports):
        enter(where, f"Import {number}", Source.IMPORT)
    enter(where, "Desk warm", Source.FRONTDESK)
    time.sleep(15)
    submitted: dict[str, float] = {}
    for number in range(entries):
        name = f"Desk {number}"
        submitted[name] = time.time()
        enter(where, name, Source.FRONTDESK)
        time.sleep(2.0 + (number % 7) * 0.21)
    until = time.monotonic() + 30
    rows = Submission.objects.filter(organisation=where, display_name__in=submitted)
    while rows.exclude(status=Status.CREATED).exists() and time.monotonic() < until:
        time.sleep(0.2)
    arrivals = {call["client_id"]: call["at"] for call in control.calls("Desk")}
    waits = [
        (arrivals[row.heffl_id] - submitted[row.display_name]) * 1000
        for row in rows.filter(status=Status.CREATED)
    ]
    waiting = Submission.objects.filter(organisation=where, status=Status.QUEUED)
    print(f"  front desk entries beside imports {len(waits)} of {entries}")
    print(f"  imports still waiting at the end  {waiting.count()}")
    print(f"  submit to HTTP start, median      {_stage.percentile(waits, 0.5):.0f} ms")
    print(
        f"  submit to HTTP start, p95         {_stage.percentile(waits, 0.95):.0f} ms"
    )
    print(f"  submit to HTTP start, most        {max(waits):.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=200)
    parser.add_argument("--imports", type=int, default=1000)
    parser.add_argument("--desk", type=int, default=40)
    options = parser.parse_args()
    call_command("migrate", verbosity=0)
    engine = DATABASE.partition(":")[0]
    print(f"delivery on {engine}, {timezone.now() + timedelta():%Y-%m-%d %H:%M} UTC")
    sandbox = ("-m", "heffl_sandbox", "--port", str(PORT), "--key", _stage.KEY)
    with _stage.process(*sandbox, "--latency", "0.2"):
        _stage.wait_for_port(PORT)
        control = Control(f"http://127.0.0.1:{PORT}")
        control.wait_until_up()
        with _stage.process("manage.py", "deliver"):
            if options.desk:
                desk(control, options.imports, options.desk)
            Submission.objects.filter(status=Status.QUEUED).update(
                status=Status.DROPPED
            )
            if options.clients:
                rate(control, options.clients)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
