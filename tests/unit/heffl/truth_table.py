"""The table of faults: what a server may do to a POST, and what that has to mean.

Each row is a real call of HefflAPI against the scripted server, over http and https.
`python -m tests.unit.heffl.truth_table` runs all of it and prints the result.
"""

import gzip
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

from clients_app.heffl.api import HefflAPI
from clients_app.heffl.contract import ClientType, build_payload, encode_payload
from clients_app.heffl.outcome import Outcome, Phase, Verdict

from .scripted_server import (
    Certificates,
    Peer,
    Script,
    ScriptedServer,
    make_certificates,
)

KEY = "heffl_user_canary_0123456789"
BODY = encode_payload(build_payload(ClientType.COMPANY, {"name": "Oasis Dental"}))
CREATED = (
    b'{"id":"clt_1","number":"CON001","name":"Oasis Dental","type":"company",'
    b'"createdAt":"2026-03-01T08:00:00Z"}'
)
WEB_PAGE = b"<!DOCTYPE html><html><body>Request blocked</body></html>"
REFUSED_V1 = b'{"code":"BAD_REQUEST","message":"Invalid email address format"}'
SCHEMES = ("http", "https")
GRACE = 2.0
"""Seconds that a busy machine may add to a call before it is late."""

# Rows that wait for a timeout use short ones, as short as the step that they are about
# allows; for all others patience costs nothing, and a busy machine must not turn a row
# into a timeout.
LIMITS: dict[str, dict[str, Any]] = {
    "": {"connect_timeout": 8.0, "read_timeout": 8.0, "total_timeout": 10.0},
    "reach": {"connect_timeout": 0.5, "read_timeout": 0.6, "total_timeout": 1.2},
    "read": {"connect_timeout": 2.0, "read_timeout": 0.6, "total_timeout": 2.5},
}


@dataclass(frozen=True)
class Fault:
    """One thing that can go wrong (or right) and its verdict per scheme."""

    name: str
    http: Verdict
    https: Verdict
    script: Script = Peer.hold
    reason: str = ""  # checked where the slug is part of what people are told
    certificate: str = "good"
    handshake: bool = True
    slow: str = ""  # which step takes too long: a key of LIMITS
    key: str | None = KEY
    time_left: float | None = None
    reach: str = "listening"


@dataclass(frozen=True)
class Row:
    """What one call did, set against what it should have done."""

    fault: Fault
    scheme: str
    outcome: Outcome
    bytes_seen: int
    allowed: float

    @property
    def expected(self) -> Verdict:
        return self.fault.https if self.scheme == "https" else self.fault.http

    @property
    def wrong_class(self) -> bool:
        wrong_reason = self.fault.reason not in {"", self.outcome.reason}
        return self.outcome.verdict is not self.expected or wrong_reason

    @property
    def sent_unnoticed(self) -> bool:
        """The one thing that must never be: "nothing was sent" while bytes were."""
        return self.outcome.phase < Phase.SENDING and self.bytes_seen > 0

    @property
    def late(self) -> bool:
        return self.outcome.duration > self.allowed + GRACE


def run(fault: Fault, scheme: str, certificates: Certificates) -> Row:
    """Make one call against one fault."""
    limits = LIMITS[fault.slow]
    tls = getattr(certificates, fault.certificate) if scheme == "https" else None
    if fault.certificate != "good":
        tls = getattr(certificates, fault.certificate)
    server = ScriptedServer(fault.script, tls=tls, handshake=fault.handshake)
    with _REACH[fault.reach](server) as base_url:
        api = HefflAPI(
            base_url.replace("SCHEME", scheme),
            lambda: _reveal(fault.key),
            user_agent="portal-tests/1",
            verify=certificates.ca_file,
            **limits,
        )
        outcome = api.create_client(BODY, time_left=fault.time_left)
    return Row(fault, scheme, outcome, len(server.request()), limits["total_timeout"])


def _reveal(key: str | None) -> str:
    if key is None:
        raise LookupError("no such key in the ring")
    return key


@contextmanager
def _listening(server: ScriptedServer) -> Iterator[str]:
    with server:
        yield server.url("SCHEME")


@contextmanager
def _nobody_there(server: ScriptedServer) -> Iterator[str]:
    with server:
        pass
    yield server.url("SCHEME")


@contextmanager
def _queue_full(_server: ScriptedServer) -> Iterator[str]:
    """A listener that accepts nobody: with its queue full, the kernel drops SYNs."""
    with ExitStack() as stack, socket.socket() as listener:
        stack.enter_context(_listening(_server))
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield f"SCHEME://127.0.0.1:{listener.getsockname()[1]}/api/v1"


# The resolver of the machine is the one part that no server on loopback can play.
@contextmanager
def _unknown_name(server: ScriptedServer) -> Iterator[str]:
    with server, mock.patch("socket.getaddrinfo", side_effect=socket.gaierror(-2)):
        yield "SCHEME://localhost:9/api/v1"


@contextmanager
def _silent_resolver(server: ScriptedServer) -> Iterator[str]:
    done = threading.Event()

    def look_up(*_args, flags=0, **_kwargs):
        if not flags:
            done.wait(10)
        raise socket.gaierror(-2)

    with server, mock.patch("socket.getaddrinfo", look_up):
        yield "SCHEME://localhost:9/api/v1"
        done.set()


_REACH = {
    "listening": _listening,
    "nobody there": _nobody_there,
    "queue full": _queue_full,
    "unknown name": _unknown_name,
    "silent resolver": _silent_resolver,
}


def answer(status: int, body: bytes = b"", *headers: str, kind: str = "") -> Script:
    """Return a script that reads the request and answers in full."""
    kind = kind or ("text/html" if body[:1] == b"<" else "application/json")

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(message(status, body, f"Content-Type: {kind}", *headers))

    return script


def message(status: int, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def raw(data: bytes, *, then: Script = Peer.finish, drip: bool = False) -> Script:
    """Return a script that reads the request, sends these bytes and then does more."""

    def script(peer: Peer) -> None:
        peer.read_request()
        (peer.drip if drip else peer.send)(data)
        then(peer)

    return script


def unread(data: bytes = b"", *, then: Script = Peer.finish, drip=False) -> Script:
    """Return a script that does not wait for the request."""

    def script(peer: Peer) -> None:
        if data:
            (peer.drip if drip else peer.send)(data)
        then(peer)

    return script


def reset_unread(peer: Peer) -> None:
    peer.wait_unread()
    peer.reset()


def after_first_bytes(then: Script) -> Script:
    """Return a script that goes on as soon as anything has come in."""

    def script(peer: Peer) -> None:
        peer._read()
        then(peer)

    return script


def after_head(then: Script) -> Script:
    def script(peer: Peer) -> None:
        peer.read_head()
        then(peer)

    return script


def late_handshake(peer: Peer) -> None:
    threading.Event().wait(0.4)


def chunked(body: bytes, *, end: bytes = b"0\r\n\r\n") -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"%x\r\n%b\r\n" % (len(body), body) + end


def both(name: str, verdict: Verdict, script: Script, **more) -> Fault:
    return Fault(name, verdict, verdict, script, **more)


OK_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
LONG_BODY_HEAD = OK_HEAD + b"Content-Length: 500\r\n\r\n"
_V = Verdict

BEFORE_THE_REQUEST = (
    both("name unknown", _V.SAFE, Peer.hold, reach="unknown name", reason="dns"),
    both(
        "resolver silent",
        _V.SAFE,
        Peer.hold,
        reach="silent resolver",
        slow="reach",
        reason="dns_timeout",
    ),
    both("refused", _V.SAFE, Peer.hold, reach="nobody there", reason="refused"),
    both(
        "connect timeout",
        _V.SAFE,
        Peer.hold,
        reach="queue full",
        slow="reach",
        reason="connect_timeout",
    ),
    both(
        "no time left",
        _V.SAFE,
        answer(200, CREATED),
        time_left=0.0,
        reason="deadline_before_send",
    ),
    Fault(
        "time runs out in the handshake",
        _V.UNCERTAIN,
        _V.SAFE,
        late_handshake,
        handshake=False,
        time_left=0.2,
    ),
    both("key unreadable", _V.KEY_REFUSED, Peer.hold, key=None),
    both("key malformed", _V.KEY_REFUSED, Peer.hold, key="two\nlines"),
    Fault(
        "reset before the handshake",
        _V.UNCERTAIN,
        _V.SAFE,
        reset_unread,
        handshake=False,
    ),
    Fault("FIN on accept", _V.UNCERTAIN, _V.SAFE, unread(), handshake=False),
    Fault(
        "silent on accept",
        _V.UNCERTAIN,
        _V.SAFE,
        Peer.hold,
        handshake=False,
        slow="reach",
    ),
    Fault(
        "garbage on accept",
        _V.UNCERTAIN,
        _V.SAFE,
        unread(b"\x00\x01 what\r\n\r\n"),
        handshake=False,
    ),
    Fault(
        "handshake drips",
        _V.UNCERTAIN,
        _V.SAFE,
        unread(b"\x16\x03\x03\x40\x00" + b"\x02" * 60, drip=True),
        handshake=False,
        slow="reach",
    ),
    Fault(
        "reset in the handshake",
        _V.UNCERTAIN,
        _V.SAFE,
        after_first_bytes(Peer.reset),
        handshake=False,
    ),
    Fault(
        "FIN in the handshake",
        _V.UNCERTAIN,
        _V.SAFE,
        after_first_bytes(Peer.finish),
        handshake=False,
    ),
    *(
        Fault(
            f"certificate {which}",
            _V.UNCERTAIN,  # http to a TLS port: the request went out before that shows
            _V.CONFIGURATION,
            answer(200, CREATED),
            certificate=which,
        )
        for which in ("untrusted", "expired", "wrong_name")
    ),
)

AFTER_THE_FIRST_BYTE = (
    both("reset, nothing read", _V.UNCERTAIN, reset_unread),
    both("FIN, nothing read", _V.UNCERTAIN, unread()),
    both("reset after the head", _V.UNCERTAIN, after_head(Peer.reset)),
    both("reset after the request", _V.UNCERTAIN, raw(b"", then=Peer.reset)),
    both("FIN after the request", _V.UNCERTAIN, raw(b""), reason="closed"),
    both(
        "silence after the request",
        _V.UNCERTAIN,
        raw(b"", then=Peer.hold),
        slow="read",
        reason="read_timeout",
    ),
    both("FIN in the status line", _V.UNCERTAIN, raw(b"HTTP/1.1 20")),
    both(
        "FIN in mid-headers",
        _V.UNCERTAIN,
        raw(OK_HEAD + b"X-Request-Id: 12"),
        reason="truncated",
    ),
    both("FIN between headers", _V.UNCERTAIN, raw(OK_HEAD), reason="truncated"),
    both("FIN in the headers of a 429", _V.UNCERTAIN, raw(b"HTTP/1.1 429 X\r\nA: b")),
    both("reset in mid-headers", _V.UNCERTAIN, raw(OK_HEAD, then=Peer.reset)),
    both(
        "silence in mid-headers",
        _V.UNCERTAIN,
        raw(OK_HEAD, then=Peer.hold),
        slow="read",
    ),
    both(
        "headers drip",
        _V.UNCERTAIN,
        raw(OK_HEAD + b"X-Padding: " + b"x" * 100, drip=True),
        slow="read",
        reason="deadline",
    ),
    both("not HTTP", _V.UNCERTAIN, raw(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")),
    both("HTTP/2 preface", _V.UNCERTAIN, raw(b"PRI * HTTP/2.0\r\n\r\n")),
    both(
        "garbage header",
        _V.UNCERTAIN,
        raw(OK_HEAD + b"no colon here\r\nContent-Length: 2\r\n\r\n{}"),
        reason="bad_headers",
    ),
    both(
        "two lengths",
        _V.UNCERTAIN,
        answer(200, CREATED, "Content-Length: 5"),
        reason="bad_headers",
    ),
    both(
        "length and chunks",
        _V.UNCERTAIN,
        raw(chunked(CREATED).replace(b"\r\n", b"\r\nContent-Length: 9\r\n", 1)),
        reason="bad_headers",
    ),
    both("negative length", _V.UNCERTAIN, raw(OK_HEAD + b"Content-Length: -5\r\n\r\n")),
    both(
        "150 headers",
        _V.UNCERTAIN,
        answer(200, CREATED, *(f"X-{number}: x" for number in range(150))),
        reason="bad_headers",
    ),
    both(
        "70 kB header line",
        _V.UNCERTAIN,
        answer(200, CREATED, "X-Long: " + "x" * 70_000),
        reason="bad_headers",
    ),
    both("103 as the end", _V.UNCERTAIN, raw(b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    both("100 and FIN", _V.UNCERTAIN, raw(b"HTTP/1.1 100 Continue\r\n\r\n")),
    both(
        "100 for ever",
        _V.UNCERTAIN,
        raw(b"HTTP/1.1 100 Continue\r\n\r\n", then=Peer.hold),
        slow="read",
    ),
)

BY_STATUS = (
    *(
        both(f"{status}", _V.UNCERTAIN, answer(status, b'{"code":"X"}'))
        for status in (202, 203, 206, 402, 408, 418, 500, 502, 503, 504, 520, 599)
    ),
    both("600", _V.UNCERTAIN, answer(600, b"{}")),
    both("999", _V.UNCERTAIN, answer(999, b"{}")),
    both("204", _V.UNCERTAIN, raw(b"HTTP/1.1 204 No Content\r\n\r\n")),
    both("503 with Retry-After", _V.UNCERTAIN, answer(503, b"{}", "Retry-After: 1")),
    *(
        both(
            f"{status}",
            _V.CONFIGURATION,
            answer(status, b"", "Location: http://127.0.0.1:9/elsewhere"),
            reason="redirect",
        )
        for status in (301, 302, 303, 307, 308)
    ),
    both("304", _V.CONFIGURATION, raw(b"HTTP/1.1 304 Not Modified\r\n\r\n")),
    *(
        both(f"{status}", _V.CONFIGURATION, answer(status, b'{"code":"NOT_FOUND"}'))
        for status in (404, 405, 410, 415, 501)
    ),
    both("404 web page", _V.CONFIGURATION, answer(404, WEB_PAGE)),
    both("401", _V.KEY_REFUSED, answer(401, b'{"code":"UNAUTHORIZED"}')),
    both("401 empty", _V.KEY_REFUSED, answer(401)),
    both("403", _V.KEY_REFUSED, answer(403, b'{"code":"FORBIDDEN"}')),
    both("403 v2", _V.KEY_REFUSED, answer(403, b'{"error":{"code":"FORBIDDEN"}}')),
    both("403 web page", _V.FIREWALL, answer(403, WEB_PAGE)),
    both("400 web page", _V.FIREWALL, answer(400, WEB_PAGE)),
    both("400", _V.REFUSED, answer(400, REFUSED_V1)),
    both("400 v2", _V.REFUSED, answer(400, b'{"error":' + REFUSED_V1 + b"}")),
    both("400 empty", _V.REFUSED, answer(400)),
    both("409", _V.REFUSED, answer(409, b'{"code":"CONFLICT"}'), reason="conflict"),
    *(
        both(f"{status}", _V.REFUSED, answer(status, REFUSED_V1))
        for status in (413, 414, 422, 431)
    ),
    both("425", _V.RATE_LIMITED, answer(425, b"{}")),
    both("429", _V.RATE_LIMITED, answer(429, b'{"code":"TOO_MANY_REQUESTS"}')),
    both("429 with Retry-After", _V.RATE_LIMITED, answer(429, b"", "Retry-After: 7")),
    both("429 web page", _V.RATE_LIMITED, answer(429, WEB_PAGE, "RateLimit-Reset: 9")),
)

BODY_OF_A_200 = (
    both("200", _V.CREATED, answer(200, CREATED)),
    both("201", _V.CREATED, answer(201, CREATED)),
    both(
        "200 after 100",
        _V.CREATED,
        raw(b"HTTP/1.1 100 Continue\r\n\r\n" + message(200, CREATED)),
    ),
    both("200 in chunks", _V.CREATED, raw(chunked(CREATED))),
    both("200 up to FIN", _V.CREATED, raw(OK_HEAD + b"\r\n" + CREATED)),
    both(
        "200 in gzip",
        _V.CREATED,
        answer(200, gzip.compress(CREATED), "Content-Encoding: gzip"),
    ),
    both("200 without number", _V.CREATED, answer(200, b'{"id":"clt_1"}')),
    both("200 with more keys", _V.CREATED, answer(200, CREATED[:-1] + b',"x":[{}]}')),
    both(
        "200 truncated",
        _V.UNCERTAIN,
        raw(LONG_BODY_HEAD + CREATED),
        reason="truncated",
    ),
    both("200 reset in the body", _V.UNCERTAIN, raw(LONG_BODY_HEAD, then=Peer.reset)),
    both("200 chunks truncated", _V.UNCERTAIN, raw(chunked(CREATED, end=b""))),
    both("200 bad chunk size", _V.UNCERTAIN, raw(chunked(CREATED, end=b"zz\r\n"))),
    both("200 FIN in the JSON", _V.UNCERTAIN, raw(OK_HEAD + b"\r\n" + CREATED[:30])),
    both(
        "200 stalls",
        _V.UNCERTAIN,
        raw(LONG_BODY_HEAD + CREATED, then=Peer.hold),
        slow="read",
        reason="read_timeout",
    ),
    both(
        "200 drips",
        _V.UNCERTAIN,
        raw(LONG_BODY_HEAD + CREATED, drip=True),
        slow="read",
        reason="deadline",
    ),
    both("200 empty", _V.UNCERTAIN, answer(200), reason="not_json"),
    both("200 not JSON", _V.UNCERTAIN, answer(200, b"done"), reason="not_json"),
    both("200 web page", _V.UNCERTAIN, answer(200, WEB_PAGE), reason="not_json"),
    both("200 not UTF-8", _V.UNCERTAIN, answer(200, b'{"id":"\xff\xfe"}')),
    both("200 a list", _V.UNCERTAIN, answer(200, b"[" + CREATED + b"]")),
    both(
        "200 bad gzip",
        _V.UNCERTAIN,
        answer(200, CREATED, "Content-Encoding: gzip"),
        reason="bad_encoding",
    ),
    both("200 deep", _V.UNCERTAIN, answer(200, b"[" * 200_000), reason="not_json"),
    both(
        "200 over 1 MiB",
        _V.UNCERTAIN,
        answer(200, CREATED + b" " * (1 << 20)),
        reason="too_big",
    ),
    both(
        "200 gzip bomb",
        _V.UNCERTAIN,
        answer(
            200, gzip.compress(CREATED + b" " * (1 << 24)), "Content-Encoding: gzip"
        ),
        reason="too_big",
    ),
    both("200 without id", _V.UNCERTAIN, answer(200, b"{}"), reason="no_id"),
    both("200 id a number", _V.UNCERTAIN, answer(200, b'{"id":7}'), reason="no_id"),
    both("200 id empty", _V.UNCERTAIN, answer(200, b'{"id":""}'), reason="no_id"),
    both("200 an error", _V.UNCERTAIN, answer(200, REFUSED_V1), reason="no_id"),
)

FAULTS = BEFORE_THE_REQUEST + AFTER_THE_FIRST_BYTE + BY_STATUS + BODY_OF_A_200


@dataclass
class Summary:
    """The figures of one run over the whole table."""

    rows: list[Row] = field(default_factory=list)

    def lines(self) -> Iterator[str]:
        for row in self.rows:
            marks = {
                "WRONG CLASS": row.wrong_class,
                "SENT UNNOTICED": row.sent_unnoticed,
                "LATE": row.late,
            }
            bad = " ".join(mark for mark, there in marks.items() if there)
            if bad:
                got = f"{row.outcome.verdict} ({row.outcome.reason})"
                yield f"{row.fault.name} [{row.scheme}]: {bad}, got {got}"
        slowest = max(row.outcome.duration - row.allowed for row in self.rows)
        yield f"faults                         {len(FAULTS)} x {len(SCHEMES)} schemes"
        yield f"wrong class                    {self.count('wrong_class')}"
        yield f"nothing sent while bytes were  {self.count('sent_unnoticed')}"
        yield f"later than total + {GRACE} s       {self.count('late')}"
        yield f"slowest against its total      {slowest:+.2f} s"

    def count(self, what: str) -> int:
        return sum(bool(getattr(row, what)) for row in self.rows)


def main() -> int:
    """Run the table, print it, and return 1 when anything in it is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        certificates = make_certificates(Path(folder))
        summary = Summary(
            [run(fault, scheme, certificates) for scheme in SCHEMES for fault in FAULTS]
        )
    sys.stdout.write("\n".join(summary.lines()) + "\n")
    bad = sum(map(summary.count, ("wrong_class", "sent_unnoticed", "late")))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
