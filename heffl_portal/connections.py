"""What the web server does with connections: waitress, held to our bounds.

One event loop takes whole requests in and gives whole answers out; a thread is taken only
between the two. So nobody holds a thread by saying nothing, by sending half of something or
by reading slowly. What a connection may take in time, in memory and on disk is bounded, and
when there are too many the one that has waited longest goes, not the newcomer. Nothing of a
request is ever written to disk.
"""

from __future__ import annotations

import logging
import socket
import struct
from time import monotonic
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import TcpWSGIServer, UnixWSGIServer
from waitress.task import ThreadedTaskDispatcher

from heffl_portal import bounds
from heffl_portal.exchanges import Answer, Request, refusal

AT_ONCE = struct.pack("ii", 1, 0)


class Connection(HTTPChannel):  # type: ignore[misc]
    """One connection. Its threads write answers; everything else is the event loop's."""

    parser_class = Request
    task_class = Answer
    error_task_class = staticmethod(refusal)
    will_close: bool
    close_when_flushed: bool
    asked = refused = False
    farewell = 0.0
    left = bounds.FAREWELL_BYTES

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.moved = self.sending_since = monotonic()
        self.sent = 0
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
        self.asked, self.refused = True, self.requests[0].error is not None
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
            return self.farewell + bounds.FAREWELL
        if self.total_outbufs_len:
            enough = self.sending_since + bounds.GRACE + self.sent / bounds.PACE
            return min(self.moved + bounds.STALLED, enough)
        if self.requests:
            return float("inf")
        if self.request is not None:
            return float(self.request.overdue_at)
        return self.moved + bounds.IDLE

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
    most = bounds.CONNECTIONS
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
        lane = self.files if path.endswith(bounds.FILES) else self.task_dispatcher
        lane.add_task(connection)

    def has_grown(self, by: int) -> None:
        """Note that so much came in, and see now and then whether it is too much."""
        self.grown += by
        if self.grown > bounds.IN_MEMORY // 16:
            self.weigh()

    def weigh(self) -> None:
        """End what takes most room, until the rest fits into memory and disk."""
        self.grown = 0
        waiting = [one for one in self.active_channels.values() if not one.will_close]
        held = {one: one.in_memory for one in waiting}
        self._lighten(held, bounds.IN_MEMORY)
        kept = {one: one.total_outbufs_len for one in waiting}
        self._lighten(kept, bounds.ON_DISK)

    def _lighten(self, weights: dict[Connection, int], most: int) -> None:
        over = sum(weights.values()) - most
        movable = [one for one in weights if not one.at_work]
        for one in sorted(movable, key=weights.__getitem__, reverse=True):
            if over <= 0 or not weights[one]:
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
    bound_at: bounds.BoundAt,
    most: int = bounds.CONNECTIONS,
) -> tuple[dict[int, Any], list[Doors]]:
    """Return the map for the event loop and a server per listening socket.

    `bound_at` says for a path how many bytes its page takes; `most` is how many connections
    there may be.
    """
    adjustments = bounds.settings_of(bound_at)
    channels: dict[int, Any] = {}
    pages, files = ThreadedTaskDispatcher(), ThreadedTaskDispatcher()
    pages.set_thread_count(threads - bounds.FILE_THREADS)
    files.set_thread_count(bounds.FILE_THREADS)
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
