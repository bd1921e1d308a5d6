"""HTTP/1.1 on a plain socket: read one request with limits, write one answer.

Done by hand rather than with http.server because a scripted fault has to decide
about single bytes, and because nothing a peer sends may reach the console.
"""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qsl

MAX_HEAD = 64 * 1024
MAX_HEADERS = 100
MAX_BODY = 1 << 20
HEAD_SECONDS = 10.0
BODY_SECONDS = 20.0
SEND_SECONDS = 20.0

_METHOD = re.compile(r"[A-Z]{1,20}\Z")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")


class Malformed(Exception):
    """A request that cannot be answered as asked: `status`, `code`, `message`."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


class Gone(Exception):
    """The peer closed the connection, reset it, or took too long."""


@dataclass(slots=True)
class Request:
    """One parsed request; header names are lower case."""

    method: str
    path: str
    query: str
    headers: list[tuple[str, str]]
    length: int
    keep_alive: bool
    body: bytes = b""

    def all(self, name: str) -> list[str]:
        """Return every value of the header `name` (lower case)."""
        return [value for key, value in self.headers if key == name]

    def header(self, name: str) -> str:
        """Return the only value of the header, or "" when absent or repeated."""
        values = self.all(name)
        return values[0] if len(values) == 1 else ""

    def arguments(self) -> dict[str, str]:
        """Read the query string; the last of a repeated name counts."""
        try:
            pairs = parse_qsl(self.query, keep_blank_values=True, max_num_fields=50)
        except ValueError:
            raise Malformed(400, "BAD_REQUEST", "Too many query fields") from None
        return dict(pairs)


@dataclass(slots=True)
class Response:
    """One answer; Content-Length, Date and Connection are added when written."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def json_response(
    status: int, value: object, headers: Mapping[str, str] | None = None
) -> Response:
    """Make an answer of `value` as compact UTF-8 JSON."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(status, text.encode(), headers=dict(headers or {}))


def parse_head(head: bytes) -> Request:
    """Read request line and headers (without the blank line); Malformed if bad."""
    lines = head.decode("latin-1").split("\r\n")
    method, target, version = _request_line(lines[0])
    if len(lines) - 1 > MAX_HEADERS:
        raise Malformed(431, "BAD_REQUEST", "Too many headers")
    headers = [_header(line) for line in lines[1:]]
    path, _, query = target.partition("?")
    request = Request(method, path, query, headers, 0, version == "HTTP/1.1")
    request.length = _body_length(request)
    if "close" in request.header("connection").lower():
        request.keep_alive = False
    return request


def _request_line(line: str) -> tuple[str, str, str]:
    parts = line.split(" ")
    if len(parts) != 3 or not _METHOD.match(parts[0]) or not parts[1].startswith("/"):
        raise Malformed(400, "BAD_REQUEST", "Not an HTTP request")
    if parts[2] not in ("HTTP/1.1", "HTTP/1.0") or not parts[1].isprintable():
        raise Malformed(400, "BAD_REQUEST", "Not an HTTP/1.1 request")
    return parts[0], parts[1], parts[2]


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon or not _HEADER_NAME.match(name) or re.search(r"[\0\r\n]", value):
        raise Malformed(400, "BAD_REQUEST", "Malformed header")
    return name.lower(), value.strip(" \t")


def _body_length(request: Request) -> int:
    if request.all("transfer-encoding"):
        raise Malformed(411, "BAD_REQUEST", "Content-Length is required")
    lengths = request.all("content-length")
    if not lengths:
        return 0
    if len(lengths) > 1 or not re.match(r"[0-9]{1,15}\Z", lengths[0]):
        raise Malformed(400, "BAD_REQUEST", "Malformed Content-Length")
    return int(lengths[0])


def head_bytes(response: Response, *, keep_alive: bool = False) -> bytes:
    """Write status line and headers, with the blank line that ends them."""
    lines = [f"HTTP/1.1 {response.status} {_reason(response.status)}"]
    lines.append(f"Date: {formatdate(usegmt=True)}")
    lines.append("Server: heffl-sandbox")
    if response.status != 204:
        lines.append(f"Content-Type: {response.content_type}")
        lines.append(f"Content-Length: {len(response.body)}")
    lines.extend(f"{name}: {value}" for name, value in response.headers.items())
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _reason(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class Connection:
    """One accepted socket with a read buffer, deadlines, and ways to end badly."""

    def __init__(self, sock: socket.socket, peer: str) -> None:
        self.peer = peer
        self.bytes_in = 0
        self._sock = sock
        self._buffer = b""
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def wait(self, seconds: float) -> bool:
        """Wait for a first byte and leave it unread; False when none comes in time."""
        if self._buffer:
            return True
        try:
            self._sock.settimeout(seconds)
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def peek_head(self, seconds: float = 2.0) -> bytes:
        """Look at the head while leaving it unread in the kernel's buffer.

        What has come after `seconds` is all there is: it may be cut short, or empty.
        """
        deadline = time.monotonic() + seconds
        while True:
            try:
                self._sock.settimeout(max(0.001, deadline - time.monotonic()))
                seen = self._sock.recv(MAX_HEAD, socket.MSG_PEEK)
            except OSError:
                seen = b""
            head, end, _ = (self._buffer + seen).partition(b"\r\n\r\n")
            if end or not seen or time.monotonic() >= deadline:
                return head
            time.sleep(0.001)

    def read_head(self) -> bytes:
        """Take the bytes up to the blank line; Malformed when there are too many."""
        deadline = time.monotonic() + HEAD_SECONDS
        while b"\r\n\r\n" not in self._buffer:
            if len(self._buffer) > MAX_HEAD:
                raise Malformed(431, "BAD_REQUEST", "Headers are too large")
            self._buffer += self._receive(deadline)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if len(head) > MAX_HEAD:
            raise Malformed(431, "BAD_REQUEST", "Headers are too large")
        return head

    def read_body(self, request: Request) -> None:
        """Take the body into `request`; Malformed when it is over 1 MiB."""
        if request.length > MAX_BODY:
            raise Malformed(413, "PAYLOAD_TOO_LARGE", "Request body is too large")
        if len(self._buffer) < request.length:
            if request.header("expect").lower() == "100-continue":
                self.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            deadline = time.monotonic() + BODY_SECONDS
            chunks = [self._buffer]
            missing = request.length - len(self._buffer)
            while missing > 0:
                chunks.append(self._receive(deadline))
                missing -= len(chunks[-1])
            self._buffer = b"".join(chunks)
        request.body = self._buffer[: request.length]
        self._buffer = self._buffer[request.length :]

    def _receive(self, deadline: float) -> bytes:
        left = deadline - time.monotonic()
        if left <= 0:
            raise Gone
        try:
            self._sock.settimeout(left)
            data = self._sock.recv(65536)
        except OSError:
            raise Gone from None
        if not data:
            raise Gone
        self.bytes_in += len(data)
        return data

    def send(self, data: bytes) -> None:
        """Write all of `data`, or raise Gone."""
        try:
            self._sock.settimeout(SEND_SECONDS)
            self._sock.sendall(data)
        except OSError:
            raise Gone from None

    def answer(
        self, response: Response, *, keep_alive: bool = False, bodiless: bool = False
    ) -> None:
        """Write a whole answer in one go; `bodiless` for the answer to a HEAD."""
        body = b"" if bodiless or response.status == 204 else response.body
        self.send(head_bytes(response, keep_alive=keep_alive) + body)

    def hold(self, seconds: float) -> None:
        """Say nothing for `seconds`, or until the peer closes or we are stopped."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(Gone):
            while True:
                self._receive(deadline)

    def reset(self) -> None:
        """End with a TCP reset instead of an orderly close."""
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._sock.close()

    def finish(self, *, drain: bool = False) -> None:
        """End in order; `drain` first takes unread bytes, which would cause a reset."""
        with contextlib.suppress(OSError):
            if drain:
                self._sock.shutdown(socket.SHUT_WR)
                self.hold(1.0)
        self._sock.close()

    def abort(self) -> None:
        """Wake whoever reads or writes on this connection, from another thread."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
