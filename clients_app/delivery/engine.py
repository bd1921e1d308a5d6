"""The engine room: worker threads over the task engine, and the housekeeping beside them.

Any number of these may run, on any number of machines over one PostgreSQL; all that they do
is idempotent. django_tasks_db's Worker class is undocumented: its version is pinned, and
tests/integration/test_engine.py holds it to what is used here.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import wraps

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.utils import DatabaseError, InterfaceError
from django.utils import timezone
from django_tasks_db.management.commands.db_worker import Worker
from django_tasks_db.models import DBTaskResult

from clients_app import tally
from clients_app.database import outage
from clients_app.delivery import (
    beats,
    holds,
    outbox,
    probes,
    rate_limit,
    reconcile,
    relay,
    sweeper,
    wakeups,
)
from clients_app.delivery import timing as times
from clients_app.models import (
    ApiCredential,
    BeatRole,
    RateBudget,
    Status,
    Submission,
)

log = logging.getLogger("portal.worker")
Chore = Callable[[], object]
POLL = 0.1
DESK_POLL = 0.05
GLANCE = 0.045
CALM_AFTER = 10.0
"""Seconds without work after which threads look half as often."""
LOOK_EVERY = 2.0


def seldom(seconds: float, chore: Chore) -> Chore:
    """Return a chore that does its work at most once in so many seconds."""
    due = 0.0

    @wraps(chore)
    def when_due() -> object:
        nonlocal due
        if time.monotonic() < due:
            return None
        due = time.monotonic() + seconds
        return chore()

    return when_due


class Glance:
    """Which queues have something ready: one look for all threads, kept for a moment.

    It takes no lock in the database; an idle Worker would take the write lock each time.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = -1.0
        self._queues: frozenset[str] = frozenset()
        self._worked = time.monotonic()

    def sees(self, queues: list[str]) -> bool:
        """Say whether one of these queues ("*" is any) has something ready."""
        with self._lock:
            if time.monotonic() - self._at > GLANCE:
                ready = DBTaskResult.objects.ready().filter(backend_name="default")
                names = ready.order_by().values_list("queue_name", flat=True)
                self._queues = frozenset(names.distinct())
                self._at = time.monotonic()
                if self._queues:
                    self._worked = self._at
            found = self._queues
        return bool(found) if "*" in queues else bool(found & set(queues))

    def pace(self) -> float:
        """Return by how much to stretch the pause between two looks."""
        return 1.0 if time.monotonic() - self._worked < CALM_AFTER else 2.0

    def forget(self) -> None:
        """Look again at the next question: what was ready has been taken."""
        self._at = -1.0


class Engine:
    """N worker threads, one of them for the front desk alone, and one for housekeeping.

    `chores` are what else is to be done every few seconds, each short, idempotent and safe
    to be done by several processes; they have a thread of their own. `watch` is asked
    with every sign of life.
    """

    def __init__(
        self,
        threads: int,
        check_key: probes.CheckKey,
        chores: Sequence[Chore] = (),
        watch: Chore = lambda: None,
    ) -> None:
        self._stop = threading.Event()
        self._check_key = check_key
        self._waiting_keys = probes.WaitingKeys(check_key)
        self._chores = tuple(chores)
        self._watch = watch
        self._workers: list[Worker] = []
        self._glance = Glance()
        self._name = secrets.token_hex(4)
        self._threads = [
            threading.Thread(target=self._keep_house, name="housekeeping", daemon=True),
            threading.Thread(target=self._look_up, name="looks", daemon=True),
            threading.Thread(target=self._do_chores, name="chores", daemon=True),
            threading.Thread(target=self._beat, name="beat", daemon=True),
            self._worker_thread("desk", [wakeups.DESK_QUEUE], DESK_POLL),
        ]
        for number in range(1, max(2, threads)):
            self._threads.append(self._worker_thread(f"general-{number}", ["*"], POLL))

    def _worker_thread(
        self, name: str, queues: list[str], interval: float
    ) -> threading.Thread:
        return threading.Thread(
            target=self._work, args=(name, queues, interval), name=name, daemon=True
        )

    def start(self) -> None:
        """Start all threads."""
        wakeups.woken.connect(relay.deliver_woken)
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float = 40.0) -> None:
        """Let each thread finish the call it is in, then end it."""
        self._stop.set()
        for worker in self._workers:
            worker.running = False
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.1, until - time.monotonic()))

    def _work(self, name: str, queues: list[str], interval: float) -> None:
        """Run the engine's own Worker whenever there is work; survive what ends it."""
        while not self._stop.is_set():
            try:
                if beats.may_send() and self._glance.sees(queues):
                    worker = make_worker(f"{self._name}-{name}", queues)
                    self._workers.append(worker)
                    try:
                        worker.run()
                    finally:
                        self._workers.remove(worker)
                        self._glance.forget()
            except (DatabaseError, InterfaceError) as error:
                _database_fault(error)
                self._stop.wait(1.0)
            except Exception:
                log.exception("worker thread fault", extra={"worker": name})
                self._stop.wait(1.0)
            self._stop.wait(interval * self._glance.pace())
        connection.close()

    def _keep_house(self) -> None:
        next_sweep = 0.0
        while not self._stop.is_set():
            try:
                probes.probe_due(self._check_key)
                if time.monotonic() >= next_sweep and beats.may_send():
                    sweeper.sweep(timezone.now())
                    self._waiting_keys.ask()
                    next_sweep = time.monotonic() + times.timing().sweep
            except (DatabaseError, InterfaceError) as error:
                _database_fault(error)
            except Exception:
                log.exception("housekeeping fault", extra={"worker": "housekeeping"})
            self._stop.wait(min(LOOK_EVERY, times.timing().sweep))
        connection.close()

    def _look_up(self) -> None:
        """Look unclear clients up; a Heffl that hangs delays nothing else."""
        while not self._stop.is_set():
            try:
                if beats.may_send():
                    look_up_due()
            except (DatabaseError, InterfaceError) as error:
                _database_fault(error)
            self._stop.wait(min(LOOK_EVERY, times.timing().sweep))
        connection.close()

    def _beat(self) -> None:
        """Say that this process lives and, now and then, what is amiss."""
        pause = min(beats.EVERY, times.timing().sweep)
        while not self._stop.is_set():
            try:
                beats.beat(self._name, BeatRole.WORKER)
                self._watch()
            except (DatabaseError, InterfaceError) as error:
                _database_fault(error)
            except Exception:
                log.exception("beat fault", extra={"worker": "beat"})
            self._stop.wait(pause)
        connection.close()

    def _do_chores(self) -> None:
        while self._chores and not self._stop.is_set():
            for chore in self._chores:
                try:
                    chore()
                except (DatabaseError, InterfaceError) as error:
                    _database_fault(error)
                except Exception:
                    log.exception("chore fault", extra={"worker": chore.__name__})
            self._stop.wait(min(LOOK_EVERY, times.timing().sweep))
        connection.close()


def _database_fault(error: Exception) -> None:
    log.warning("database fault", extra=outage.told(error))
    close_old_connections()
    if not connection.in_atomic_block:
        connection.close()


def make_worker(name: str, queues: list[str]) -> Worker:
    """Return one of the engine's workers: runs what is ready now, then returns."""
    return Worker(
        queue_names=queues,
        interval=0,
        batch=True,
        backend_name="default",
        startup_delay=False,
        max_tasks=None,
        worker_id=f"{name}-{secrets.token_hex(4)}",
        excluded_queue_names=[],
    )


def look_up_due() -> int:
    """Look up the unclear submissions that are due; returns how many were looked at."""
    rows = reconcile.due(timezone.now())
    for row in rows:
        try:
            result = reconcile.reconcile(row)
        except (DatabaseError, InterfaceError):
            raise
        except Exception:
            log.exception("look-up fault", extra={"submission": str(row.uuid)})
            continue
        tally.count("looks", result)
        log.info("reconcile", extra={"submission": str(row.uuid), "reason": result})
    return len(rows)


def drain_once(check_key: probes.CheckKey) -> None:
    """Work until nothing is left that will become due by itself within a rate window."""
    wakeups.woken.connect(relay.deliver_woken)
    worker_queues = ["*"]
    while True:
        sweeper.sweep(timezone.now())
        look_up_due()
        probes.probe_due(check_key)
        make_worker("once", worker_queues).run()
        pause = _next_due_in(timezone.now())
        if pause is None:
            return
        time.sleep(min(max(pause, 0.02), 5.0))


def _next_due_in(now: datetime) -> float | None:
    """Return seconds until the next call may go out, None when nothing will by itself."""
    horizon = now + timedelta(seconds=settings.HEFFL_RATE_LIMIT[1] + 1)
    waits: list[float] = []
    for credential in ApiCredential.objects.current():
        if holds.is_held(credential.fingerprint):
            continue
        rows = Submission.objects.filter(
            organisation=credential.organisation_id,
            status=Status.QUEUED,
            not_before__lt=horizon,
        ).order_by("not_before")[: outbox.LOOK_AHEAD]
        free = (
            row
            for row in rows
            if not outbox.look_alike_open(row, [row.organisation_id])
        )
        row = next(free, None)
        budget = RateBudget.objects.filter(fingerprint=credential.fingerprint).first()
        if row is None or budget is None:
            continue
        at = rate_limit.next_allowed(budget, rate_limit.Use(row.lane), now)
        waits.append((max(at, row.not_before) - now).total_seconds())
    return min(waits) if waits else None
