"""One call over one fresh connection that records how far it got.

Promises: `Flight.phase` is SENDING before the first byte of the request can leave, and
no step (name, connection, handshake, each send, each read) outlives the deadline of the
whole call. Exception classes cannot tell either: the same ConnectionResetError comes
out of a TLS handshake and from behind a request that was read to the end.
"""

import http.client
import io
import queue
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from requests import PreparedRequest
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import DecodeError, HTTPError

from .outcome import Phase

AddressInfo = tuple[socket.AddressFamily, socket.SocketKind, int, str, tuple[Any, ...]]


class Fault(HTTPError):
    """The call broke; `reason` is the slug that the outcome shows.

    Not an OSError on purpose: urllib3 swallows some of those while sending.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds for reaching the server, for one silence, and for the whole call."""

    connect: float
    read: float
    total: float


class Flight:
    """The state of one call: how far it got and by when things must have happened.

    `time_left` is how many seconds from now the first byte may still leave; `status`
    and `headers` (names in small letters) are those of the answer, once it began.
    """

    def __init__(
        self, limits: Limits, clock: Callable[[], float], time_left: float | None
    ) -> None:
        self.phase = Phase.IDLE
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.limits = limits
        self._clock = clock
        self._started = clock()
        self._deadline = self._started + limits.total
        self._send_by = self._deadline
        if time_left is not None:
            self._send_by = min(self._deadline, self._started + time_left)

    @property
    def duration(self) -> float:
        """Return the seconds since the call began."""
        return self._clock() - self._started

    def enter(self, phase: Phase) -> None:
        """Record that the call reached a phase; it never goes back."""
        self.phase = max(self.phase, phase)

    def seconds_to_reach(self) -> float:
        """Return how long the next step before sending may take."""
        return min(self.limits.connect, self._left(self._send_by))

    def seconds_to_wait(self) -> float:
        """Return how long the next send or read may take."""
        return min(self.limits.read, self._left(self._deadline))

    def start_sending(self) -> None:
        """Record SENDING, or fail when it is too late for the first byte."""
        if self.phase < Phase.SENDING:
            self._left(self._send_by)
            self.enter(Phase.SENDING)

    def _left(self, moment: float) -> float:
        left = moment - self._clock()
        if left > 0:
            return left
        sent = self.phase.bytes_may_have_left
        raise Fault("deadline" if sent else "deadline_before_send")

    def timed_out(self, reason: str) -> Fault:
        """Return the fault for a step that ran into its timeout."""
        late = self._clock() >= self._deadline
        return Fault("deadline" if late and self.phase >= Phase.SENDING else reason)


def _resolve(host: str, port: int, flight: Flight) -> Sequence[AddressInfo]:
    """Return the addresses of a host within the time that is left.

    A name is looked up in a thread of its own, because getaddrinfo has no timeout.
    """
    flight.enter(Phase.RESOLVING)
    lookup = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        return lookup(flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        pass  # A name, not a number.
    answers: queue.SimpleQueue[Sequence[AddressInfo]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(lookup())
        except (OSError, UnicodeError):
            answers.put([])

    seconds = flight.seconds_to_reach()
    threading.Thread(target=look_up, name="heffl-resolve", daemon=True).start()
    try:
        addresses = answers.get(timeout=seconds)
    except queue.Empty:
        raise Fault("dns_timeout") from None
    if not addresses:
        raise Fault("dns")
    return addresses


def _connect(addresses: Sequence[AddressInfo], flight: Flight) -> socket.socket:
    """Return a connected socket to the first address that answers.

    All addresses together get one connect timeout, each a fair share of what is left.
    """
    flight.enter(Phase.CONNECTING)
    left = flight.seconds_to_reach()
    until = flight.duration + left
    fault = "unreachable"
    for tried, (family, kind, protocol, _name, address) in enumerate(addresses):
        sock = socket.socket(family, kind, protocol)
        try:
            share = (until - flight.duration) / (len(addresses) - tried)
            sock.settimeout(max(min(share, flight.seconds_to_reach()), 0.001))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return sock
        except TimeoutError:
            fault = "connect_timeout"
        except ConnectionRefusedError:
            fault = "refused"
        except OSError:
            fault = "unreachable"
        except BaseException:
            sock.close()
            raise
        sock.close()
    raise Fault(fault)


def _shake_hands(
    sock: socket.socket, context: ssl.SSLContext, host: str, flight: Flight
) -> ssl.SSLSocket:
    """Return the socket with TLS on it; certificate and host name are checked."""
    flight.enter(Phase.HANDSHAKE)
    try:
        secure = context.wrap_socket(
            sock, server_hostname=host, do_handshake_on_connect=False
        )
    except BaseException:
        sock.close()
        raise
    try:
        # The interpreter applies this timeout to the handshake as a whole.
        secure.settimeout(flight.seconds_to_reach())
        secure.do_handshake()
        return secure
    except BaseException as error:
        secure.close()
        if isinstance(error, ssl.SSLCertVerificationError):
            raise Fault("tls_certificate") from None
        if isinstance(error, TimeoutError):
            raise Fault("tls_timeout") from None
        if isinstance(error, OSError):
            raise Fault("tls_handshake") from None
        raise


class _TimedStream(io.RawIOBase):
    """The bytes of the answer; every read is held to the deadline of the call."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, flight: Flight) -> None:
        self._raw = raw
        self._sock = sock
        self._flight = flight

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(self._flight.seconds_to_wait())
        try:
            return self._raw.readinto(buffer)
        except TimeoutError:
            raise self._flight.timed_out("read_timeout") from None
        except OSError:
            raise Fault("reset") from None

    def close(self) -> None:
        try:
            self._raw.close()
        finally:
            super().close()


class _AnswerReader(io.BufferedReader):
    """A reader that remembers the last line, to tell an end of headers from a cut."""

    last_line = b""

    def readline(self, size: int | None = -1, /) -> bytes:
        self.last_line = super().readline(size)
        return self.last_line


class _StrictResponse(http.client.HTTPResponse):
    """An answer whose head must be whole and must say one thing only."""

    def __init__(
        self, sock: socket.socket, *args: Any, flight: Flight, **kwargs: Any
    ) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self._reader = _AnswerReader(_TimedStream(raw, sock, flight))
        self.fp = self._reader

    def begin(self) -> None:
        """Read the head. Without the checks a cut one would be an empty 200."""
        super().begin()
        if self._reader.last_line not in (b"\r\n", b"\n"):
            raise Fault("truncated")
        if self.headers.defects or self.headers.get_payload():
            raise Fault("bad_headers")
        if _framing_is_unclear(self.headers):
            raise Fault("bad_headers")


_LENGTH = re.compile(r"[0-9]{1,18}", re.ASCII)


def _framing_is_unclear(headers: http.client.HTTPMessage) -> bool:
    """Say whether two readers could disagree about where the body ends."""
    lengths = {value.strip() for value in headers.get_all("content-length", [])}
    codings = [value.strip() for value in headers.get_all("transfer-encoding", [])]
    if codings:
        return bool(lengths) or [value.lower() for value in codings] != ["chunked"]
    return len(lengths) > 1 or any(not _LENGTH.fullmatch(value) for value in lengths)


class _Connection(HTTPConnection):
    """A plain connection for one call that records its phase."""

    def __init__(
        self, *args: Any, flight: Flight, tls: ssl.SSLContext | None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.flight = flight
        self.tls = tls
        self.response_class = partial(  # type: ignore[assignment]
            _StrictResponse, flight=flight
        )

    def connect(self) -> None:
        addresses = _resolve(self.host, self.port, self.flight)
        self.sock = _connect(addresses, self.flight)
        if self.tls is not None:
            self.sock = _shake_hands(self.sock, self.tls, self.host, self.flight)
            self.is_verified = True

    def send(self, data: Any) -> None:
        if self.sock is None:
            self.connect()
        self.flight.start_sending()
        rest = memoryview(data)
        while rest:
            self.sock.settimeout(self.flight.seconds_to_wait())
            try:
                rest = rest[self.sock.send(rest) :]
            except TimeoutError:
                raise self.flight.timed_out("write_timeout") from None

    def request(self, *args: Any, **kwargs: Any) -> None:
        super().request(*args, **kwargs)
        self.flight.enter(Phase.SENT)

    def getresponse(self) -> Any:
        self.flight.enter(Phase.READING)
        return super().getresponse()


class _SecureConnection(_Connection):
    """The same with TLS, done in `connect`; the port that needs no mention is 443."""

    default_port = 443  # type: ignore[misc]


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPConnectionPool):
    # Not urllib3's HTTPSConnectionPool: TLS belongs to the connection here, so that
    # its handshake is a phase and keeps the deadline.
    scheme = "https"
    ConnectionCls = _SecureConnection


class FlightAdapter(HTTPAdapter):
    """A requests adapter for exactly one call: one connection, no retries, no proxy."""

    def __init__(self, flight: Flight, tls: ssl.SSLContext | None) -> None:
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)
        self._flight = flight
        self._tls = tls
        self._pools: list[HTTPConnectionPool] = []

    def get_connection_with_tls_context(
        self,
        request: PreparedRequest,
        verify: bool | str | None,
        proxies: Mapping[str, str] | None = None,
        cert: Any = None,
    ) -> HTTPConnectionPool:
        host, _ = self.build_connection_pool_key_attributes(request, True)
        secure = host["scheme"] == "https"
        pool = (_SecurePool if secure else _Pool)(
            host["host"],
            host["port"] or (443 if secure else 80),
            maxsize=1,
            flight=self._flight,
            tls=self._tls if secure else None,
        )
        self._pools.append(pool)
        return pool

    def close(self) -> None:
        super().close()
        for pool in self._pools:
            pool.close()


@lru_cache(maxsize=8)
def tls_context(ca_file: str) -> ssl.SSLContext:
    """Return the TLS settings that trust one bundle of authorities, made once."""
    context = ssl.create_default_context(cafile=ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def fault_reason(error: BaseException) -> str:
    """Return the slug for whatever a call raised.

    Only a name for logs: what may be sent again is decided by the phase alone.
    """
    for cause in reversed(list(_causes(error))):
        if isinstance(cause, Fault):
            return cause.reason
        for kind, slug in _SLUGS.items():
            if isinstance(cause, kind):
                return slug
    return "broken"


def _causes(error: object) -> Iterator[BaseException]:
    """Unwrap the exceptions that requests and urllib3 put around each other."""
    while isinstance(error, BaseException):
        yield error
        inner = [part for part in error.args if isinstance(part, BaseException)]
        error = inner[0] if inner else getattr(error, "reason", None)


_SLUGS = {
    http.client.RemoteDisconnected: "closed",
    http.client.IncompleteRead: "truncated",
    http.client.HTTPException: "bad_headers",
    DecodeError: "bad_encoding",
    OSError: "reset",
}
