"""The scripted faults: every way in which a remote can fail to answer plainly.

A rule in the queue says which fault, how often and for whom; the first rule that fits
a call and fires is played. `REGISTRY` names each fault and what it does.
"""

from __future__ import annotations

import enum
import hashlib
import json
import random
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from heffl_sandbox.wire import Connection, Response, head_bytes, json_response

MAX_SECONDS = 600.0
_MAX_HELD = 48  # of the server's threads, so that some always stay free


class BadFault(ValueError):
    """A rule that cannot be taken; the message says why in plain words."""


class Stage(enum.Enum):
    """How much of the request is read before the fault happens."""

    BEFORE_READING = "before_reading"
    AFTER_HEADERS = "after_headers"
    AFTER_BODY = "after_body"


class Exchange:
    """What a fault works with: the connection, its parameters, the proper answer."""

    def __init__(
        self,
        connection: Connection,
        params: Mapping[str, object],
        answer: Callable[[], Response | None],
        stopping: threading.Event,
        slots: threading.Semaphore,
    ) -> None:
        self.connection = connection
        self._params = params
        self._answer = answer
        self._stopping = stopping
        self._slots = slots

    def number(self, name: str) -> float:
        """Return a numeric parameter."""
        value = self._params[name]
        return value if isinstance(value, int | float) else 0

    def text(self, name: str) -> str:
        """Return a text parameter."""
        return str(self._params[name])

    def headers(self) -> dict[str, str]:
        """Return the parameter `headers`: extra header lines, in order."""
        value = self._params["headers"]
        return dict(value) if isinstance(value, dict) else {}

    def proper(self) -> Response:
        """Return the answer of a working Heffl; 504 when the call is not let in."""
        return self._answer() or _json_error(504, "Gateway timeout")

    def success(self) -> dict[str, object]:
        """Return the body of a successful create, made up when there was none."""
        response = self._answer()
        if response is not None and response.status == 200:
            value = json.loads(response.body)
            if isinstance(value, dict):
                return value
        return {
            "id": f"clt_{secrets.token_hex(12)}",
            "number": "CLT-99999",
            "name": "Nobody",
            "type": "company",
            "createdAt": "2023-11-07T05:31:56Z",
        }

    def happen(self) -> None:
        """Do what the call asks for where the answer itself is not needed."""
        self._answer()

    def hold(self, seconds: float) -> None:
        """Keep the peer waiting without a word."""
        if self._slots.acquire(blocking=False):
            try:
                self.connection.hold(min(seconds, MAX_SECONDS))
            finally:
                self._slots.release()

    def sleep(self, seconds: float) -> None:
        """Wait, unless the sandbox is being stopped."""
        self._stopping.wait(min(seconds, MAX_SECONDS))

    def drip(self, data: bytes) -> None:
        """Send a few bytes at a time: `chunk` bytes every `interval` seconds."""
        end = time.monotonic() + min(self.number("seconds"), MAX_SECONDS)
        step = max(1, int(self.number("chunk")))
        for start in range(0, len(data), step):
            if self._stopping.is_set() or time.monotonic() > end:
                return
            self.connection.send(data[start : start + step])
            self.sleep(self.number("interval"))


Play = Callable[[Exchange], int | None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of the registry.

    `creates` says whether the client comes into being unless a rule says otherwise;
    None: it cannot, the request is not read. `params` holds the defaults.
    """

    name: str
    summary: str
    stage: Stage
    creates: bool | None
    params: Mapping[str, object]
    play: Play


REGISTRY: dict[str, Fault] = {}


def _fault(
    name: str,
    summary: str,
    *,
    creates: bool | None = False,
    stage: Stage = Stage.AFTER_BODY,
    **params: object,
) -> Callable[[Play], Play]:
    def register(play: Play) -> Play:
        REGISTRY[name] = Fault(name, summary, stage, creates, params, play)
        return play

    return register


def _json_error(status: int, message: str, code: str = "") -> Response:
    body = {"code": code or _CODES.get(status, f"HTTP_{status}"), "message": message}
    return json_response(status, body)


def _html_error(status: int, message: str) -> Response:
    body = f"<html><body><h1>{status}</h1><p>{message}</p></body></html>"
    return Response(status, body.encode(), "text/html; charset=utf-8")


_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
}


def _send(exchange: Exchange, response: Response) -> int:
    exchange.connection.answer(response)
    return response.status


@_fault("none", "Answers as usual; for gaps in a script.", creates=True)
def _none(exchange: Exchange) -> int:
    return _send(exchange, exchange.proper())


@_fault(
    "status",
    "Answers with any status; body is json, html, empty or raw.",
    status=500,
    body="json",
    message="Something went wrong",
    code="",
    raw="",
    content_type="application/json",
    headers={},
)
def _status(exchange: Exchange) -> int:
    exchange.happen()
    status, kind = int(exchange.number("status")), exchange.text("body")
    message = exchange.text("message")
    if kind == "html":
        response = _html_error(status, message)
    elif kind == "json":
        response = _json_error(status, message, exchange.text("code"))
    else:
        raw = exchange.text("raw") if kind == "raw" else ""
        response = Response(status, raw.encode(), exchange.text("content_type"))
    response.headers.update(exchange.headers())
    return _send(exchange, response)


def _register_statuses() -> None:
    shorthands: tuple[tuple[str, int, str, str, str], ...] = (
        ("unauthorized", 401, "json", "Invalid API key", "401 as for a bad key."),
        ("forbidden", 403, "json", "Not allowed", "403 with a JSON code."),
        ("forbidden_html", 403, "html", "Request blocked", "403 of a firewall."),
        ("bad_request_html", 400, "html", "Bad request", "400 of a firewall."),
        ("server_error", 500, "json", "Internal server error", "500 in JSON."),
        ("bad_gateway", 502, "html", "Bad gateway", "502 of a proxy, in HTML."),
        ("unavailable", 503, "html", "Try again later", "503 of a proxy, in HTML."),
        ("gateway_timeout", 504, "html", "Timed out", "504 of a proxy, in HTML."),
        ("rate_limited_bare", 429, "json", "Too many", "429 without any header."),
        ("accepted", 202, "json", "Queued", "202: taken in, no client named."),
        ("no_content", 204, "empty", "", "204 and an empty body."),
    )
    for name, status, body, message, summary in shorthands:
        defaults = REGISTRY["status"].params
        params = {**defaults, "status": status, "body": body, "message": message}
        REGISTRY[name] = Fault(name, summary, Stage.AFTER_BODY, False, params, _status)


_register_statuses()


@_fault(
    "rate_limited",
    "429 with RateLimit headers; an empty parameter leaves its header out.",
    limit="60",
    remaining="0",
    reset="5",
    retry_after="",
)
def _rate_limited(exchange: Exchange) -> int:
    exchange.happen()
    names = {
        "RateLimit-Limit": "limit",
        "RateLimit-Remaining": "remaining",
        "RateLimit-Reset": "reset",
        "Retry-After": "retry_after",
    }
    response = _json_error(429, "Rate limit exceeded")
    values = {header: exchange.text(param) for header, param in names.items()}
    response.headers = {header: value for header, value in values.items() if value}
    return _send(exchange, response)


@_fault(
    "redirect",
    "Sends the caller elsewhere: status 301, 302, 303, 307 or 308.",
    status=307,
    location="http://127.0.0.1:9/elsewhere",
)
def _redirect(exchange: Exchange) -> int:
    exchange.happen()
    status = int(exchange.number("status"))
    return _send(
        exchange, Response(status, headers={"Location": exchange.text("location")})
    )


@_fault("early_hints", "103 first, then the usual answer.", creates=True)
def _early_hints(exchange: Exchange) -> int:
    response = exchange.proper()
    exchange.connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    return _send(exchange, response)


@_fault(
    "reset_before_reading",
    "Resets the connection without reading a byte.",
    stage=Stage.BEFORE_READING,
    creates=None,
)
@_fault(
    "reset_after_headers",
    "Reads the headers, not the body, then resets.",
    stage=Stage.AFTER_HEADERS,
    creates=None,
)
def _reset_early(exchange: Exchange) -> None:
    exchange.connection.reset()


@_fault("reset_after_body", "Reads all of the request, then resets.")
def _reset_after_body(exchange: Exchange) -> None:
    exchange.happen()
    exchange.connection.reset()


@_fault("fin_without_answer", "Reads all of the request, then closes in order.")
def _fin_without_answer(exchange: Exchange) -> None:
    exchange.happen()


@_fault("fin_in_headers", "Closes in the middle of the answer's headers.", creates=True)
def _fin_in_headers(exchange: Exchange) -> int:
    response = exchange.proper()
    head = head_bytes(response)
    exchange.connection.send(head[: head.index(b"Server:") + 9])
    return response.status


@_fault("truncated_body", "Closes in the middle of the answer's body.", creates=True)
def _truncated_body(exchange: Exchange) -> int:
    return _send_half(exchange)


def _send_half(exchange: Exchange) -> int:
    response = json_response(200, exchange.success())
    half = response.body[: len(response.body) // 2]
    exchange.connection.send(head_bytes(response) + half)
    return response.status


@_fault(
    "stalled_body",
    "Sends half of the answer's body, then nothing more.",
    creates=True,
    seconds=60.0,
)
def _stalled_body(exchange: Exchange) -> int:
    status = _send_half(exchange)
    exchange.hold(exchange.number("seconds"))
    return status


@_fault(
    "dripping_headers",
    "Sends the headers a few bytes at a time.",
    creates=True,
    interval=0.2,
    chunk=1,
    seconds=120.0,
)
def _dripping_headers(exchange: Exchange) -> int:
    response = exchange.proper()
    exchange.drip(head_bytes(response) + response.body)
    return response.status


@_fault(
    "dripping_body",
    "Sends the body a few bytes at a time.",
    creates=True,
    interval=0.2,
    chunk=1,
    seconds=120.0,
)
def _dripping_body(exchange: Exchange) -> int:
    response = exchange.proper()
    exchange.connection.send(head_bytes(response))
    exchange.drip(response.body)
    return response.status


@_fault("stall", "Reads the request and never answers.", seconds=60.0)
def _stall(exchange: Exchange) -> None:
    exchange.happen()
    exchange.hold(exchange.number("seconds"))


@_fault("slow", "Answers as usual, only late.", creates=True, seconds=5.0)
def _slow(exchange: Exchange) -> int:
    response = exchange.proper()
    exchange.sleep(exchange.number("seconds"))
    return _send(exchange, response)


@_fault("garbage", "Answers with bytes that are not HTTP.", creates=True)
def _garbage(exchange: Exchange) -> None:
    exchange.happen()
    exchange.connection.send(b"\x16\x03\x01\x00\x00 not http at all \xff\xfe\r\n\r\n")


def _broken(exchange: Exchange, body: bytes, **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return _send(exchange, Response(200, body, headers=named))


@_fault("not_json", "200 with a body that is no JSON.", creates=True)
def _not_json(exchange: Exchange) -> int:
    exchange.happen()
    return _broken(exchange, b'{"id": "clt_1", "number":')


@_fault("json_list", "200 with a JSON list.", creates=True)
def _json_list(exchange: Exchange) -> int:
    return _send(exchange, json_response(200, [exchange.success()]))


@_fault("empty_body", "200 with an empty body.", creates=True)
def _empty_body(exchange: Exchange) -> int:
    exchange.happen()
    return _broken(exchange, b"")


@_fault("bad_gzip", "200 that claims gzip and is not.", creates=True)
def _bad_gzip(exchange: Exchange) -> int:
    exchange.happen()
    body = b"\x1f\x8b\x08\x00" + b"no gzip" * 10
    return _broken(exchange, body, Content_Encoding="gzip")


@_fault(
    "deeply_nested",
    "200 with brackets 200,000 levels deep.",
    creates=True,
    levels=200_000,
)
def _deeply_nested(exchange: Exchange) -> int:
    exchange.happen()
    levels = min(int(exchange.number("levels")), 2_000_000)
    return _broken(exchange, b"[" * levels + b"]" * levels)


@_fault("huge_body", "200 with a body over 1 MiB.", creates=True, size=(1 << 20) + 1024)
def _huge_body(exchange: Exchange) -> int:
    size = min(int(exchange.number("size")), 64 << 20)
    return _send(exchange, json_response(200, exchange.success() | {"pad": "x" * size}))


@_fault("no_id", "200 without an id.", creates=True)
def _no_id(exchange: Exchange) -> int:
    body = exchange.success()
    del body["id"]
    return _send(exchange, json_response(200, body))


@_fault("no_number", "200 without a number; the id is right.", creates=True)
def _no_number(exchange: Exchange) -> int:
    body = exchange.success()
    body.pop("number", None)
    return _send(exchange, json_response(200, body))


@_fault("many_headers", "200 with 150 headers more.", creates=True, count=150)
def _many_headers(exchange: Exchange) -> int:
    response = exchange.proper()
    count = min(int(exchange.number("count")), 10_000)
    response.headers.update({f"X-Pad-{number}": "x" for number in range(count)})
    return _send(exchange, response)


@_fault(
    "long_header", "200 with one header of 70,000 bytes.", creates=True, size=70_000
)
def _long_header(exchange: Exchange) -> int:
    response = exchange.proper()
    size = min(int(exchange.number("size")), 10_000_000)
    response.headers["X-Pad"] = "x" * size
    return _send(exchange, response)


@_fault(
    "conflicting_length", "200 with two unlike Content-Length headers.", creates=True
)
def _conflicting_length(exchange: Exchange) -> int:
    response = exchange.proper()
    response.headers["Content-Length"] = str(len(response.body) + 10)
    return _send(exchange, response)


@dataclass(slots=True, eq=False)
class Rule:
    """One entry of the queue: which fault, for which calls, how often.

    `count` None is for ever; `every` n fires on each n-th fitting call, `probability`
    by the seeded dice; `created` overrides what the fault does by itself.
    """

    fault: Fault
    params: Mapping[str, object]
    count: int | None
    method: str
    path: str
    workspace: str
    key_digest: str
    creates: bool
    every: int
    probability: float
    dice: random.Random
    fitting: int = 0
    fired: int = 0

    def fits(self, method: str, path: str, workspaces: set[str], digest: str) -> bool:
        """Say whether a call is one of those that the rule is for."""
        return (
            self.method in ("*", method)
            and path.startswith(self.path)
            and (not self.workspace or self.workspace in workspaces)
            and self.key_digest in ("", digest)
        )

    def fires(self) -> bool:
        """Count one fitting call and say whether it gets the fault."""
        self.fitting += 1
        if self.fitting % self.every or self.dice.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def left(self) -> int | None:
        """Return how often the rule still fires; None is for ever."""
        return None if self.count is None else self.count - self.fired

    def as_json(self) -> dict[str, object]:
        """Show the rule, without the key it may be for."""
        return {
            "fault": self.fault.name,
            "params": dict(self.params),
            "left": self.left(),
            "fired": self.fired,
            "method": self.method,
            "path": self.path,
            "workspace": self.workspace,
            "created": self.creates,
            "every": self.every,
            "probability": self.probability,
        }


def read_rule(value: object) -> Rule:
    """Read {"fault", "count", "params", "method", …}; BadFault when it makes no sense."""
    if not isinstance(value, dict):
        raise BadFault("A fault is an object.")
    unknown = set(value) - _RULE_KEYS
    if unknown:
        raise BadFault(f"A fault has no {min(map(str, unknown))!r}.")
    fault = REGISTRY.get(str(value.get("fault")))
    if fault is None:
        raise BadFault(f"There is no fault {value.get('fault')!r}.")
    created = value.get("created", fault.creates)
    if created not in (True, False, None):
        raise BadFault("created is true or false.")
    if created and fault.creates is None:
        raise BadFault(f"{fault.name} cannot create: the request is not read.")
    count, every = value.get("count", 1), value.get("every", 1)
    if count is not None and not _is_whole(count):
        raise BadFault("count is a whole number from 1, or null for ever.")
    if not _is_whole(every):
        raise BadFault("every is a whole number from 1.")
    chance = value.get("probability", 1.0)
    if isinstance(chance, bool) or not isinstance(chance, int | float):
        raise BadFault("probability is a number.")
    key = value.get("key")
    digest = hashlib.sha256(str(key).encode()).hexdigest() if key else ""
    return Rule(
        fault=fault,
        params=_read_params(fault, value.get("params", {})),
        count=count,
        method=str(value.get("method", "POST")).upper(),
        path=str(value.get("path", "")),
        workspace=str(value.get("workspace") or ""),
        key_digest=digest,
        creates=bool(created),
        every=every,
        probability=float(chance),
        dice=random.Random(str(value.get("seed", 0))),  # noqa: S311 - repeatable dice
    )


_RULE_KEYS = frozenset(
    ("fault", "count", "params", "method", "path", "workspace", "key")
    + ("created", "every", "probability", "seed")
)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _read_params(fault: Fault, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BadFault("params is an object.")
    for name, given in value.items():
        if name not in fault.params:
            raise BadFault(f"{fault.name} has no parameter {name!r}.")
        default = fault.params[name]
        wanted = (int, float) if isinstance(default, int | float) else (type(default),)
        if not isinstance(given, wanted) or isinstance(given, bool):
            raise BadFault(f"{name} is not of the right kind for {fault.name}.")
    return {**fault.params, **value}


@dataclass(slots=True)
class FaultQueue:
    """The rules of a running sandbox, in the order in which they were pushed."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rules: list[Rule] = field(default_factory=list)

    def waiting(self) -> bool:
        """Say whether any rule could still fire."""
        return bool(self._rules)

    def push(self, rules: list[Rule]) -> None:
        """Add rules behind those that wait."""
        with self._lock:
            self._rules.extend(rules)

    def clear(self) -> None:
        """Drop every rule."""
        with self._lock:
            self._rules.clear()

    def take(
        self, method: str, path: str, workspaces: set[str], digest: str
    ) -> Rule | None:
        """Return the first rule that fits this call and fires, counting it."""
        with self._lock:
            for rule in self._rules:
                if rule.fits(method, path, workspaces, digest) and rule.fires():
                    if rule.left() == 0:
                        self._rules.remove(rule)
                    return rule
        return None

    def as_json(self) -> list[dict[str, object]]:
        """Show the rules that wait."""
        with self._lock:
            return [rule.as_json() for rule in self._rules]


def describe() -> list[dict[str, object]]:
    """Show the registry: name, summary, stage, whether it creates, parameters."""
    return [
        {
            "name": fault.name,
            "summary": fault.summary,
            "stage": fault.stage.value,
            "created": fault.creates,
            "params": dict(fault.params),
        }
        for fault in REGISTRY.values()
    ]
