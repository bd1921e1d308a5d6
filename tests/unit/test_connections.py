"""What one process allows its connections: a real event loop over a small application."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from waitress import wasyncore

from heffl_portal import bounds
from heffl_portal.connections import Doors, NoAddresses, open_doors
from tests.connections import PATIENCE, answer_of, exchange, opened, status_of
from tests.fleet import wait_until

LARGE = 24 * 1_048_576
"""More than the system itself holds of an answer for its reader."""


@dataclass
class Served:
    """A server in this process: where it listens, and what its application saw."""

    port: int
    doors: Doors
    seen: list[str] = field(default_factory=list)
    go_on: threading.Event = field(default_factory=threading.Event)

    @property
    def open_now(self) -> int:
        return len(self.doors.active_channels)


def application(served: Callable[[], Served]) -> Callable[..., Any]:
    """Return one that answers by path: large, slow, broken, or with what was sent."""

    def answer(environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        served().seen.append(path)
        if path == "/slow":
            served().go_on.wait(60)
        start_response("200 OK", [("Content-Type", "text/plain")])
        if path.startswith("/large"):
            return (b"x" * 65_536 for _ in range(LARGE // 65_536))
        if path == "/broken":
            return (1 // 0 for _ in range(1))
        if path == "/who":
            return [repr(environ["REMOTE_ADDR"]).encode()]
        body = environ["wsgi.input"].read()
        return [b"%d" % len(body) if path == "/length" else body]

    return answer


@pytest.fixture
def served(request, tmp_path) -> Iterator[Served]:
    """Return a running server with two threads, one of them for files.

    It listens on a port, or where a test says `unix` in the file system.
    """
    if getattr(request, "param", "") == "unix":
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(tmp_path / "web.sock"))
        port = 0
    else:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    listener.listen(100)
    channels, (doors,) = open_doors(
        application(lambda: made), [listener], 2, lambda path: bounds.FORM
    )
    made = Served(port, doors)
    stop = threading.Event()

    def serve() -> None:
        while not stop.is_set():
            wasyncore.poll2(0.05, channels)

    loop = threading.Thread(target=serve)
    loop.start()
    try:
        yield made
    finally:
        made.go_on.set()
        stop.set()
        loop.join()
        wasyncore.close_all(channels)
        for lane in (doors.task_dispatcher, doors.files):
            lane.shutdown(timeout=30)


def ended(connection: Any) -> bool:
    """Say whether the other side has closed a connection that was told nothing."""
    connection.settimeout(0.01)
    try:
        return bool(connection.recv(1) == b"")
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def post(length: int, body: bytes) -> bytes:
    return b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b" % (
        length,
        body,
    )


def get(path: str = "/echo") -> bytes:
    return b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % path.encode()


@pytest.mark.parametrize(
    ("bound", "sent"),
    [
        ("IDLE", b""),
        ("HEAD", b"\r\n"),
        ("HEAD", b"GET / HTTP/1.1\r\nHo"),
        ("GRACE", post(1_000, b"x")),
        ("GRACE", b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5"),
    ],
)
def test_who_is_not_done_in_time_is_ended(served, monkeypatch, bound, sent):
    with opened(served.port, sent) as slow:
        assert wait_until(lambda: served.open_now == 1)
        assert status_of(exchange(served.port, get())) == 200
        assert not ended(slow)

        monkeypatch.setattr(bounds, bound, 0.0)

        assert wait_until(lambda: ended(slow))
    assert served.seen == ["/echo"]


def test_body_may_take_longer_at_the_pace(served, monkeypatch):
    with opened(served.port, post(100_000, b"x" * 50_000)) as sender:
        assert wait_until(lambda: served.open_now == 1)
        (channel,) = served.doors.active_channels.values()
        assert wait_until(lambda: channel.in_memory == 50_000)
        began = channel.request.began

        assert channel.overdue_at == began + bounds.GRACE + 50_000 / 4096

        sender.sendall(b"x" * 50_000)
        sender.settimeout(30)
        assert status_of(sender.recv(20)) == 200


@pytest.mark.parametrize("bound", ["STALLED", "GRACE"])
def test_who_takes_nothing_of_an_answer_is_ended(served, monkeypatch, bound):
    with opened(served.port, get("/large"), room=4096):
        assert wait_until(lambda: served.doors.active_channels)
        (channel,) = served.doors.active_channels.values()
        assert wait_until(lambda: channel.total_outbufs_len > 1_048_576)

        monkeypatch.setattr(bounds, "PACE", 1 << 40)
        monkeypatch.setattr(bounds, bound, 0.0)

        assert wait_until(lambda: served.open_now == 0)


def test_slow_reader_holds_no_thread(served):
    """There is one thread for pages: it writes the answer down and goes on."""
    with opened(served.port, get("/large")) as reader:
        assert wait_until(lambda: served.seen == ["/large"])

        assert status_of(exchange(served.port, get())) == 200

        answer = answer_of(reader, 1 << 30)
    assert answer.count(b"x") >= LARGE


def test_files_take_turns_on_a_thread_of_their_own(served):
    with opened(served.port, get("/slow")):
        assert wait_until(lambda: served.seen == ["/slow"])

        assert status_of(exchange(served.port, get("/export.csv"))) == 200

        served.go_on.set()


def test_one_too_many_takes_the_place_of_who_waited_longest(served, monkeypatch):
    monkeypatch.setattr(served.doors, "most", 5)
    with contextlib.ExitStack() as stack:
        at_work = stack.enter_context(opened(served.port, get("/slow")))
        assert wait_until(lambda: served.seen == ["/slow"])
        waiting = []
        for number in range(4):
            waiting.append(stack.enter_context(opened(served.port, b"GET")))
            assert wait_until(lambda number=number: served.open_now == number + 2)

        newcomer = stack.enter_context(opened(served.port, get("/export.csv")))

        assert status_of(answer_of(newcomer)) == 200
        assert wait_until(lambda: ended(waiting[0]))
        assert not any(ended(each) for each in waiting[1:])
        served.go_on.set()
        assert status_of(answer_of(at_work)) == 200


def test_requests_may_not_fill_the_memory(served, monkeypatch):
    """The largest of those that are not whole yet goes first; a small one stays."""
    monkeypatch.setattr(bounds, "IN_MEMORY", 100_000)
    with contextlib.ExitStack() as stack:
        small = stack.enter_context(opened(served.port, post(1_000, b"x" * 900)))
        large = [
            stack.enter_context(opened(served.port, post(120_000, b"x" * 70_000)))
            for _ in range(2)
        ]

        assert wait_until(lambda: any(ended(each) for each in large))

        assert not all(ended(each) for each in large)
        small.sendall(b"x" * 100)
        small.settimeout(30)
        assert status_of(small.recv(20)) == 200


def test_who_takes_no_room_stays_when_room_is_short(served, monkeypatch):
    monkeypatch.setattr(bounds, "IN_MEMORY", -1)
    with opened(served.port) as idle:
        assert wait_until(lambda: served.open_now == 1)

        assert status_of(exchange(served.port, get())) == 200

        assert not ended(idle)


def test_answers_may_not_fill_the_disk(served, monkeypatch):
    monkeypatch.setattr(bounds, "ON_DISK", 2_000_000)
    with opened(served.port, get("/large"), room=4096):
        assert wait_until(lambda: served.seen == ["/large"])

        assert wait_until(lambda: served.open_now == 0)


def test_nothing_of_a_request_is_written_to_disk(served, monkeypatch):
    def refuse(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("written to disk")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    body = b"x" * bounds.FORM

    sent = post(len(body), body).replace(b"/echo", b"/length", 1)
    answer = exchange(served.port, sent[:-1], b"x" + get())

    assert b"\r\n\r\n%dHTTP/1.1 200 OK" % len(body) in answer


@pytest.mark.parametrize("served", ["unix"], indirect=True)
def test_who_comes_over_a_file_has_no_address(served, tmp_path):
    with socket.socket(socket.AF_UNIX) as asked:
        asked.settimeout(PATIENCE)
        asked.connect(str(tmp_path / "web.sock"))
        asked.sendall(get("/who"))

        assert answer_of(asked).endswith(b"\r\n\r\n''")


def test_pipelined_requests_are_answered_in_order(served):
    answer = exchange(served.port, post(3, b"one") + post(3, b"two") + get())

    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.index(b"one") < answer.index(b"two")


def test_fault_while_answering_is_told_without_the_address(served, caplog):
    logger = logging.getLogger("waitress")
    hides = NoAddresses()
    logger.addFilter(hides)
    try:
        answer = exchange(served.port, get("/broken"))
    finally:
        logger.removeFilter(hides)

    assert status_of(answer) == 500
    (record,) = [each for each in caplog.records if each.name == "waitress"]
    assert record.getMessage() == "Exception while serving a request"
    assert b"ZeroDivision" not in answer
