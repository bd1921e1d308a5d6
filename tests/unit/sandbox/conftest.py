"""A running sandbox of its own for each test, and a plain HTTP caller."""

import http.client
import json
import socket
import time
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from heffl_sandbox.server import start

KEY = "heffl_user_test_key_0001"


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


def call(sandbox, method, path, body=None, *, key=KEY, headers=None):
    """Make one HTTP call on a fresh connection; header names come back lower case."""
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=60)
    sent = {"Content-Type": "application/json"} if body is not None else {}
    if key is not None:
        sent["x-api-key"] = key
    sent.update(headers or {})
    data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
    try:
        connection.request(method, path, data, sent)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())
    finally:
        connection.close()


def create(sandbox, body, **more):
    """POST one client."""
    return call(sandbox, "POST", "/api/v1/clients", body, **more)


def raw(sandbox, data, *, timeout=60.0):
    """Send bytes; return all that came back and "fin", "reset" or "timeout"."""
    deadline = time.monotonic() + timeout
    with socket.create_connection(("127.0.0.1", sandbox.port), timeout=60) as sock:
        sock.settimeout(timeout)
        chunks = []
        try:
            sock.sendall(data)
            while chunk := sock.recv(65536):
                chunks.append(chunk)
                sock.settimeout(max(0.001, deadline - time.monotonic()))
        except ConnectionError:
            return b"".join(chunks), "reset"
        except TimeoutError:
            return b"".join(chunks), "timeout"
    return b"".join(chunks), "fin"


def wait_for(condition, seconds=60.0):
    """Wait until a condition holds; fail when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def create_bytes(name="Raw Trading", key=KEY):
    """Spell a whole create request out."""
    body = json.dumps({"name": name}).encode()
    head = (
        "POST /api/v1/clients HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"x-api-key: {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


@pytest.fixture
def sandbox():
    with start(keys=[KEY], workspace="Test", rate=None) as running:
        yield running


@pytest.fixture
def control(sandbox):
    return sandbox.control


@pytest.fixture
def now():
    """A clock that a test moves by hand."""
    return SimpleNamespace(value=1000.0)
