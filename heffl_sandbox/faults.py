"""The scripted faults: every way in which a remote can fail to answer plainly.

`REGISTRY` names each fault, what it does and its parameters; `script` decides who
gets it.
"""

from __future__ import annotations

import enum
import json
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from heffl_sandbox.wire import Connection, Response, head_bytes, json_response

MAX_SECONDS = 600.0


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
        report: Callable[[int], None],
        stopping: threading.Event,
        slots: threading.Semaphore,
    ) -> None:
        self.connection = connection
        self._params = params
        self._answer = answer
        self._report = report
        self._stopping = stopping
        self._slots = slots

    def number(self, name: str) -> float:
        """Return a parameter as a number, 0 for what is none. Raises KeyError."""
        value = self._params[name]
        return value if isinstance(value, int | float) else 0

    def text(self, name: str) -> str:
        """Return a parameter as text. Raises KeyError."""
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

    def send(self, response: Response) -> None:
        """Send a whole answer, and have the log know its status."""
        self._report(response.status)
        self.connection.answer(response)

    def send_part(self, response: Response, end: int) -> None:
        """Send the answer's bytes up to `end`, which counts like a slice."""
        self._report(response.status)
        data = head_bytes(response) + response.body
        self.connection.send(data[:end])

    def hold(self, seconds: float) -> None:
        """Keep the peer waiting without a word, for ten minutes at most.

        Does not wait when the sandbox keeps as many waiting already as it can bear.
        """
        if self._slots.acquire(blocking=False):
            try:
                self.connection.hold(min(seconds, MAX_SECONDS))
            finally:
                self._slots.release()

    def sleep(self, seconds: float) -> None:
        """Wait for ten minutes at most, and no longer once the sandbox is being stopped."""
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


Play = Callable[[Exchange], None]


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


@_fault("none", "Answers as usual; for gaps in a script.", creates=True)
def _none(exchange: Exchange) -> None:
    exchange.send(exchange.proper())


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
def _status(exchange: Exchange) -> None:
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
    exchange.send(response)


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
def _rate_limited(exchange: Exchange) -> None:
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
    exchange.send(response)


@_fault(
    "redirect",
    "Sends the caller elsewhere: status 301, 302, 303, 307 or 308.",
    status=307,
    location="http://127.0.0.1:9/elsewhere",
)
def _redirect(exchange: Exchange) -> None:
    exchange.happen()
    status = int(exchange.number("status"))
    exchange.send(Response(status, headers={"Location": exchange.text("location")}))


@_fault("early_hints", "103 first, then the usual answer.", creates=True)
def _early_hints(exchange: Exchange) -> None:
    response = exchange.proper()
    exchange.connection.send(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    exchange.send(response)


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
def _fin_in_headers(exchange: Exchange) -> None:
    response = exchange.proper()
    exchange.send_part(response, head_bytes(response).index(b"Server:") + 9)


@_fault("truncated_body", "Closes in the middle of the answer's body.", creates=True)
def _truncated_body(exchange: Exchange) -> None:
    _send_half(exchange)


def _send_half(exchange: Exchange) -> None:
    response = json_response(200, exchange.success())
    exchange.send_part(response, -len(response.body) // 2)


@_fault(
    "stalled_body",
    "Sends half of the answer's body, then nothing more.",
    creates=True,
    seconds=60.0,
)
def _stalled_body(exchange: Exchange) -> None:
    _send_half(exchange)
    exchange.hold(exchange.number("seconds"))


@_fault(
    "dripping_headers",
    "Sends the headers a few bytes at a time.",
    creates=True,
    interval=0.2,
    chunk=1,
    seconds=120.0,
)
def _dripping_headers(exchange: Exchange) -> None:
    response = exchange.proper()
    exchange.send_part(response, 0)
    exchange.drip(head_bytes(response) + response.body)


@_fault(
    "dripping_body",
    "Sends the body a few bytes at a time.",
    creates=True,
    interval=0.2,
    chunk=1,
    seconds=120.0,
)
def _dripping_body(exchange: Exchange) -> None:
    response = exchange.proper()
    exchange.send_part(response, len(head_bytes(response)))
    exchange.drip(response.body)


@_fault("stall", "Reads the request and never answers.", seconds=60.0)
def _stall(exchange: Exchange) -> None:
    exchange.happen()
    exchange.hold(exchange.number("seconds"))


@_fault("slow", "Answers as usual, only late.", creates=True, seconds=5.0)
def _slow(exchange: Exchange) -> None:
    response = exchange.proper()
    exchange.sleep(exchange.number("seconds"))
    exchange.send(response)


@_fault("garbage", "Answers with bytes that are not HTTP.", creates=True)
def _garbage(exchange: Exchange) -> None:
    exchange.happen()
    exchange.connection.send(b"\x16\x03\x01\x00\x00 not http at all \xff\xfe\r\n\r\n")


def _broken(exchange: Exchange, body: bytes, **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    exchange.send(Response(200, body, headers=named))


@_fault("not_json", "200 with a body that is no JSON.", creates=True)
def _not_json(exchange: Exchange) -> None:
    exchange.happen()
    _broken(exchange, b'{"id": "clt_1", "number":')


@_fault("json_list", "200 with a JSON list.", creates=True)
def _json_list(exchange: Exchange) -> None:
    exchange.send(json_response(200, [exchange.success()]))


@_fault("empty_body", "200 with an empty body.", creates=True)
def _empty_body(exchange: Exchange) -> None:
    exchange.happen()
    _broken(exchange, b"")


@_fault("bad_gzip", "200 that claims gzip and is not.", creates=True)
def _bad_gzip(exchange: Exchange) -> None:
    exchange.happen()
    body = b"\x1f\x8b\x08\x00" + b"no gzip" * 10
    _broken(exchange, body, Content_Encoding="gzip")


@_fault(
    "deeply_nested",
    "200 with brackets 200,000 levels deep.",
    creates=True,
    levels=200_000,
)
def _deeply_nested(exchange: Exchange) -> None:
    exchange.happen()
    levels = min(int(exchange.number("levels")), 2_000_000)
    _broken(exchange, b"[" * levels + b"]" * levels)


@_fault("huge_body", "200 with a body over 1 MiB.", creates=True, size=(1 << 20) + 1024)
def _huge_body(exchange: Exchange) -> None:
    size = min(int(exchange.number("size")), 64 << 20)
    exchange.send(json_response(200, exchange.success() | {"pad": "x" * size}))


@_fault("no_id", "200 without an id.", creates=True)
def _no_id(exchange: Exchange) -> None:
    body = exchange.success()
    del body["id"]
    exchange.send(json_response(200, body))


@_fault("no_number", "200 without a number; the id is right.", creates=True)
def _no_number(exchange: Exchange) -> None:
    body = exchange.success()
    body.pop("number", None)
    exchange.send(json_response(200, body))


@_fault("many_headers", "200 with 150 headers more.", creates=True, count=150)
def _many_headers(exchange: Exchange) -> None:
    response = exchange.proper()
    count = min(int(exchange.number("count")), 10_000)
    response.headers.update({f"X-Pad-{number}": "x" for number in range(count)})
    exchange.send(response)


@_fault(
    "long_header", "200 with one header of 70,000 bytes.", creates=True, size=70_000
)
def _long_header(exchange: Exchange) -> None:
    response = exchange.proper()
    size = min(int(exchange.number("size")), 10_000_000)
    response.headers["X-Pad"] = "x" * size
    exchange.send(response)


@_fault(
    "conflicting_length", "200 with two unlike Content-Length headers.", creates=True
)
def _conflicting_length(exchange: Exchange) -> None:
    response = exchange.proper()
    response.headers["Content-Length"] = str(len(response.body) + 10)
    exchange.send(response)


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
