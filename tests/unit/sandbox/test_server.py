"""Connections: keep-alive, garbage, limits, latency, stopping."""

import http.client
import json
import random
import socket
import threading
import time

import pytest

from heffl_sandbox import server, wire
from heffl_sandbox.server import start
from tests.unit.sandbox.conftest import (
    KEY,
    call,
    create,
    create_bytes,
    raw,
    wait_for,
)


def test_connection_is_kept_open_between_requests(sandbox):
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=60)
    headers = {"x-api-key": KEY, "Content-Type": "application/json"}
    sockets, numbers = set(), []

    for name in "ABC":
        connection.request(
            "POST", "/api/v1/clients", json.dumps({"name": name}), headers
        )
        response = connection.getresponse()
        numbers.append(json.loads(response.read())["number"])
        sockets.add(connection.sock)
    connection.close()

    assert numbers == ["CLT-00001", "CLT-00002", "CLT-00003"]
    assert len(sockets) == 1


def test_pipelined_requests_are_answered_in_turn(sandbox):
    one = create_bytes("One").replace(b"Connection: close\r\n", b"")

    data, end = raw(sandbox, one + create_bytes("Two"))

    assert data.count(b"HTTP/1.1 200 ") == 2
    assert data.index(b'"One"') < data.index(b'"Two"')
    assert end == "fin"


def test_request_in_small_pieces_is_put_together(sandbox):
    whole = create_bytes("Pieces")
    with socket.create_connection(("127.0.0.1", sandbox.port), 60) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start_at in range(0, len(whole), 7):
            sock.sendall(whole[start_at : start_at + 7])
        answer = sock.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200 ")


def test_http_1_0_closes_after_the_answer(sandbox):
    request = create_bytes().replace(b"HTTP/1.1", b"HTTP/1.0")

    data, end = raw(sandbox, request)

    assert b"Connection: close" in data
    assert end == "fin"


def test_expect_continue_is_answered_before_the_body(sandbox):
    head, _, body = create_bytes().partition(b"\r\n\r\n")
    with socket.create_connection(("127.0.0.1", sandbox.port), 60) as sock:
        sock.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        interim = sock.recv(100)
        sock.sendall(body)
        final = sock.recv(65536)

    assert interim == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert final.startswith(b"HTTP/1.1 200 ")


def test_head_has_no_body(sandbox):
    data, _ = raw(sandbox, b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n", timeout=1.0)

    assert data.startswith(b"HTTP/1.1 200 ")
    assert data.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\r\n\r\n", 400),
        (b"hello\r\n\r\n", 400),
        (b"GET /\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 400),
        (b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n", 400),
        (b"get / HTTP/1.1\r\n\r\n", 400),
        (b"GET /\x00 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n bad: 1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n", 400),
        (b"POST /api/v1/clients HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST /api/v1/clients HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", 400),
        (
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
            400,
        ),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411),
        (b"POST / HTTP/1.1\r\nContent-Length: 1048577\r\n\r\n", 413),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 431),
        (b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400),
    ],
)
def test_malformed_request_is_refused_and_closed(sandbox, data, status):
    answer, end = raw(sandbox, data)

    assert answer.startswith(f"HTTP/1.1 {status} ".encode())
    assert end == "fin"


def test_random_bytes_never_reach_the_console_nor_stop_it(sandbox, capfd):
    dice = random.Random(7)
    for _ in range(60):
        noise = dice.randbytes(dice.randrange(1, 400))
        with socket.create_connection(("127.0.0.1", sandbox.port), 60) as sock:
            sock.sendall(
                dice.choice([b"", b"POST /api/v1/clients HTTP/1.1\r\n"]) + noise
            )

    assert create(sandbox, {"name": "A"}).status == 200
    assert capfd.readouterr() == ("", "")


def test_bug_in_a_route_is_a_500_and_not_the_end(sandbox, monkeypatch, capfd):
    def broken(*_):
        raise RuntimeError("secret detail")

    monkeypatch.setattr("heffl_sandbox.api.validate", broken)

    answer = create(sandbox, {"name": "A"})

    assert answer.status == 500
    assert "secret detail" not in answer.body.decode()
    assert call(sandbox, "GET", "/api/v1/clients").status == 200
    assert capfd.readouterr() == ("", "")


def test_slow_sender_is_let_go(sandbox, monkeypatch):
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(wire, "BODY_SECONDS", 0.2)

    half_head = raw(sandbox, b"POST /api/v1/cl")
    half_body = raw(sandbox, create_bytes()[:-3])

    assert half_head == (b"", "fin")
    assert half_body == (b"", "fin")


def test_idle_connection_is_closed(monkeypatch):
    monkeypatch.setattr(server, "_IDLE_SECONDS", 0.1)
    with start(rate=None) as sandbox:
        assert raw(sandbox, b"") == (b"", "fin")


def test_latency_delays_api_answers_only(sandbox, control):
    control.set(latency=600)
    answers = []
    waiting = threading.Thread(
        target=lambda: answers.append(raw(sandbox, create_bytes(), timeout=600))
    )
    waiting.start()
    wait_for(control.calls)

    health = control.health()

    assert health["clients"] == 0
    assert [call["seconds"] for call in control.calls()] == [None]
    assert answers == []
    sandbox.stop()  # which ends the wait
    waiting.join(60)
    assert not waiting.is_alive()


def test_more_connections_than_threads_are_all_served(sandbox):
    idle = [
        socket.create_connection(("127.0.0.1", sandbox.port), 60)
        for _ in range(server.MAX_THREADS)
    ]
    results = []
    waiting = threading.Thread(
        target=lambda: results.append(create(sandbox, {"name": "A"}).status)
    )
    waiting.start()
    for sock in idle:
        sock.close()
    waiting.join(60)

    assert results == [200]


def test_stop_ends_stalled_calls_and_frees_the_port():
    sandbox = start(keys=[KEY], rate=None)
    sandbox.control.push_fault("stall", params={"seconds": 600})
    with socket.create_connection(("127.0.0.1", sandbox.port), 60) as sock:
        sock.sendall(create_bytes())
        while not sandbox.control.calls():
            time.sleep(0.01)
        started = time.monotonic()
        sandbox.stop()
        took = time.monotonic() - started

    sandbox.stop()
    assert took < 60
    start(port=sandbox.port).stop()


def test_creates_are_fast(sandbox):
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=60)
    headers = {"x-api-key": KEY, "Content-Type": "application/json"}
    started = time.process_time()  # the stand-in is in this process, too
    for _ in range(300):
        connection.request("POST", "/api/v1/clients", b'{"name":"A"}', headers)
        connection.getresponse().read()
    connection.close()

    assert 300 / (time.process_time() - started) > 200


def test_start_refuses_a_key_that_cannot_travel():
    with pytest.raises(ValueError, match="printable ASCII"):
        start(keys=["a\nb"])
