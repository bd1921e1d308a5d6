"""Crash points: a delivery killed, failed or frozen at its every system call.

strace attaches to a worker that is about to make one delivery and sends SIGKILL at the n-th
call of a kind, makes it fail with ENOSPC or EIO, or stops the process there for longer than
its deadline. The next delivery finds what it left.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

from django.db import connection

from clients_app.models import ApiCredential, Status, Submission
from tests.fleet import PATIENCE, wait_until
from tests.soak.ground import PATIENT, Ground
from tests.soak.nursery import Nursery, wait_gone
from tests.soak.report import Result

KILLED_AT = ("connect", "sendto", "recvfrom", "fdatasync", "fsync", "pwrite64")
FAILED_AT = (
    ("pwrite64", "error=ENOSPC"),
    ("fdatasync", "error=EIO"),
    ("fsync", "error=EIO"),
    ("sendto", "error=EIO"),
    ("recvfrom", "error=EIO"),
)
STOPPED_AT = ("connect", "sendto", "recvfrom")
# The real ones are 30 s: a process that is stopped has to outsleep them.
TIMEOUTS = '{"connect": 0.5, "read": 0.6, "total": 0.8}'
STOPPED_FOR = 1.0
"""Seconds that it stays stopped after strace has seen it stop."""
WAITS_IN = "rt_sigtimedwait"
STOPPED = "--- stopped by SIGSTOP ---"
STRUCK = re.compile(r"\(INJECTED\)|killed by SIGKILL")


class Traced:
    """One delivery under strace, let go once strace is there."""

    def __init__(
        self,
        nursery: Nursery,
        key: str,
        log: Path,
        *rules: str,
        job: tuple[str, ...] = (),
    ) -> None:
        self.pid = nursery.spawn(*(job or ("one", key)))
        log.unlink(missing_ok=True)
        # Where it waits is traced, too: that line tells that strace has a hold of it.
        rules = tuple(
            f"{rule},{WAITS_IN}" if rule.startswith("trace=") else rule
            for rule in rules
        )
        self._strace = subprocess.Popen(
            ["strace", "-f", "-qq", "-y", "-s", "300", "-p", str(self.pid)]
            + ["-o", str(log), *rules],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        if not wait_until(
            lambda: log.exists() and WAITS_IN in log.read_text(), PATIENCE, 0.002
        ):
            raise RuntimeError("strace has not got a hold of the worker")
        self._log = log
        os.kill(self.pid, signal.SIGUSR1)

    def stopped(self) -> bool:
        """Wait until it is stopped; False when it ended before that."""
        return wait_until(
            lambda: self._gone() or STOPPED in self._log.read_text(errors="replace"),
            PATIENCE,
            0.005,
        ) and STOPPED in self._log.read_text(errors="replace")

    def _gone(self) -> bool:
        return wait_gone(self.pid, 0)

    def end(self, seconds: float = PATIENCE) -> bool:
        """Wait until it is over; False when it had to be killed."""
        ended = wait_gone(self.pid, seconds)
        if not ended:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        try:
            self._strace.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self._strace.kill()
            self._strace.wait()
        return ended


def calls_of(log: Path) -> dict[str, int]:
    """Return how often each system call was made, as strace logged them."""
    counts: dict[str, int] = {}
    for line in log.read_text(errors="replace").splitlines():
        found = re.match(r"(?:\d+ +)?(\w+)\(", line)
        if found:
            counts[found[1]] = counts.get(found[1], 0) + 1
    return counts


def _names_of_posts(log: Path) -> list[int]:
    """Return which of the sendto calls carried the POST, counted from 1."""
    found, count = [], 0
    for line in log.read_text(errors="replace").splitlines():
        if " sendto(" in line or line.startswith("sendto("):
            count += 1
            if "POST /" in line:
                found.append(count)
    return found


def available() -> str:
    """Return "" when strace can be used here, else why not."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    tried = subprocess.run(
        ["strace", "-o", os.devnull, "true"], check=False, capture_output=True
    )
    return "" if tried.returncode == 0 else "strace may not trace here"


def _plan(counts: dict[str, int], posts: list[int]) -> list[tuple[str, int, str]]:
    """Return where to kill and to fail a delivery: the call, which of them, and how."""
    plan = [
        (kind, n, "signal=SIGKILL")
        for kind in KILLED_AT
        for n in range(1, counts.get(kind, 0) + 1)
    ]
    plan += [
        (kind, n, error)
        for kind, error in FAILED_AT
        for n in range(1, counts.get(kind, 0) + 1)
        # A send to PostgreSQL that only seems to fail leaves both ends waiting.
        if connection.vendor == "sqlite" or kind != "sendto" or n in posts
    ]
    return plan


def _stops(counts: dict[str, int], posts: list[int]) -> list[tuple[str, int]]:
    """Return where to freeze a delivery: the kind of call, and which of its kind."""
    stops = [
        (kind, n) for kind in STOPPED_AT for n in range(1, counts.get(kind, 0) + 1)
    ]
    if len(stops) > 60:  # PostgreSQL: every other call is about its own connection
        stops = stops[::2] + [("sendto", n) for n in posts]
    return stops


class _Trial:
    """Delivery after delivery, each struck at another call; what came of them all."""

    def __init__(self, ground: Ground, nursery: Nursery) -> None:
        self.ground = ground
        self.nursery = nursery
        self.where = ground.organisation("crash")
        (self.key,) = ApiCredential.objects.values_list("fingerprint", flat=True)
        self.log = ground.folder / "strace.log"
        self.bad: list[str] = []
        self.entered = self.points = self.struck = self.frozen_twice = 0
        self.counts: dict[str, int] = {}
        self.posts: list[int] = []

    def enter(self, what: str) -> str:
        """Enter a client for one delivery and return its name."""
        self.entered += 1
        name = f"{self.entered} {what}"
        self.ground.enter(self.where, name)
        return name

    def finish(self, what: str) -> None:
        """Let the next delivery find what this one left."""
        if not self.ground.quiet():
            self.bad.append(f"the stand-in is still at it after {what}")
        if not self.ground.recover():
            self.bad.append(f"stuck after {what}")

    def trace(self, *rules: str) -> Traced:
        """Start one delivery under strace with these rules."""
        return Traced(self.nursery, self.key, self.log, *rules)

    def count_calls(self) -> None:
        """Learn from a delivery that nobody disturbs which calls one makes."""
        self.enter("counted")
        kinds = sorted({*KILLED_AT, *STOPPED_AT})
        if not self.trace("-e", "trace=" + ",".join(kinds)).end():
            raise RuntimeError("a delivery that nobody disturbs does not end")
        self.counts = calls_of(self.log)
        self.posts = _names_of_posts(self.log)
        self.finish("nothing")

    def strike(self, kind: str, n: int, what: str) -> None:
        """Kill a delivery at the n-th call of a kind, or let that call fail."""
        self.points += 1
        self.enter(f"{what} {kind} {n}")
        inject = f"inject={kind}:{what}:when={n}"
        self.trace("-e", f"trace={kind}", "-e", inject).end(30.0)
        self.struck += bool(STRUCK.search(self.log.read_text(errors="replace")))
        self.finish(inject)

    def freeze(self, kind: str, n: int) -> None:
        """Stop a delivery at the n-th call of a kind for longer than its deadline."""
        self.points += 1
        name = self.enter(f"SIGSTOP {kind} {n}")
        inject = f"inject={kind}:signal=SIGSTOP:when={n}"
        traced = self.trace("-e", f"trace={kind}", "-e", inject)
        if traced.stopped():
            self.struck += 1
            time.sleep(STOPPED_FOR)
        if connection.vendor == "sqlite" or not _holds_a_lock(traced.pid):
            self.finish(inject)
        with contextlib.suppress(ProcessLookupError):
            os.kill(traced.pid, signal.SIGCONT)
        traced.end()
        self.finish(inject)
        times = self.ground.control.creates_per_name("crash").get(name, 0)
        if times > 1 and kind == "sendto" and n in self.posts:
            self.frozen_twice += times - 1


def run(ground: Ground) -> Result:
    """Try every point (in short: some), and count."""
    if why_not := available():
        result = Result("crash", connection.vendor)
        result.notes.append(f"left out: {why_not}")
        return result
    with ground.nursery(SOAK_TIMEOUTS=TIMEOUTS) as nursery:
        trial = _Trial(ground, nursery)
        trial.count_calls()
        plan = _plan(trial.counts, trial.posts)
        for kind, n, what in plan[::16] if ground.short else plan:
            trial.strike(kind, n, what)
        stops = _stops(trial.counts, trial.posts)
        for kind, n in stops[::20] if ground.short else stops:
            trial.freeze(kind, n)
    result = _told(ground, trial)
    _check_files(result)
    _control(ground, result)
    return result


def _told(ground: Ground, trial: _Trial) -> Result:
    result = ground.count("crash")
    made = ground.control.creates_per_name("crash")
    if twice := sorted(name for name, times in made.items() if times > 1):
        result.notes.append(f"twice, at these points: {twice}")
    result.points = trial.points
    result.faults += trial.bad
    if not trial.struck:
        result.faults.append("nothing was killed, failed or frozen")
    if trial.frozen_twice > 1:
        result.faults.append(f"{trial.frozen_twice} duplicates of frozen processes")
    result.duplicates -= min(trial.frozen_twice, 1)
    result.p50 = result.p95 = result.p99 = result.settled_median = None
    result.notes.append(
        f"one delivery makes {trial.counts}; killed, failed or frozen at each "
        f"({trial.struck} of {trial.points} came to that call); twice because "
        f"frozen between the last check and the first byte: {trial.frozen_twice}"
    )
    return result


def _holds_a_lock(_pid: int) -> bool:
    """Say whether a stopped process may sit on a row that recovery would wait for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'"
            " AND datname = current_database() AND pid <> pg_backend_pid()"
        )
        return bool(cursor.fetchone()[0])


def _check_files(result: Result) -> None:
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        answer = cursor.fetchone()[0]
    if answer != "ok":
        result.faults.append(f"integrity_check: {answer}")


def _control(ground: Ground, result: Result) -> None:
    """Kill while the answer is on its way, then queue again without a look.

    It waits for what it is about, however long that takes: the stand-in has made the
    client, and the worker died before it wrote that down.
    """
    ground.clear()
    where = ground.organisation("control")
    (key,) = ApiCredential.objects.values_list("fingerprint", flat=True)
    ground.control.push_fault(
        "stall", created=True, params={"seconds": PATIENCE}, method="POST"
    )
    ground.enter(where, "first")
    with ground.nursery(SOAK_TIMEOUTS=json.dumps(PATIENT)) as nursery:
        pid = nursery.spawn("one", key)
        os.kill(pid, signal.SIGUSR1)
        made = wait_until(ground.control.clients, PATIENCE, 0.01)
        nursery.kill(pid)
        died = wait_gone(pid, PATIENCE)
    ground.control.clear_faults()
    lost = Submission.objects.filter(status=Status.SENDING).update(
        status=Status.QUEUED, lease_until=None
    )
    ground.recover()
    twice = ground.count("crash").duplicates > 0
    result.control("the dead are sent again", bool(made and died and lost and twice))
