# ruff: noqa: E402, T201
"""Ten thousand rows out of a file: reading, dry run and loading; a web POST meanwhile.

    python -m benchmarks.imports [--rows 10000]

Works on an empty database of its own. Seconds of the wall and of this process; memory is
the peak above what the process had before the file. The POST is a client form through the
whole stack in another process, alone first and then beside the loading.
"""

from __future__ import annotations

import argparse
import csv
import gc
import io
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import _stage

_stage.prepare("http://127.0.0.1:9/api/v1")

import django

django.setup()

from django.core.management import call_command
from django.test import Client
from openpyxl import Workbook

from clients_app.imports import drafts, load, reading
from clients_app.imports.rows import dry_run
from clients_app.models import Membership, Organisation, Role, Submission, User

HEAD = [
    *("Type", "Company name", "First name", "Last name", "Mobile", "Email", "TRN"),
    *("Country", "City", "Street", "Opening balance", "Website", "Job title"),
]


def rows(count: int) -> Iterator[list[str]]:
    """Yield a header and rows, companies and contacts in turn."""
    yield HEAD
    where = ["UAE", "Dubai", "Street 1", "250.50"]
    for n in range(count):
        if n % 2:
            phone = f"+97150{n:07d}"
            person = ["", f"Mariam {n}", "Haddad", phone, f"m{n}@example.com", ""]
            yield ["contact", *person, *where, "", "Manager"]
        else:
            tax = str(100_000_000_000_000 + n)
            yield [
                "company",
                f"Company {n} LLC",
                *[""] * 4,
                tax,
                *where,
                "example.com",
                "",
            ]


def timed(name: str, work):  # type: ignore[no-untyped-def]
    """Run a piece of work and print what it took."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name:<28} {wall:7.2f} s wall {cpu:7.2f} s CPU")
    return result


def memory(name: str) -> float:
    """Return what Linux says of this process' memory: VmRSS is now, VmHWM the peak, in MB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    found = next(line for line in lines if line.startswith(f"{name}:"))
    return int(found.split()[1]) / 1024


def peak() -> float:
    """Return the peak of memory since the last forget_peak(), in MB."""
    return memory("VmHWM")


def forget_peak() -> float:
    """Begin to measure the peak anew; return what is in use now, in MB."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def posts(seconds: float) -> list[float]:
    """Post client forms for a while; return the milliseconds of each."""
    client = Client(SERVER_NAME="localhost")
    member = Membership.objects.select_related("organisation", "user").get()
    client.force_login(
        member.user, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    address = f"/o/{member.organisation.slug}/clients/new/"
    took = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = {"type": "company", "name": secrets.token_hex(6)}
        data["submission_token"] = secrets.token_hex(16)
        began = time.perf_counter()
        answer = client.post(address, data)
        if answer.status_code != 303:
            raise SystemExit(f"a post was answered {answer.status_code}")
        took.append((time.perf_counter() - began) * 1000)
        time.sleep(0.03)
    return took


def told(name: str, took: list[float]) -> float:
    """Print and return the 95th percentile."""
    p95 = _stage.percentile(took, 0.95)
    middle = statistics.median(took)
    print(f"{name:<28} p50 {middle:6.1f} ms  p95 {p95:6.1f} ms  ({len(took)} posts)")
    return p95


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--post", type=float, default=0.0)
    options = parser.parse_args()
    if options.post:
        print(",".join(f"{each:.2f}" for each in posts(options.post)))
        return
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    organisation = Organisation.objects.create(name="Bench", slug="bench")
    user = User.objects.create_user("bench@example.test")
    Membership.objects.create(organisation=organisation, user=user, role=Role.OWNER)
    text = io.StringIO()
    csv.writer(text).writerows(rows(options.rows))  # noqa: TID251 - as others write it
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows(options.rows):
        sheet.append(row)
    packed = io.BytesIO()
    book.save(packed)
    files = {"csv": text.getvalue().encode(), "xlsx": packed.getvalue()}
    del text, book, sheet, packed
    before = forget_peak()
    for kind, data in files.items():
        draft = timed(
            f"upload {kind}",
            lambda data=data: drafts.upload(organisation, "f", data, user=user),
        )
        timed(f"read {kind}, the worker", reading.read_due)
        draft.refresh_from_db()
        result = timed(f"dry run {kind}", lambda draft=draft: dry_run(draft))
        print(f"{'':<28} {result.ready} ready; {peak() - before:.0f} MB above idle")
    quiet = told("posts alone", posts(4))
    load.start(draft, user=user)
    beside = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.imports", "--post", "6"],
        cwd=_stage.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    time.sleep(2)
    began = time.perf_counter()

    def load_all() -> None:
        while load.store_due():
            pass

    timed("load", load_all)
    stored = Submission.objects.filter(source="import").count()
    speed = stored / (time.perf_counter() - began)
    print(f"{'':<28} {stored} rows, {speed:.0f} rows/s; {peak() - before:.0f} MB")
    out, _ = beside.communicate()
    busy = told("posts beside", [float(each) for each in out.split(",")])
    print(f"{'ratio of p95':<28} {busy / quiet:.1f}")


if __name__ == "__main__":
    main()
