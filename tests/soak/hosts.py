"""Hosts: two machines with web server and worker over one PostgreSQL.

As root each is a network namespace with two cables, one to the database, one to Heffl, that
are pulled and put back; elsewhere each is a group of processes behind forwarders that are
stopped. The second machine's clock is five seconds ahead. The limit of each key is shared.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from django.db import connection
from django.urls import reverse

from benchmarks._stage import free_port
from clients_app.delivery.timing import MAX_IN_FLIGHT
from clients_app.models import Source
from tests.fleet import PATIENCE, ROOT
from tests.soak.ground import Ground
from tests.soak.nursery import Nursery
from tests.soak.report import Result
from tests.soak.visitor import Visitor, members, web

LIMIT, WINDOW = 20, 10
AHEAD = 5
HELD_BACK = 3.0
"""So many seconds after a cable is back the network still delivers what lay in it."""
TIMING = '{"lease": 12.0, "look_lease": 8.0, "look_after": [4.0, 6.0, 10.0]}'


class Machine:
    """One machine: how its processes start, and its two cables."""

    def __init__(self, number: int, database_port: int, heffl_port: int) -> None:
        self.number = number
        self.address = "127.0.0.1"
        self.web_port = free_port()
        self.prefix: list[str] = []
        self._heffl = free_port()
        self._database = free_port()
        self._targets = {"database": database_port, "heffl": heffl_port}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.heffl_url = f"http://127.0.0.1:{self._heffl}/api/v1"
        self.database_url = f"postgresql://portal@127.0.0.1:{self._database}/postgres"

    def build(self) -> None:
        """Put the cables in."""
        self._forward("heffl", self._heffl, "127.0.0.1")
        self._forward("database", self._database, "127.0.0.1")

    def _forward(self, what: str, port: int, host: str) -> None:
        self._running[what] = subprocess.Popen(
            [*self.prefix, sys.executable, "-m", "tests.soak.forward"]
            + [str(port), host, str(self._targets[what])],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
        )

    def cut(self, what: str) -> None:
        """Pull the cable to "database" or "heffl"."""
        self._running[what].send_signal(signal.SIGSTOP)

    def join(self, what: str) -> None:
        """Put it back."""
        self._running[what].send_signal(signal.SIGCONT)

    def remove(self) -> None:
        """Take everything away."""
        for running in self._running.values():
            running.kill()
            running.wait()


class Namespace(Machine):
    """The same as a network namespace of its own."""

    def build(self) -> None:
        """Make the namespace and its two cables."""
        self._name = f"portal{os.getpid()}-{self.number}"
        self._cables = {}
        _ip("netns", "add", self._name)
        self.prefix = ["ip", "netns", "exec", self._name]
        _ip("-n", self._name, "link", "set", "lo", "up")
        for place, what in enumerate(("database", "heffl")):
            net = f"10.{200 + self.number}.{place}"
            here, there = f"pt{os.getpid()}{self.number}{place}", f"to-{what[:8]}"
            _ip("link", "add", here, "type", "veth", "peer", there, "netns", self._name)
            _ip("addr", "add", f"{net}.1/30", "dev", here)
            _ip("link", "set", here, "up")
            _ip("-n", self._name, "addr", "add", f"{net}.2/30", "dev", there)
            _ip("-n", self._name, "link", "set", there, "up")
            self._cables[what] = (here, net)
        self.address = f"{self._cables['heffl'][1]}.2"
        database = self._cables["database"][1]
        port = self._targets["database"]
        self.database_url = f"postgresql://portal@{database}.1:{port}/postgres"
        # Heffl's address may be plain HTTP on this machine only.
        self._forward("heffl", self._heffl, f"{self._cables['heffl'][1]}.1")

    def cut(self, what: str) -> None:
        """Pull the cable."""
        _ip("link", "set", self._cables[what][0], "down")
        if what == "heffl":
            self.address = f"{self._cables['database'][1]}.2"

    def join(self, what: str) -> None:
        """Put it back."""
        _ip("link", "set", self._cables[what][0], "up")

    def remove(self) -> None:
        """Take everything away."""
        super().remove()
        for here, _ in self._cables.values():
            subprocess.run(["ip", "link", "del", here], check=False)
        subprocess.run(["ip", "netns", "del", self._name], check=False)


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _can_make_namespaces() -> bool:
    if os.geteuid() != 0 or shutil.which("ip") is None:
        return False
    name = f"portal-try-{os.getpid()}"
    with contextlib.suppress(subprocess.CalledProcessError):
        _ip("netns", "add", name)
        _ip("netns", "del", name)
        return True
    return False


@contextlib.contextmanager
def _machines(ground: Ground) -> Iterator[list[Machine]]:
    kind = Namespace if _can_make_namespaces() else Machine
    database = int(connection.settings_dict["PORT"] or 5432)
    heffl = int(ground.api_url.split(":")[2].split("/")[0])
    made: list[Machine] = []
    with contextlib.ExitStack() as stack:
        for number in (1, 2):
            machine = kind(number, database, heffl)
            stack.callback(machine.remove)
            machine.build()
            made.append(machine)
        yield made


def _start(
    ground: Ground, machine: Machine, stack: contextlib.ExitStack, sabotage: str
) -> None:
    """Start web server and worker on a machine."""
    home = ground.folder / f"home{machine.number}"
    home.mkdir(exist_ok=True)
    environment = {
        "DATABASE_URL": machine.database_url,
        "HEFFL_API_URL": machine.heffl_url,
        "HEFFL_RATE_LIMIT": f"{LIMIT}/{WINDOW}",
        "PORTAL_VAR_DIR": str(home),
        "SOAK_CLOCK": str(AHEAD if machine.number == 2 else 0),
        "SOAK_TIMING": TIMING,
        "TEST_SABOTAGE": sabotage,
    }
    log = ground.folder / "workers.log"
    nursery = Nursery(log, before=machine.prefix, **environment)
    stack.callback(nursery.stop)
    nursery.spawn("worker", 4)
    if not sabotage:
        bind = f"--bind 0.0.0.0:{machine.web_port}"
        running = web(
            machine.web_port,
            home / "web.log",
            *machine.prefix,
            **environment,
            GUNICORN_CMD_ARGS=bind,
        )
        stack.callback(_end, running)


def _end(running: subprocess.Popen[bytes]) -> None:
    running.terminate()
    try:
        running.wait(20)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


def _fullest_window(
    ground: Ground, slugs: list[str], joined: Sequence[float] = ()
) -> list[str]:
    """Return the methods of the most calls of one key that reached Heffl in any window.

    The limit counts calls as they leave. As many as one key may have under way lie in the
    pulled cable and arrive when it is back (`joined`, monotonic seconds): they do not count.
    """
    fullest: list[str] = []
    for slug in slugs:
        calls = sorted(ground.control.calls(slug), key=lambda call: call["monotonic"])
        for moment in joined:
            late = [c for c in calls if 0 <= c["monotonic"] - moment <= HELD_BACK]
            for call in late[:MAX_IN_FLIGHT]:
                calls.remove(call)
        first = 0
        for last, call in enumerate(calls):
            while calls[first]["monotonic"] <= call["monotonic"] - WINDOW:
                first += 1
            if last - first + 1 > len(fullest):
                fullest = [each["method"] for each in calls[first : last + 1]]
    return fullest


def _play(
    ground: Ground, *, waiting: int, cuts: bool, sabotage: str = ""
) -> tuple[Result, int]:
    """Let both machines work off what waits, half of it as fast as the limit allows.

    Returns also the most calls of one key in any window.
    """
    slugs = [f"hosts-{name}{sabotage[:3]}" for name in ("a", "b")]
    for slug in slugs:
        where = ground.organisation(slug)
        for number in range(waiting):
            # Imports are spaced evenly; only the front desk's come in a burst.
            source = (Source.FRONTDESK, Source.IMPORT)[number % 2]
            ground.enter(where, f"Waiting {number}", source)
    with _machines(ground) as machines, contextlib.ExitStack() as stack:
        for machine in machines:
            _start(ground, machine, stack, sabotage)
        joined: list[float] = []
        if cuts:
            joined = _day(ground, machines, slugs)
            settled = ground.settle(PATIENCE if ground.short else 100)
        else:
            settled = _settled_or_over(ground, slugs, PATIENCE)
        kind = type(machines[0]).__name__.lower()
    result = ground.count("hosts")
    window = _fullest_window(ground, slugs, joined)
    most, reads = len(window), window.count("GET")
    result.notes.append(
        f"two machines, each a {kind}, clocks {AHEAD} s apart; most calls of a key in any "
        f"{WINDOW} s: {most} of {LIMIT} ({reads} of them reads)"
    )
    if most > LIMIT:
        result.faults.append(f"{most} calls in {WINDOW} s instead of {LIMIT}")
    if cuts and not settled:
        result.faults.append("not everything settled in time")
    return result, most


def _settled_or_over(ground: Ground, slugs: list[str], seconds: float) -> bool:
    """Wait until everything is final, or until the limit is broken."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if ground.settle(1.0):
            return True
        if len(_fullest_window(ground, slugs)) > LIMIT:
            break
    return False


def _day(ground: Ground, machines: list[Machine], slugs: list[str]) -> list[float]:
    """Enter clients at both machines while cables are pulled and put back.

    Returns when cables to Heffl were put back.
    """
    desks = []
    for machine in machines:
        _wait_for(machine.address, machine.web_port)
        (person,) = members(slugs[machine.number - 1], 1)
        slug = slugs[machine.number - 1]
        desk = Visitor(person, slug, machine.address, machine.web_port)
        desk.find_form(reverse("submission-create", args=[slug]))
        desks.append(desk)
    away, back, apart, joined, end = (
        (2.0, 7.0, 9.0, 14.0, 17.0) if ground.short else (4.0, 16.0, 22.0, 30.0, 36.0)
    )
    moments = []

    def join() -> None:
        moments.append(time.monotonic())
        machines[1].join("heffl")

    plan = [
        (away, lambda: machines[0].cut("database")),
        (back, lambda: machines[0].join("database")),
        (apart, lambda: machines[1].cut("heffl")),
        (joined, join),
    ]
    began, number = time.monotonic(), 0
    while time.monotonic() - began < end:
        while plan and time.monotonic() - began >= plan[0][0]:
            plan.pop(0)[1]()
        cut_off = away <= time.monotonic() - began < back + 1.0
        place = 1 if cut_off else number % 2
        desk, machine = desks[place], machines[place]
        desk.moved_to(machine.address, machine.web_port)
        name = f"Desk {number}"
        token = f"hosts-desk-{number:06}"
        status, _ = desk.enter(name, token)
        if status == 303:
            ground.accepted[token] = (desk.slug, name)
        number += 1
        time.sleep(0.4)
    for _, step in plan:
        step()
    return moments


def _wait_for(address: str, port: int) -> None:
    import socket

    until = time.monotonic() + 120
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((address, port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens at {address}:{port}")


def run(ground: Ground) -> Result:
    """Play the day with cables pulled, then one where each counts its own calls."""
    result, _ = _play(ground, waiting=40 if ground.short else 100, cuts=True)
    ground.clear()
    # It breaks off as soon as the limit is broken: what then still waits shows nothing.
    _, most = _play(ground, waiting=80, cuts=False, sabotage="own_window")
    result.control("each machine counts its own calls", most > LIMIT)
    return result
