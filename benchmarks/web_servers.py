"""Web servers side by side: memory, speed, what holds them up, restarts, a socket handed over.

The portal's own beside gunicorn's gthread workers, uvicorn over ASGI and granian. What is not
installed is left out; all of them, in an environment of their own beside this one:

    python -m venv --system-site-packages /tmp/servers
    /tmp/servers/bin/pip install -r requirements-dev.txt granian uvicorn uvicorn-worker a2wsgi
    /tmp/servers/bin/python -m benchmarks.web_servers

Two processes with 16 threads each, over one SQLite file.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

from benchmarks import _stage

URL = _stage.prepare("http://127.0.0.1:9/api/v1")

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.test import Client  # noqa: E402

from clients_app.models import Organisation, Submission, User  # noqa: E402
from clients_app.organisation import people  # noqa: E402
from scripts.run import WEB_SERVER  # noqa: E402
from tests.connections import asking, held  # noqa: E402

EMAIL, PASSWORD = "owner@bench.test", "a perfectly fine password"
GIVEN_UP = 5.0
GUNICORN = ("-m", "gunicorn", "--workers", "2", "--preload", "--graceful-timeout", "10")
UVICORN = ("--worker-class", "uvicorn_worker.UvicornWorker")
SERVERS = {
    "gunicorn, gthread": (*GUNICORN, "--threads", "16", "heffl_portal.wsgi"),
    "gunicorn, waitress (ours)": WEB_SERVER,
    "gunicorn, uvicorn, Django's ASGI": (*GUNICORN, *UVICORN)
    + ("benchmarks._asgi:django_asgi",),
    "gunicorn, uvicorn, a2wsgi": (*GUNICORN, *UVICORN, "benchmarks._asgi:bridged()"),
    "granian": ("-m", "granian", "--interface", "wsgi", "--workers", "2")
    + ("--blocking-threads", "16", "--respawn-failed-workers", "heffl_portal.wsgi:application"),
}  # fmt: skip
NEEDS = {"uvicorn": "uvicorn_worker", "a2wsgi": "a2wsgi", "granian": "granian"}
CROWDS = {
    "200 silent": {"idle": 200},
    "200 half headers": {"heads": 200},
    "200 half bodies": {"bodies": 200},
    "50 slow readers": {"readers": 50},
    "all": {"idle": 200, "heads": 200, "bodies": 200, "readers": 50},
}


def missing(name: str) -> bool:
    """Say whether a server cannot be measured here."""
    return any(
        sign in name and importlib.util.find_spec(module) is None
        for sign, module in NEEDS.items()
    )


def furnish() -> str:
    """Make an organisation whose export is 12 MB; return the cookies of its owner."""
    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    people.create_organisation(
        name="Bench", slug="bench", owner_email=EMAIL, owner_password=PASSWORD,
        signup_mode="send",
    )  # fmt: skip
    where = Organisation.objects.get(slug="bench")
    Submission.objects.bulk_create(
        Submission(
            organisation=where, submission_token=f"row-{n:08d}", type="company",
            display_name=f"Row {n}", name_key=f"row {n}", match_key=f"{n:064x}",
            status="DROPPED", source="import", lane=2,
            answers={"name": f"Row {n}", "first_name": "x" * 8_000},
        )
        for n in range(1_500)
    )  # fmt: skip
    client = Client(SERVER_NAME="localhost")
    client.force_login(
        User.objects.get(email=EMAIL),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    return "; ".join(f"{name}={found.value}" for name, found in client.cookies.items())


class Running:
    """A server and what is asked of it."""

    def __init__(self, command: tuple[str, ...], *, handed_over: bool = False) -> None:
        self.port = _stage.free_port()
        self.command = [sys.executable, *command]
        if "gunicorn" in command:
            self.command += ["--bind", f"127.0.0.1:{self.port}"]
        elif "granian" in command:
            self.command += ["--port", str(self.port)]
        self.listener = socket.socket() if handed_over else None
        if self.listener:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.listener.bind(("127.0.0.1", self.port))
            self.listener.listen(1024)
        self.start()

    def start(self) -> None:
        """Start it, as systemd would where a socket is handed over."""
        environment = {**os.environ, "PORT": str(self.port), "WEB_WORKERS": "2"}
        fd = self.listener.fileno() if self.listener else -1

        def hand_over() -> None:
            os.dup2(fd, 3)
            os.environ["LISTEN_PID"] = str(os.getpid())

        command, passed = self.command, ()
        if self.listener:
            launch = "import os,sys; os.environ['LISTEN_PID'] = str(os.getpid()); "
            launch += "os.execv(sys.argv[1], sys.argv[1:])"
            command = [sys.executable, "-c", launch, *self.command]
            environment["LISTEN_FDS"] = "1"
            passed = (3,)
        self.process = subprocess.Popen(  # noqa: S603 - our own commands
            command, cwd=_stage.ROOT, env=environment, pass_fds=passed,
            preexec_fn=hand_over if self.listener else None,  # noqa: PLW1509
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = time.monotonic() + 20
        while self.status() != 200 and time.monotonic() < until:
            time.sleep(0.1)

    def status(self, path: str = "/healthz") -> int:
        """Return the status of a page over a connection of its own; 0: no answer."""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=GIVEN_UP
        )
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def family(self) -> list[int]:
        """Return the ids of all its processes."""
        pids = [self.process.pid]
        for pid in pids:
            for task in Path(f"/proc/{pid}/task").iterdir():
                pids += map(int, (task / "children").read_text().split())
        return pids

    def memory(self) -> float:
        """Return the megabytes that its processes hold, what they share counted once."""
        total = 0
        for pid in self.family():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            total += next(int(x.split()[1]) for x in lines if x.startswith("Pss:"))
        return total / 1024

    def processor(self) -> float:
        """Return the seconds of processor that its processes have used."""
        ticks = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self) -> float:
        """Ask it to end; return the seconds that took."""
        started = time.monotonic()
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        return time.monotonic() - started


@contextlib.contextmanager
def serving(
    command: tuple[str, ...], *, handed_over: bool = False
) -> Iterator[Running]:
    """Run a server and end it afterwards."""
    running = Running(command, handed_over=handed_over)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.stop()
        if running.listener:
            running.listener.close()


def load(
    running: Running,
    seconds: float,
    ask: tuple[str, str, str, dict[str, str]],
    crowd: int = 8,
) -> tuple[list[float], int]:
    """Ask again and again over kept connections; return all durations, and failures."""
    method, path, body, headers = ask
    until = time.monotonic() + seconds
    took: list[float] = []
    failed = [0]

    def one() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=30)
        kept = False
        while time.monotonic() < until:
            started = time.monotonic()
            try:
                connection.request(method, path, body or None, headers)
                answer = connection.getresponse()
                answer.read()
                if answer.status >= 500:
                    failed[0] += 1
                took.append(time.monotonic() - started)
                kept = not answer.will_close
            except (OSError, http.client.HTTPException):
                connection.close()
                # A kept connection may be closed at any time: browsers ask once more.
                failed[0] += not kept
                kept = False

    threads = [threading.Thread(target=one) for _ in range(crowd)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return took, failed[0]


def worst_beside(running: Running, cookies: str, crowd: dict[str, int]) -> str:
    """Return the slowest of eight answers beside a crowd."""
    export = asking("/o/bench/clients/export.csv", cookies)
    slowest = 0.0
    with held(running.port, reading=export, **crowd):
        time.sleep(1)
        for _ in range(8):
            started = time.monotonic()
            if running.status() != 200:
                return "none"
            slowest = max(slowest, time.monotonic() - started)
    return f"{slowest * 1000:.0f} ms"


def restart(running: Running, again: object) -> str:
    """Restart under load; return how many requests failed."""
    found: list[int] = []
    ask = ("GET", "/accounts/login/", "", {"Host": "localhost"})
    watching = threading.Thread(target=lambda: found.append(load(running, 5.0, ask)[1]))
    watching.start()
    time.sleep(1)
    again()  # type: ignore[operator]
    watching.join()
    return str(found[0])


def figures(name: str, cookies: str, seconds: float) -> dict[str, str]:
    """Measure one server."""
    command = SERVERS[name]
    row: dict[str, str] = {}
    headers = {"Host": "localhost", "Cookie": cookies}
    form = ("GET", "/o/bench/clients/new/", "", headers)
    wrong = urlencode({"type": "company", "name": ""})
    typed = headers | {"Content-Type": "application/x-www-form-urlencoded"}
    send = (
        "POST",
        "/s/bench/",
        wrong,
        {k: v for k, v in typed.items() if k != "Cookie"},
    )
    with serving(command) as running:
        row["memory fresh, MB"] = f"{running.memory():.0f}"
        for label, ask in (("form", form), ("signup form sent", send)):
            load(running, 1.0, ask)  # each process has seen it once
            used = running.processor()
            took, failed = load(running, seconds, ask)
            used = running.processor() - used
            row[f"{label}, a second"] = f"{len(took) / seconds:.0f}"
            row[f"{label}, median / 95 %, ms"] = (
                f"{_stage.percentile(took, 0.5) * 1000:.0f} / "
                f"{_stage.percentile(took, 0.95) * 1000:.0f}"
            ) + (f" ({failed} failed)" if failed else "")
            row[f"{label}, processor, ms"] = f"{used / len(took) * 1000:.1f}"
        row["memory after, MB"] = f"{running.memory():.0f}"
        for label, crowd in CROWDS.items():
            row[f"/healthz beside {label}"] = worst_beside(running, cookies, crowd)
            time.sleep(0.5)
        row["memory after all, MB"] = f"{running.memory():.0f}"
    with serving(command) as running:
        hup = lambda: running.process.send_signal(signal.SIGHUP)  # noqa: E731
        row["failed at SIGHUP"] = restart(running, hup)
        row["stop, s"] = f"{running.stop():.1f}"
    with serving(command, handed_over=True) as running:

        def anew() -> None:
            running.stop()
            running.start()

        served = running.status() == 200 and running.process.poll() is None
        row["socket handed over: failed at restart"] = (
            restart(running, anew) if served else "not served"
        )
    return row


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    cookies = furnish()
    rows = {}
    for name in SERVERS:
        if options.only in name and not missing(name):
            rows[name] = figures(name, cookies, options.seconds)
            print(name, rows[name], flush=True)
    print("\n| | " + " | ".join(rows) + " |\n|" + " --- |" * (len(rows) + 1))
    for label in next(iter(rows.values())):
        print(f"| {label} | " + " | ".join(row[label] for row in rows.values()) + " |")


if __name__ == "__main__":
    sys.exit(main())
