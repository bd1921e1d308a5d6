"""What the web server does with connections: waitress, held to our bounds.

One event loop takes whole requests in and gives whole answers out; a thread is taken only
between the two. So nobody holds a thread by saying nothing, by sending half of something or
by reading slowly. What a connection may take in time, in memory and on disk is bounded, and
when there are too many the one that has waited longest goes, not the newcomer. Nothing of a
request is ever written to disk.
"""

from __future__ import annotations

import copy
import logging
import socket
import struct
from collections.abc import Callable
from io import BytesIO
from time import monotonic
from typing import Any

from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ErrorTask, ThreadedTaskDispatcher, WSGITask
from waitress.utilities import BadRequest, RequestEntityTooLarge

FORM = 1_048_576
"""Bytes that a request may have wherever its page does not take more."""
IDLE = 20.0
"""Seconds that a connection may say nothing between requests."""
HEAD = 10.0
"""Seconds from the first byte of a request to the end of its headers."""
GRACE, PACE = 30.0, 4096
"""Bodies and answers may take so many seconds, and longer at so many bytes a second."""
STALLED = 30.0
"""Seconds that somebody may take nothing of an answer that waits."""
FAREWELL, FAREWELL_BYTES = 2.0, 8 * 1_048_576
"""Seconds and bytes that somebody may go on sending who was refused, to hear the answer."""
CONNECTIONS = 2_000
"""Connections of one process, if the system lets it have so many files."""
IN_MEMORY = 64 * 1_048_576
"""Bytes of requests and answers that one process holds for others in all."""
ON_DISK = 1024 * 1_048_576
"""Bytes of answers that wait in the temporary directory for slow readers in all."""
KEPT_SHORT = 262_144
"""Of a longer answer that its reader does not keep up with, the rest waits on disk."""
FIRST_LINE, HEADERS = 4094, 32_768
FILE_THREADS = 1
FILES = (".csv", ".xlsx")

AT_ONCE = struct.pack("ii", 1, 0)

BoundAt = Callable[[str], int]


class PathTooLong(BadRequest):  # type: ignore[misc]
    """The first line is longer than any of ours."""

    code = 414
    reason = "URI Too Long"


def settings_of(bound_at: BoundAt) -> Adjustments:
    """Return what waitress is told: our bounds, and no name of itself anywhere."""
    made = Adjustments(
        ident=None,
        clear_untrusted_proxy_headers=False,  # TRUSTED_PROXY_COUNT decides, in Django
        log_socket_errors=False,
        asyncore_use_poll=True,
        cleanup_interval=1,
        connection_limit=CONNECTIONS + 64,
        max_request_header_size=HEADERS,
        max_request_body_size=FORM + 1,  # waitress refuses what reaches it
        inbuf_overflow=2 * IN_MEMORY,
        outbuf_overflow=KEPT_SHORT,
        outbuf_high_watermark=2 * ON_DISK,
        recv_bytes=65_536,
    )
    made.bound_at = bound_at
    return made


class Request(HTTPRequestParser):  # type: ignore[misc]
    """A request as it comes in."""

    adj: Any
    error: Any
    began: float
    body_bytes_received: int

    def __init__(self, adj: Adjustments) -> None:
        super().__init__(adj)
        self.began = monotonic()

    def received(self, data: bytes) -> int:
        """Take in more; returns how many bytes belong to this request."""
        taken = int(super().received(data))
        if self.error is not None:
            # Else waitress would ask for the body of what it has just refused.
            self.expect_continue = False
            if self.error.body == PathTooLong.reason:
                self.error = PathTooLong("")
        return taken

    def parse_header(self, header_plus: bytes) -> None:
        """Read the headers. Raises ParsingError for what is no request."""
        if len(header_plus.partition(b"\r\n")[0]) > FIRST_LINE:
            raise ParsingError(PathTooLong.reason)
        try:
            super().parse_header(header_plus)
        except ValueError:  # an address or a length that cannot be
            raise ParsingError("Bad request line or length") from None
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError("Both a length and chunks")
        if self.chunked or self.content_length > FORM:
            most = self.adj.bound_at(self.path)
            self.adj = copy.copy(self.adj)
            self.adj.max_request_body_size = most + 1

    @property
    def held(self) -> int:
        """Return the bytes of the body that lie in memory."""
        return 0 if self.body_rcv is None else len(self.body_rcv)

    @property
    def overdue_at(self) -> float:
        """Return when its sender has had enough time."""
        if not self.headers_finished:
            return self.began + HEAD
        return float(self.began + GRACE + self.body_bytes_received / PACE)


class Answer(WSGITask):  # type: ignore[misc]
    """The application's answer: without a body to HEAD, the last one when we stop."""

    def write(self, data: bytes) -> None:
        """Give out a piece of the answer."""
        super().write(b"" if self.request.command == "HEAD" else data)

    def finish(self) -> None:
        """Give out what ends the answer."""
        if self.request.command != "HEAD":
            super().finish()
        elif not self.wrote_header:
            self.write(b"")

    def build_response_header(self) -> bytes:
        """Return the head of the answer."""
        if self.channel.server.stopping or self.request.error is not None:
            self.set_close_on_finish()
        return bytes(super().build_response_header())


class TooLarge(Answer):
    """The application's answer to a request that was refused for its length.

    It sees the length and none of the body: it refuses it itself, in the person's words.
    """

    def get_environment(self) -> dict[str, Any]:
        """Return the environment of the request without its body."""
        environ: dict[str, Any] = super().get_environment()
        received = self.request.body_bytes_received
        most = self.request.adj.max_request_body_size
        length = max(self.request.content_length, received, most)
        environ |= {"wsgi.input": BytesIO(), "CONTENT_LENGTH": str(length)}
        return environ


def refusal(channel: Connection, request: Request) -> Answer | ErrorTask:
    """Return what answers a request that was refused before the application saw it."""
    kind = TooLarge if isinstance(request.error, RequestEntityTooLarge) else ErrorTask
    return kind(channel, request)


class Connection(HTTPChannel):  # type: ignore[misc]
    """One connection. Its threads write answers; everything else is the event loop's."""

    parser_class = Request
    task_class = Answer
    error_task_class = staticmethod(refusal)
    will_close: bool
    close_when_flushed: bool
    refused = False
    farewell = 0.0
    left = FAREWELL_BYTES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.moved = self.sending_since = monotonic()
        self.sent = 0
        self.served = False
        super().__init__(*args, **kwargs)

    def received(self, data: bytes) -> bool:
        """Take in what came, unless the sender was refused and only finishes."""
        self.moved = monotonic()
        if self.farewell:
            self.left -= len(data)
            if self.left < 0:
                self.server.end(self)
            return False
        more = bool(super().received(data))
        self.server.has_grown(len(data))
        return more

    def service(self) -> None:
        """Answer one request, in a thread."""
        self.served = True
        self.refused = self.requests[0].error is not None
        super().service()
        self.moved = monotonic()

    def write_soon(self, data: Any) -> int:
        """Give out data as the reader takes it; never waits for the reader."""
        if not self.total_outbufs_len:
            self.sending_since, self.sent = monotonic(), 0
            self.moved = self.sending_since
        return int(super().write_soon(data))

    def _flush_some(self, do_close: bool = True) -> bool:
        before = self.total_outbufs_len
        flushed = bool(super()._flush_some(do_close=do_close))
        if flushed:
            self.sent += before - self.total_outbufs_len
            self.moved = monotonic()
        return flushed

    def handle_write(self) -> None:
        """Send what can be sent; let who was refused hear why before the end."""
        if not (self.refused and self.close_when_flushed) or self.will_close:
            super().handle_write()
            return
        self._flush_exception(self._flush_some)
        if self.total_outbufs_len or self.will_close:
            return
        self.close_when_flushed, self.farewell = False, monotonic()
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.will_close = True

    def cut(self) -> None:
        """End it at once, whether or not its other side takes what is on its way."""
        if self.total_outbufs_len:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
        self.handle_close()

    @property
    def at_work(self) -> bool:
        """Say whether a whole request is with a thread or waits for one."""
        return bool(self.requests) and not self.total_outbufs_len

    @property
    def overdue_at(self) -> float:
        """Return when it will have had its time, whatever it is at."""
        if self.farewell:
            return self.farewell + FAREWELL
        if self.total_outbufs_len:
            enough = self.sending_since + GRACE + self.sent / PACE
            return min(self.moved + STALLED, enough)
        if self.requests:
            return float("inf")
        if self.request is not None:
            return float(self.request.overdue_at)
        return self.moved + IDLE

    @property
    def in_memory(self) -> int:
        """Return the bytes that it holds in memory."""
        requests = [*self.requests, *filter(None, [self.request])]
        answers = sum(len(one) for one in [*self.outbufs] if not on_disk(one))
        return int(answers + sum(each.held for each in requests))


def on_disk(buffer: Any) -> bool:
    """Say whether what waits to be sent lies in a file."""
    return bool(getattr(buffer, "overflowed", True))


class Doors:
    """What a listening socket does beside waitress's own: for the two kinds below."""

    channel_class = Connection
    stopping = False
    grown = 0
    most = CONNECTIONS
    active_channels: dict[int, Connection]
    task_dispatcher: ThreadedTaskDispatcher
    files: ThreadedTaskDispatcher
    ending: list[Connection]

    def readable(self) -> bool:
        """Begin a round of the event loop: end what is to be ended, see what is due."""
        self.cut_ended()
        return bool(super().readable())  # type: ignore[misc]

    def end(self, one: Connection) -> None:
        """Let a connection end when the next round begins: not amid what this one found."""
        one.will_close = True
        self.ending.append(one)

    def cut_ended(self) -> None:
        """End what was to be ended."""
        for one in self.ending:
            if self.active_channels.get(one._fileno) is one:
                one.cut()
        self.ending = []

    def handle_accept(self) -> None:
        """Accept a connection; where there are too many, the oldest that waits goes."""
        there = [one for one in self.active_channels.values() if not one.will_close]
        waiting = [one for one in there if not one.at_work]
        if len(there) >= self.most and waiting:
            self.end(min(waiting, key=lambda one: one.moved))
        super().handle_accept()  # type: ignore[misc]

    def add_task(self, connection: Connection) -> None:
        """Hand a whole request to a thread: files have their own, and few."""
        path = getattr(connection.requests[0], "path", "")
        lane = self.files if path.endswith(FILES) else self.task_dispatcher
        lane.add_task(connection)

    def has_grown(self, by: int) -> None:
        """Note that so much came in, and see now and then whether it is too much."""
        self.grown += by
        if self.grown > IN_MEMORY // 16:
            self.weigh()

    def weigh(self) -> None:
        """End what takes most room, until the rest fits into memory and disk."""
        self.grown = 0
        waiting = [one for one in self.active_channels.values() if not one.will_close]
        held = {one: one.in_memory for one in waiting}
        self._lighten(held, IN_MEMORY)
        kept = {one: one.total_outbufs_len for one in waiting}
        self._lighten(kept, ON_DISK)

    def _lighten(self, weights: dict[Connection, int], most: int) -> None:
        over = sum(weights.values()) - most
        movable = [one for one in weights if not one.at_work]
        for one in sorted(movable, key=weights.__getitem__, reverse=True):
            if over <= 0:
                return
            self.end(one)
            over -= weights[one]

    def maintenance(self, now: float) -> None:
        """End connections that have had their time. Called about every second."""
        moment = monotonic()
        for one in list(self.active_channels.values()):
            if one.overdue_at < moment:
                self.end(one)
        self.weigh()
        self.cut_ended()

    def stop_accepting(self) -> None:
        """Take no more connections; those there are get their answers."""
        self.stopping = True
        self.accepting = False
        self.del_channel()  # type: ignore[attr-defined]
        self.socket.close()  # type: ignore[attr-defined]


class TcpDoors(Doors, TcpWSGIServer):  # type: ignore[misc]
    """A port."""


class UnixDoors(Doors, UnixWSGIServer):  # type: ignore[misc]
    """A socket in the file system: who is at its other end has no address."""

    def fix_addr(self, addr: Any) -> tuple[str, None]:
        """Return no address."""
        return "", None


def open_doors(
    application: Any,
    listeners: list[socket.socket],
    threads: int,
    bound_at: BoundAt,
    most: int = CONNECTIONS,
) -> tuple[dict[int, Any], list[Doors]]:
    """Return the map for the event loop and a server per listening socket.

    `bound_at` says for a path how many bytes its page takes; `most` is how many connections
    there may be.
    """
    adjustments = settings_of(bound_at)
    channels: dict[int, Any] = {}
    pages, files = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
    pages.set_thread_count(threads - FILE_THREADS)
    files.set_thread_count(FILE_THREADS)
    made: list[Doors] = []
    for listener in listeners:
        kind = UnixDoors if listener.family == socket.AF_UNIX else TcpDoors
        server = kind(
            application, channels, True, listener, dispatcher=pages, adj=adjustments,
            bind_socket=False,
            sockinfo=(listener.family, listener.type, listener.proto, None),
        )  # fmt: skip
        server.server_name = str(server.effective_host)
        server.files, server.most, server.ending = files, most, []
        made.append(server)
    return channels, made


class NoAddresses(logging.Filter):
    """waitress names the path of what it could not answer: that is not for a log."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave out the path."""
        before, said, _path = str(record.msg).partition(" while serving ")
        if said:
            record.msg = f"{before} while serving a request"
        return True
