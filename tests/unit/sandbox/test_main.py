"""The command line, as a process of its own."""

import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from heffl_sandbox.__main__ import main
from heffl_sandbox.control import Control
from tests.unit.sandbox.conftest import KEY, call, create

pytestmark = pytest.mark.slow


class _Remote:
    """A sandbox in another process, as far as a test needs it."""

    def __init__(self, process, line):
        self.process = process
        self.line = line
        self.url = line.split(" on ")[1].split(" ")[0]
        self.port = int(self.url.split(":")[2].split("/")[0])
        self.control = Control(self.url)


@contextmanager
def running(*arguments):
    command = [sys.executable, "-m", "heffl_sandbox", "--port", "0", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        yield _Remote(process, process.stdout.readline())
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_it_cleanly(number):
    with running("--key", KEY) as sandbox:
        sandbox.process.send_signal(number)
        out, err = sandbox.process.communicate(timeout=60)

    assert (sandbox.process.returncode, out, err) == (0, "", "")


def test_first_line_names_the_address_and_no_key():
    with running("--key", KEY, "--workspace", "Harbour") as sandbox:
        names = [one["name"] for one in sandbox.control.workspaces()]

    assert sandbox.url == f"http://127.0.0.1:{sandbox.port}/api/v1"
    assert sandbox.line.startswith("Heffl sandbox on http://127.0.0.1:")
    assert KEY not in sandbox.line
    assert KEY[-4:] in sandbox.line
    assert names == ["Harbour"]


def test_arguments_reach_the_sandbox():
    arguments = ["--rate", "2/30", "--window", "fixed", "--latency", "0.01"]
    with running(*arguments, "--key", KEY, "other-key-12345") as sandbox:
        settings = sandbox.control.call("GET", "settings")
        answer = create(sandbox, {"name": "A"}, key="other-key-12345")

    assert settings["rate"] == "2/30"
    assert (settings["window"], settings["latency"]) == ("fixed", 0.01)
    assert answer.headers["ratelimit-remaining"] == "1"


def test_no_rate_limit_sends_no_rate_headers():
    with running("--no-rate-limit", "--key", KEY) as sandbox:
        answer = call(sandbox, "GET", "/api/v1/clients")

    assert answer.status == 200
    assert "ratelimit-limit" not in answer.headers


def test_killed_process_has_kept_what_it_answered(tmp_path):
    data = ["--data", str(tmp_path / "heffl.sqlite3"), "--key", KEY]
    with running(*data) as first:
        made = [create(first, {"name": f"Firm {n}"}).json["id"] for n in range(20)]
        first.process.kill()
        first.process.wait()

    with running(*data) as second:
        kept = [client["id"] for client in second.control.clients()]

    assert kept == made[::-1]


def test_port_in_use_is_one_sentence(capfd):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        code = main(["--port", str(port)])

    out, err = capfd.readouterr()
    assert code == 1
    assert out == ""
    assert err == (
        f"The sandbox cannot listen on 127.0.0.1 port {port}: Address already in use.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--data", "/nowhere/at/all"], "cannot be written: No such file"),
        (["--rate", "60"], "A rate is written like"),
        (["--latency", "-1"], "latency lies between"),
        (["--port", "70000"], "The port lies between"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1"),
        (["--key", ""], "A key is printable ASCII"),
    ],
)
def test_bad_argument_is_one_sentence(capfd, arguments, words):
    code = main(["--port", "0", *arguments])

    err = capfd.readouterr().err
    assert code == 1
    assert words in err
    assert err.count("\n") == 1


def test_list_faults_names_them_and_ends(capfd):
    code = main(["--list-faults"])

    out = capfd.readouterr().out
    assert code == 0
    assert "reset_after_body" in out
    assert len(out.splitlines()) >= 35
