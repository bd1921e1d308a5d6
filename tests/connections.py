"""Connections that hold on to a web server: silent ones, half requests, slow readers."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

PATIENCE = 120.0
"""Seconds that what must come may take on a machine that has much else to do."""
HALF_HEAD = b"GET /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: sl"
HALF_BODY = (
    b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n\r\nlogin=a"
)


def opened(port: int, sent: bytes = b"", room: int = 0) -> socket.socket:
    """Return a connection over which so much was sent; `room` is what it will take."""
    made = socket.socket()
    if room:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    made.settimeout(PATIENCE)
    made.connect(("127.0.0.1", port))
    if sent:
        made.sendall(sent)
    return made


def asking(path: str, cookies: str = "") -> bytes:
    """Return a whole request for a page."""
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n"
    return (head + (f"Cookie: {cookies}\r\n" if cookies else "") + "\r\n").encode()


@contextlib.contextmanager
def held(
    port: int, *, idle: int = 0, heads: int = 0, bodies: int = 0, readers: int = 0,
    reading: bytes = b"",
) -> Iterator[list[socket.socket]]:  # fmt: skip
    """Hold so many connections of each kind; slow readers send `reading` and take nothing."""
    with contextlib.ExitStack() as stack:
        made = []
        for count, sent, room in (
            (idle, b"", 0),
            (heads, HALF_HEAD, 0),
            (bodies, HALF_BODY, 0),
            (readers, reading, 4096),
        ):
            for _ in range(count):
                made.append(stack.enter_context(opened(port, sent, room)))
        yield made


def answer_of(connection: socket.socket, most: int = 1 << 20) -> bytes:
    """Return what comes over a connection until its end."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while len(got) < most and (piece := connection.recv(65_536)):
            got += piece
    return got


def exchange(port: int, *sent: bytes) -> bytes:
    """Send pieces one after the other, and return all that comes back."""
    with opened(port) as connection:
        with contextlib.suppress(ConnectionError):
            for piece in sent:
                connection.sendall(piece)
        return answer_of(connection)


def status_of(answer: bytes) -> int:
    """Return the status of the first answer; 0 where there is none."""
    words = answer.split(b"\r\n", 1)[0].split()
    return int(words[1]) if len(words) > 1 else 0
