"""The web server as it runs: who holds a connection holds nobody else up."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.test import Client

from benchmarks._stage import free_port
from clients_app.models import FileImport, Lane, Source, Status, Submission
from heffl_portal.bounds import FORM
from scripts.run import WEB_SERVER
from tests.connections import (
    answer_of,
    asking,
    exchange,
    held,
    opened,
    status_of,
)
from tests.factories import SubmissionFactory
from tests.fleet import PATIENCE, ROOT, database_url, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.once]
HOST = b"Host: localhost\r\n"
LAUNCHER = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""


@dataclass
class Web:
    """A running web server, where it listens and what it wrote."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def status(self, path: str = "/healthz", **headers: str) -> int:
        """Return the status of a page over a connection of its own; 0: no answer."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        with contextlib.closing(asked):
            try:
                asked.request("GET", path, headers={"Host": "localhost", **headers})
                return asked.getresponse().status
            except (OSError, http.client.HTTPException):
                return 0

    def serving(self) -> list[int]:
        """Return the ids of the processes that serve."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in path.read_text().split()]

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self.process.terminate()
        self.process.wait(PATIENCE)


def started(
    folder: Path, *, listener: socket.socket | None = None, **environment: str
) -> Web:
    """Start a web server over the test's database, on a socket handed over if there is one."""
    port = listener.getsockname()[1] if listener else free_port()
    command = [sys.executable, *WEB_SERVER]
    if listener:
        command = [sys.executable, "-c", LAUNCHER, str(listener.fileno()), *WEB_SERVER]
    log = folder / "web.log"
    (folder / "tmp").mkdir(exist_ok=True)
    with log.open("ab") as writing:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.fast_settings",
                "DATABASE_URL": database_url(),
                "PORT": str(port if not listener else 1),
                "WEB_WORKERS": "2",
                "TMPDIR": str(folder / "tmp"),
                **environment,
            },
            stderr=writing,
            pass_fds=[listener.fileno()] if listener else [],
        )
    web = Web(process, port, log)
    if not wait_until(lambda: web.status() == 200 or process.poll() is not None):
        process.kill()
    assert process.poll() is None, log.read_text()
    return web


@pytest.fixture(scope="module")
def web(django_db_setup, django_db_blocker, tmp_path_factory) -> Iterator[Web]:
    """Return a web server that all tests of this module may ask."""
    with django_db_blocker.unblock():
        made = started(tmp_path_factory.mktemp("web"))
    yield made
    made.stop()


def signed_in_cookies(member) -> str:
    client = Client(SERVER_NAME="localhost")
    client.force_login(
        member.user, backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    client.get(f"/o/{member.organisation.slug}/clients/new/")
    return "; ".join(f"{name}={found.value}" for name, found in client.cookies.items())


def entered(web: Web, member, cookies: str, name: str) -> int:
    """Take a client in at the desk; return the answer's status."""
    page = f"/o/{member.organisation.slug}/clients/new/"
    asked = http.client.HTTPConnection("127.0.0.1", web.port, timeout=PATIENCE)
    token = dict(part.split("=") for part in cookies.split("; "))["csrf"]
    form = {"csrfmiddlewaretoken": token, "type": "company", "name": name}
    with contextlib.closing(asked):
        asked.request(
            "POST",
            page,
            urlencode(form | {"submission_token": f"token-{name:>016}"}),
            {
                "Host": "localhost",
                "Cookie": cookies,
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        return asked.getresponse().status


def large_export(organisation, cookies: str) -> bytes:
    """Return a request whose answer has 12 MB: more than the system holds for a reader."""
    Submission.objects.bulk_create(
        SubmissionFactory.build_batch(
            600,
            organisation=organisation,
            status=Status.DROPPED,
            source=Source.IMPORT,
            lane=Lane.IMPORT,
            answers={"name": "Reader", "first_name": "x" * 20_000},
        )
    )
    return asking(f"/o/{organisation.slug}/clients/export.csv", cookies)


def on_disk(web: Web) -> int:
    """Return the bytes of the nameless files that the processes which serve have open."""
    sizes = {}
    for pid in web.serving():
        for each in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(OSError):
                if os.readlink(each).startswith(str(web.log.parent / "tmp")):
                    sizes[each.stat().st_ino] = each.stat().st_size
    return sum(sizes.values())


@pytest.mark.django_db(transaction=True)
def test_desk_is_served_beside_everybody_who_only_holds_on(web, frontdesk):
    """All of them hold their connections while it is asked: only whole requests count."""
    cookies = signed_in_cookies(frontdesk)
    export = large_export(frontdesk.organisation, cookies)

    with held(
        web.port, idle=200, heads=200, bodies=200, readers=50, reading=export
    ) as crowd:
        answers = [
            (web.status(), entered(web, frontdesk, cookies, f"Beside {n}"))
            for n in range(4)
        ]
        reader = crowd[-50].recv(15)  # the first of them

    assert answers == [(200, 303)] * 4
    assert reader == b"HTTP/1.1 200 OK"
    assert Submission.objects.filter(display_name__startswith="Beside").count() == 4


@pytest.mark.django_db(transaction=True)
def test_export_waits_on_disk_and_reaches_a_slow_reader_whole(web, frontdesk):
    cookies = signed_in_cookies(frontdesk)
    export = large_export(frontdesk.organisation, cookies)

    with opened(web.port, export) as reader:
        assert wait_until(lambda: on_disk(web) > 10_000_000)  # and nobody waits for it
        answer = answer_of(reader, 1 << 30)

    assert answer.count(b"x" * 20_000) == 600
    assert answer.endswith(b"\r\n0\r\n\r\n")
    assert wait_until(lambda: not on_disk(web))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /%b HTTP/1.1\r\n%b\r\n" % (b"a" * 5_000, HOST), 414),
        (b"GET / HTTP/1.1\r\n%bX-Long: %b\r\n\r\n" % (HOST, b"a" * 40_000), 431),
        (b"GET / HTTP/1.1\r\n%b" % HOST + b"X: y\r\n" * 10_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\n%bno colon\r\n\r\n" % HOST, 400),
        (b"\x00\xff\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\n%b\r\n" % HOST, 400),
        (b"GET http://[/ HTTP/1.1\r\n%b\r\n" % HOST, 400),
        (b"POST / HTTP/1.1\r\n%bContent-Length: -1\r\n\r\n" % HOST, 400),
        (b"POST / HTTP/1.1\r\n%bContent-Length: 1, 1\r\n\r\n" % HOST, 400),
        (b"POST / HTTP/1.1\r\n%bContent-Length: %b\r\n\r\n" % (HOST, b"9" * 5_000), 400),
        (
            b"POST / HTTP/1.1\r\n%bContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
            b"0\r\n\r\n" % HOST,
            400,
        ),
        (b"POST / HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\nz\r\n" % HOST, 400),
        (b"POST / HTTP/1.1\r\n%bTransfer-Encoding: gzip\r\n\r\n" % HOST, 501),
        (b"GET /healthz HTTP/1.0\r\n\r\n", 200),
        (b"GET /healthz HTTP/1.1\r\n%bConnection: close\r\n\r\n" % HOST, 200),
    ],
)  # fmt: skip
def test_what_is_no_request_is_told_so_and_never_a_fault(web, request_, status):
    answer = exchange(web.port, request_)

    assert status_of(answer) == status
    assert b"gunicorn" not in answer.lower()
    assert b"waitress" not in answer.lower()
    assert b"Traceback" not in answer


SIGN_IN = b"POST /accounts/login/ HTTP/1.1\r\n" + HOST
LARGE = [
    pytest.param(b"Content-Length: 200000000\r\n\r\n", id="with a length"),
    pytest.param(
        b"Expect: 100-continue\r\nContent-Length: 200000000\r\n\r\n", id="expecting"
    ),
    pytest.param(
        b"Transfer-Encoding: chunked\r\n\r\n" + (b"10000\r\n%b\r\n" % (b"x" * 65536)) * 17,
        id="in chunks",
    ),
]  # fmt: skip


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("announced", LARGE)
def test_too_large_a_request_is_refused_unread_with_a_page(web, announced):
    answer = exchange(web.port, SIGN_IN + announced)

    assert status_of(answer) == 413
    assert b"100 Continue" not in answer
    assert b"Connection: close" in answer
    assert b"<h1" in answer
    assert b"Content-Security-Policy" in answer


@pytest.mark.django_db(transaction=True)
def test_only_the_page_for_files_takes_a_request_as_large_as_a_file(web, reviewer):
    cookies = signed_in_cookies(reviewer)
    token = dict(part.split("=") for part in cookies.split("; "))["csrf"]
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % part
        for part in [
            (b"csrfmiddlewaretoken", token.encode()),
            (
                b'file"; filename="f.csv',
                b"Company\r\nGulf Star\r\n".ljust(4 * FORM, b"\n"),
            ),
        ]
    )
    rest = HOST + b"Connection: close\r\nCookie: %b\r\n" % cookies.encode()
    rest += b"Content-Type: multipart/form-data; boundary=b\r\n"
    rest += b"Content-Length: %d\r\n\r\n%b--b--\r\n" % (len(body) + 7, body)

    to_form = exchange(web.port, b"POST /o/al-noor/review/decide/ HTTP/1.1\r\n" + rest)
    to_import = exchange(web.port, b"POST /o/al-noor/import/ HTTP/1.1\r\n" + rest)

    assert status_of(to_form) == 413
    assert status_of(to_import) == 302
    assert FileImport.objects.get().organisation == reviewer.organisation


@pytest.mark.django_db(transaction=True)
def test_body_in_chunks_arrives_as_one(web):
    parts = (b"login=a&", b"password=b")
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)

    answer = exchange(
        web.port,
        SIGN_IN + b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        chunks,
        b"0\r\n\r\n",
    )

    assert status_of(answer) == 403  # read and understood: it lacks the form's token


def test_expected_body_is_asked_for(web):
    with opened(web.port) as asked:
        asked.sendall(SIGN_IN + b"Expect: 100-continue\r\nContent-Length: 7\r\n")
        asked.sendall(b"Connection: close\r\n\r\n")
        assert asked.recv(100).startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
        asked.sendall(b"login=a")
        assert status_of(answer_of(asked)) == 403


@pytest.mark.parametrize("length", [b"", b"Content-Length: 0\r\n"])
def test_no_body_is_asked_for_where_none_is_announced(web, length):
    answer = exchange(
        web.port,
        b"GET /healthz HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\n"
        + length
        + HOST
        + b"\r\n",
    )

    assert status_of(answer) == 200


@pytest.mark.django_db(transaction=True)
def test_head_has_no_body_and_the_connection_goes_on(web):
    head = b"HEAD /accounts/login/ HTTP/1.1\r\n%b\r\n" % HOST
    get = b"GET /healthz HTTP/1.1\r\n%bConnection: close\r\n\r\n" % HOST

    answer = exchange(web.port, head + get)
    first, second = answer.split(b"HTTP/1.1 200 OK")[1:]

    assert first.endswith(b"\r\n\r\n")
    assert b"Content-Length: " in first
    assert b"ok\n" in second.partition(b"\r\n\r\n")[2]


def test_who_asks_is_left_to_the_application(web):
    """Neither believed nor taken away: TRUSTED_PROXY_COUNT decides."""
    assert web.status("/metrics") == 200
    assert web.status("/metrics", **{"X-Forwarded-For": "198.51.100.7"}) == 403


def test_connection_that_is_never_done_is_ended(web):
    with held(web.port, heads=1) as (slow,):
        slow.settimeout(0.2)

        def ended() -> bool:
            try:
                slow.sendall(b"x")
                return not slow.recv(1)
            except TimeoutError:
                return False
            except ConnectionError:
                return True

        assert wait_until(ended)


@pytest.mark.django_db(transaction=True)
def test_log_names_no_address_of_who_went_away(web, frontdesk):
    cookies = signed_in_cookies(frontdesk)
    for _ in range(20):
        with opened(web.port, asking("/s/al-noor/r/a-secret-receipt/", cookies)):
            pass
    assert web.status() == 200

    said = web.log.read_text()

    assert "a-secret-receipt" not in said
    assert "Traceback" not in said
    assert all(json.loads(line) for line in said.splitlines())


@pytest.mark.django_db(transaction=True)
def test_process_that_dies_is_replaced(web):
    before = web.serving()
    os.kill(before[0], signal.SIGKILL)

    assert wait_until(
        lambda: len(web.serving()) == 2 and web.serving() != before, every=0.2
    )
    assert web.status() == 200


def asked_all_the_time(web: Web, until: threading.Event) -> list[int]:
    """Ask over new connections until told to stop; return every status."""
    found: list[int] = []
    while not until.is_set():
        found.append(web.status())
    return found


@contextlib.contextmanager
def load_on(web: Web, threads: int = 4) -> Iterator[list[int]]:
    """Ask in several threads meanwhile; the list has every status at the end."""
    enough, found = threading.Event(), []
    asking_ = [
        threading.Thread(target=lambda: found.extend(asked_all_the_time(web, enough)))
        for _ in range(threads)
    ]
    for each in asking_:
        each.start()
    try:
        yield found
    finally:
        enough.set()
        for each in asking_:
            each.join()


@pytest.mark.django_db(transaction=True)
def test_reload_fails_no_request(web):
    before = web.serving()

    with load_on(web) as answers:
        web.process.send_signal(signal.SIGHUP)
        assert wait_until(
            lambda: len(web.serving()) == 2 and not set(web.serving()) & set(before)
        )

    assert answers
    assert set(answers) == {200}


@pytest.mark.django_db(transaction=True)
def test_socket_of_the_system_is_served_and_a_restart_fails_no_request(tmp_path):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(1024)
        first = started(tmp_path, listener=listener)
        with load_on(first) as answers:
            first.stop()
            second = started(tmp_path, listener=listener)
        second.stop()

    assert first.process.returncode == 0
    assert set(answers) == {200}


@pytest.mark.django_db(transaction=True)
def test_stop_finishes_what_is_under_way(tmp_path):
    web = started(tmp_path, WEB_WORKERS="1")
    body = b"login=a"
    with opened(web.port) as asked:
        asked.sendall(SIGN_IN + b"Content-Length: 7\r\n\r\nlogin")
        assert web.status() == 200  # so what was sent before has been taken in, too
        web.process.terminate()
        assert wait_until(lambda: b'"Handling signal: term"' in web.log.read_bytes())
        asked.sendall(body[5:])
        answer = answer_of(asked)
    web.process.wait(PATIENCE)

    assert status_of(answer) == 403
    assert b"Connection: close" in answer
    assert web.process.returncode == 0
