"""Sends a request byte by byte as it was made, and reads the answer. No library is asked
whether it may."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from dataclasses import dataclass
from urllib.parse import urlsplit

NO_ANSWER = 0
PATIENCE = 60.0
"""Seconds that an answer may take before there is none."""
HELD = 500_000


@dataclass(frozen=True)
class Answer:
    """What came back; a status of NO_ANSWER when nothing did."""

    status: int
    seconds: float
    size: int = 0
    location: str = ""


class Line:
    """A connection to the portal, opened anew where the last request spoiled it."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._socket: socket.socket | None = None

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            self._socket.close()
        self._socket = None

    def ask(self, data: bytes, method: str, *, last: bool) -> Answer:
        """Send a request and read the answer; `last` ends the connection after it."""
        if last:
            self.close()
        used = self._socket is not None
        answer = self._ask(data, method, last=last)
        if answer.status == NO_ANSWER and used:
            answer = self._ask(data, method, last=last)  # it had been idle for too long
        return answer

    def _ask(self, data: bytes, method: str, *, last: bool) -> Answer:
        started = time.perf_counter()
        try:
            if self._socket is None:
                self._socket = socket.create_connection(self._address, PATIENCE)
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with contextlib.suppress(ConnectionError):
                self._socket.sendall(data)
                if last:
                    self._socket.shutdown(socket.SHUT_WR)
            return self._read(method, started, last=last)
        except (OSError, http.client.HTTPException):
            self.close()
            return Answer(NO_ANSWER, time.perf_counter() - started)

    def _read(self, method: str, started: float, *, last: bool) -> Answer:
        if self._socket is None:
            raise ConnectionError
        answer = http.client.HTTPResponse(self._socket, method=method)
        answer.begin()
        size = 0
        while piece := answer.read(HELD):
            size += len(piece)
        took = time.perf_counter() - started
        if last or answer.will_close:
            self.close()
        return Answer(answer.status, took, size, answer.headers.get("Location") or "")
