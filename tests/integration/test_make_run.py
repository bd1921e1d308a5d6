"""What `make run` does, with real processes in a data directory of their own."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from heffl_portal import __version__

pytestmark = [pytest.mark.once, pytest.mark.slow]
BASE_DIR = Path(__file__).resolve().parent.parent.parent
PATIENCE = 120  # seconds; a start takes three on a quiet machine
LINUX = sys.platform == "linux"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(question):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if answer := question():
            return answer
        time.sleep(0.05)
    return question()


class PortalRun:
    """`python -m scripts.run` in a directory of its own."""

    def __init__(self, var: Path, **environment: str) -> None:
        self.var = var
        self.port = int(environment.pop("PORT", free_port()))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(var.parent),
            "PORTAL_VAR_DIR": str(var),
            "PORT": str(self.port),
            **environment,
        }
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scripts.run"],
            cwd=BASE_DIR,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def said(self) -> str:
        size = self._output.seek(0, os.SEEK_END)
        return os.pread(self._output.fileno(), size, 0).decode()

    def wait_until_running(self) -> None:
        running = wait_until(
            lambda: "is running" in self.said or self.process.poll() is not None
        )
        assert running, self.said
        assert self.process.poll() is None, self.said

    def wait_until_ended(self) -> int:
        return self.process.wait(PATIENCE)

    def status_of(self, path: str) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def children(self) -> dict[str, int]:
        """Return the ids of the processes that the run started, by what they are."""
        listed = subprocess.run(
            ["ps", "-A", "-o", "pid=,ppid=,command="],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        names = {"web_server": "web", "deliver": "worker", "heffl_sandbox": "sandbox"}
        found = {}
        for line in listed.splitlines():
            pid, parent, command = line.split(maxsplit=2)
            if int(parent) == self.process.pid:
                name = next((n for sign, n in names.items() if sign in command), None)
                if name:
                    found[name] = int(pid)
        return found

    def stop(self) -> None:
        """Kill the run and its children, if they are still there."""
        if self.process.poll() is None:
            for pid in [*self.children().values(), self.process.pid]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait()
        self._output.close()


def group_members(leader: int) -> list[str]:
    listed = subprocess.run(
        ["ps", "-A", "-o", "pgid=,stat=,command="],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = (line.split(maxsplit=2) for line in listed.splitlines())
    return [row[2] for row in rows if row[0] == str(leader) and row[1][0] != "Z"]


@pytest.fixture
def start(tmp_path) -> Iterator[Callable[..., PortalRun]]:
    """Return a function that starts a run; whatever is left of it is killed afterwards."""
    runs = []

    def begin(var: Path | None = None, **environment: str) -> PortalRun:
        runs.append(PortalRun(var or tmp_path / "var", **environment))
        return runs[-1]

    yield begin
    for run in runs:
        run.stop()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Return the data directory that a first run made."""
    run = PortalRun(tmp_path_factory.mktemp("made") / "var")
    try:
        run.wait_until_running()
        run.process.send_signal(signal.SIGTERM)
        assert run.wait_until_ended() == 0, run.said
    finally:
        run.stop()
    return run.var


@pytest.fixture
def running(start, made, tmp_path) -> PortalRun:
    """Return a second run, over a copy of what the first one made."""
    shutil.copytree(made, tmp_path / "var")
    run: PortalRun = start()
    run.wait_until_running()
    return run


def test_run_serves_the_portal_and_prints_how_to_sign_in(running):
    signins = json.loads((running.var / "demo_signins").read_text())

    status = running.status_of("/accounts/login/")

    assert status == 200
    assert f"http://localhost:{running.port}/" in running.said
    for email, password in signins.items():
        assert email in running.said
        assert password in running.said
    for name in ("secret_key", "keyring", "demo_signins", "portal.sqlite3"):
        assert (running.var / name).stat().st_mode & 0o077 == 0, name


def test_run_starts_a_killed_process_again_and_stops_all_on_ctrl_c(running):
    before = running.children()
    assert set(before) == {"web", "worker", "sandbox"}

    for pid in before.values():
        os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: (
            len(running.children()) == 3
            and not set(running.children().values()) & set(before.values())
            and running.status_of("/readyz") == 200
        )
    )

    after = running.children()
    assert set(after) == {"web", "worker", "sandbox"}
    assert not set(after.values()) & set(before.values())
    assert running.status_of("/readyz") == 200

    running.process.send_signal(signal.SIGINT)

    assert running.wait_until_ended() == 0, running.said
    for leader in [*before.values(), *after.values()]:
        assert group_members(leader) == []
    assert "Traceback" not in running.said


@pytest.mark.parametrize("role", ["web", "worker"])
def test_process_logs_once_which_version_started(running, made, role):
    earlier = (made / "log" / f"{role}.log").stat().st_size

    def started() -> list[dict[str, object]]:
        with (running.var / "log" / f"{role}.log").open() as log:
            log.seek(earlier)
            entries = [json.loads(line) for line in log if line.endswith("}\n")]
        return [entry for entry in entries if entry["message"] == "started"]

    wait_until(started)

    (line,) = started()
    assert (line["role"], line["version"]) == (role, __version__)


def test_run_keeps_what_an_earlier_one_made(running, made):
    for name in ("secret_key", "keyring", "demo_signins", "sandbox_key"):
        assert (running.var / name).read_bytes() == (made / name).read_bytes(), name
    database = sqlite3.connect(running.var / "portal.sqlite3")
    with contextlib.closing(database):
        slugs = database.execute("SELECT slug FROM clients_app_organisation").fetchall()
    assert slugs == [("demo",)]


def test_run_refuses_a_second_one_beside_it(running, start):
    beside = start(running.var)

    assert beside.wait_until_ended() == 1
    assert "another `make run` is using" in beside.said
    assert len(beside.said.splitlines()) == 1
    assert running.status_of("/healthz") == 200


@pytest.mark.skipif(not LINUX, reason="other kernels do not tell children")
def test_run_leaves_no_process_behind_when_it_is_killed(running):
    leaders = running.children().values()
    assert len(leaders) == 3

    running.process.kill()
    running.process.wait()
    wait_until(lambda: not any(group_members(leader) for leader in leaders))

    for leader in leaders:
        assert group_members(leader) == []


def test_run_with_a_real_address_brings_neither_stand_in_nor_demo(start):
    run = start(HEFFL_API_URL="http://127.0.0.1:9/api/v1")

    run.wait_until_running()

    assert set(run.children()) == {"web", "worker"}
    assert not (run.var / "demo_signins").exists()
    assert "create_organisation" in run.said


def test_run_says_in_one_line_that_its_port_is_in_use(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        run = start(PORT=str(port))

        assert run.wait_until_ended() == 1
    assert run.said.startswith(f"Heffl Portal cannot start: port {port} is in use")
    assert len(run.said.splitlines()) == 1
    assert not run.var.exists()


def test_run_says_in_one_line_that_its_directory_is_unusable(start, tmp_path):
    (tmp_path / "file").touch()

    run = start(tmp_path / "file" / "var")

    assert run.wait_until_ended() == 1
    assert "cannot be written" in run.said
    assert len(run.said.splitlines()) == 1


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"PORTAL_KEYRING": "k1:short"}, "PORTAL_KEYRING key 'k1'"),
        ({"DATABASE_URL": "sqlite:////nowhere/at/all.sqlite3"}, "cannot be opened"),
        ({"DATABASE_URL": "postgresql://a@127.0.0.1:1/b"}, "cannot be reached"),
        ({"HEFFL_API_URL": "http://example.com/api/v1"}, "must begin with https://"),
        ({"WEB_WORKERS": "many"}, "WEB_WORKERS must be"),
        ({"PORT": "99999999"}, "PORT must be a number"),
    ],
)
def test_run_says_in_one_paragraph_what_a_bad_setting_is(start, environment, words):
    run = start(**environment)

    assert run.wait_until_ended() == 1
    assert words in run.said
    assert run.said.startswith("Heffl Portal cannot")
    assert len(run.said.splitlines()) == 1


def test_run_does_not_replace_a_lost_key_ring(start, tmp_path):
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "portal.sqlite3").touch()

    run = start()

    assert run.wait_until_ended() == 1
    assert "keyring is missing" in run.said
    assert not (tmp_path / "var" / "keyring").exists()


def test_run_closes_a_secret_that_others_could_read(start, tmp_path):
    (tmp_path / "var").mkdir()
    keyring = tmp_path / "var" / "keyring"
    keyring.write_text("broken")
    keyring.chmod(0o644)

    run = start()

    assert run.wait_until_ended() == 1
    assert keyring.stat().st_mode & 0o777 == 0o600
    assert "does not look like id:base64" in run.said
    assert "Traceback" not in run.said
