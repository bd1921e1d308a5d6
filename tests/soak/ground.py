"""The ground a suite stands on: the stand-in, organisations with keys, and the count."""

from __future__ import annotations

import contextlib
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.core.cache import cache
from django.db import OperationalError, connection
from django.db.utils import DatabaseError, InterfaceError
from django.test import override_settings
from django.utils import timezone

from benchmarks._stage import empty_tables, free_port, wait_for_port
from clients_app import credentials
from clients_app.crypto import Secret
from clients_app.delivery import engine, holds, outbox, relay
from clients_app.heffl.outcome import Verdict
from clients_app.intake.submissions import submit
from clients_app.models import (
    NEEDS_PERSON,
    ApiCredential,
    DeliveryAttempt,
    Hold,
    Organisation,
    RateBudget,
    Source,
    Status,
    Submission,
)
from heffl_sandbox.control import Control
from scripts.postgresql import Server
from tests.fleet import PATIENCE, ROOT, database_url, wait_until
from tests.soak.nursery import Nursery
from tests.soak.report import Result, percentile

LONG_AGO = timedelta(hours=2)
# In full some faults are about time, and each costs a timeout. In short none is: there
# patience costs nothing, and a busy machine must not turn an answer into a lost one.
TIMEOUTS = {"connect": 1.0, "read": 1.0, "total": 1.5}
PATIENT = {"connect": 20.0, "read": 20.0, "total": 30.0}


@dataclass
class Ground:
    """What a suite works with. `accepted` names what was acknowledged, by token."""

    control: Control
    api_url: str
    folder: Path
    short: bool
    sandbox_pid: int = 0
    accepted: dict[str, tuple[str, str]] = field(default_factory=dict)
    server: Server | None = None
    """The PostgreSQL made for this suite alone, if it may be stopped."""

    def nursery(self, **environment: str) -> Nursery:
        """Return a nursery whose workers use this database and this stand-in."""
        return Nursery(
            self.folder / "workers.log",
            **{
                "DATABASE_URL": database_url(),
                "HEFFL_API_URL": self.api_url,
                **environment,
            },
        )

    def organisation(self, slug: str) -> Organisation:
        """Make an organisation and a workspace of the same name with its key."""
        key = f"heffl_user_test_{slug}_0123456789"
        self.control.add_workspace(slug, keys=[key])
        made = Organisation.objects.create(name=slug, slug=slug)
        credentials.seal_new(made, Secret(key), verified_at=timezone.now())
        return made

    def enter(
        self, where: Organisation, name: str, source: Source = Source.FRONTDESK
    ) -> None:
        """Submit one company; it counts as accepted when this returns."""
        token = f"token-{where.slug}-{name}".replace(" ", "-")
        for attempt in range(200):
            try:
                submit(
                    organisation=where,
                    client_type="company",
                    answers={"name": name},
                    source=source,
                    token=token,
                    user=None,
                )
                break
            except (OperationalError, InterfaceError, DatabaseError):
                connection.close()
                if attempt == 199:
                    raise
                time.sleep(0.1)
        self.accepted[token] = (where.slug, name)

    def quiet(self, seconds: float = PATIENCE) -> bool:
        """Wait until the stand-in is done with all that has reached it; False if never.

        Whoever sent it may be dead: then its connection is half closed until the
        stand-in has read what was in it.
        """
        port = int(self.api_url.split(":")[2].split("/")[0])
        return wait_until(
            lambda: (
                not _busy_connections(port)
                and all(call["seconds"] is not None for call in self.control.calls())
            ),
            seconds,
            0.01,
        )

    def clear(self) -> None:
        """Empty the portal's tables and the stand-in."""
        self.control.reset(workspaces=True)
        self.control.clear_faults()
        self.control.set(latency=0.0)
        self.accepted.clear()
        empty_tables()
        cache.clear()

    def count(self, suite: str) -> Result:
        """Compare what was accepted, what the portal says and what the stand-in has."""
        result = Result(suite, connection.vendor, accepted=len(self.accepted))
        remote = self.control.clients()
        by_id = {client["id"]: client for client in remote}
        times = Counter((client["workspace"], client["name"]) for client in remote)
        rows = {
            row.submission_token: row
            for row in Submission.objects.select_related("organisation").defer(
                "answers"
            )
        }
        # What nobody was thanked for may be there as well: its answer was lost.
        names = {(row.organisation.slug, row.display_name) for row in rows.values()}
        names.update(self.accepted.values())
        result.duplicates = sum(n - 1 for at, n in times.items() if n > 1)
        result.cross_tenant = sum(at not in names for at in times)
        waits = []
        person = 0
        for token, (slug, name) in self.accepted.items():
            row = rows.get(token)
            if row is None:
                result.lost += 1
            elif row.status == Status.CREATED:
                result.created += 1
                found = by_id.get(row.heffl_id)
                if found is None:
                    result.lost += 1
                elif found["name"] != name or (
                    row.number and found["number"] != row.number
                ):
                    result.wrong_id += 1
                elif found["workspace"] != slug:
                    result.cross_tenant += 1
                assert row.delivered_at is not None
                waits.append((row.delivered_at - row.created_at).total_seconds())
            elif row.status in NEEDS_PERSON or row.status == Status.DROPPED:
                person += 1
            else:
                result.lost += 1
                result.faults.append(f"a row is stuck in {row.status}")
        result.faults = sorted(set(result.faults))
        if self.accepted:
            result.review_percent = 100 * person / len(self.accepted)
        self._count_uncertain(result, rows)
        result.p50, result.p95, result.p99 = (
            percentile(waits, share) for share in (0.5, 0.95, 0.99)
        )
        return result

    def _count_uncertain(self, result: Result, rows: dict[str, Submission]) -> None:
        by_pk = {row.pk: row for row in rows.values()}
        first: dict[int, datetime] = {}
        unclear = DeliveryAttempt.objects.filter(verdict=Verdict.UNCERTAIN)
        for pk, at in unclear.order_by("-id").values_list("submission", "started_at"):
            first[pk] = at
        took = []
        for pk, at in first.items():
            row = by_pk.get(pk)
            if row and row.status == Status.CREATED and row.delivered_at:
                took.append((row.delivered_at - at).total_seconds())
        result.uncertain = len(first)
        if first:
            result.settled_percent = 100 * len(took) / len(first)
        if took:
            result.settled_median = statistics.median(took)

    def settle(self, seconds: float, every: float = 0.3) -> bool:
        """Wait until everything is final or with a person; False when it never was."""
        until = time.monotonic() + seconds
        open_ = (Status.QUEUED, Status.SENDING, Status.UNCERTAIN)
        while time.monotonic() < until:
            try:
                if not Submission.objects.filter(status__in=open_).exists():
                    return True
            except (OperationalError, InterfaceError, DatabaseError):
                connection.close()
            time.sleep(every)
        return False

    def recover_some(self, count: int) -> None:
        """Deliver so many and no more."""
        for fingerprint in ApiCredential.objects.current().values_list(
            "fingerprint", flat=True
        ):
            for _ in range(count):
                relay.deliver_next(fingerprint)

    def recover(self, rounds: int = 40) -> bool:
        """Be the workers and the time after a crash: every wait is over at once.

        What a dead connection still has locked in the database is passed over; so each
        round waits a little longer for it than the one before.
        """
        for number in range(rounds):
            time.sleep(0.02 * number)
            now = timezone.now()
            outbox.take_back_lost(now + LONG_AGO)
            Submission.objects.filter(reconcile_at__isnull=False).update(
                reconcile_at=now
            )
            engine.look_up_due()
            for hold in Hold.objects.filter(released_at__isnull=True):
                holds.release(hold.fingerprint, hold.reason, now)  # type: ignore[arg-type]
            Submission.objects.filter(status=Status.QUEUED).update(not_before=now)
            RateBudget.objects.update(paused_until=None)
            keys = ApiCredential.objects.current().values_list("fingerprint", flat=True)
            for fingerprint in keys:
                while relay.deliver_next(fingerprint):
                    pass
            open_ = (Status.QUEUED, Status.SENDING, Status.UNCERTAIN)
            if not Submission.objects.filter(status__in=open_).exists():
                return True
        return False


def _busy_connections(port: int) -> bool:
    """Say whether a connection to the port is half closed or has bytes unread."""
    half_closed = "08"
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        lines = table.read_text().splitlines()[1:] if table.exists() else []
        for _, here, _, state, waiting, *_ in map(str.split, lines):
            unread = int(waiting.partition(":")[2], 16)
            # of the listener itself: how many wait to be accepted
            at_it = int(here.rpartition(":")[2], 16) == port
            if at_it and (state == half_closed or unread):
                return True
    return False


@contextlib.contextmanager
def ground(folder: Path, *, short: bool, host: str = "127.0.0.1") -> Iterator[Ground]:
    """Start a stand-in of its own without a limit and lend the ground to a suite."""
    port = free_port()
    stand_in = subprocess.Popen(
        [sys.executable, "-m", "heffl_sandbox", "--host", host]
        + ["--port", str(port), "--no-rate-limit"],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ,
    )
    api_url = f"http://127.0.0.1:{port}/api/v1"
    from clients_app.delivery.timing import Timing

    swift = Timing(look_after=(0.0, 0.0, 0.0), backoff_base=0.0, wait_default=0.0)
    try:
        wait_for_port(port, PATIENCE)
        with override_settings(
            HEFFL_API_URL=api_url,
            HEFFL_RATE_LIMIT=(100_000, 60.0),
            HEFFL_TIMEOUTS=PATIENT if short else TIMEOUTS,
            DELIVERY_TIMING=getattr(settings, "SOAK_TIMING", None) or swift,
        ):
            yield Ground(
                Control(f"http://127.0.0.1:{port}"),
                api_url,
                folder,
                short,
                stand_in.pid,
            )
    finally:
        stand_in.terminate()
        stand_in.wait(10)
