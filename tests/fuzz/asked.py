"""One request before it is bytes: something that can be bent, printed, kept and sent again.

Texts may hold ⟦names⟧ of things that differ from run to run: keys of rows, tokens, secrets.
They are put in when the request is sent, so that what a seed makes stays the same.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_from_bytes

Pair = list[str]
_THING = re.compile("⟦([^⟦⟧]*)⟧")
BOUNDARY = "fuzz7f3a"


@dataclass
class Asked:
    """What is asked. `role` says whose cookies go with it, `kind` how the body is written.

    `files` are parts of a multipart body: their headers, and what they hold. `framing` is
    how the length of the body is told, `bent` what was done to the request.
    """

    number: int
    role: str
    route: str
    method: str
    path: str
    query: list[Pair] = field(default_factory=list)
    tail: str = ""
    headers: list[Pair] = field(default_factory=list)
    cookies: list[Pair] = field(default_factory=list)
    kind: str = ""
    form: list[Pair] = field(default_factory=list)
    files: list[Pair] = field(default_factory=list)
    body: str = ""
    framing: str = ""
    bent: list[str] = field(default_factory=list)

    def to_json(self) -> str:
        """Return the request as a line that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self))

    @classmethod
    def from_json(cls, told: str) -> Asked:
        """Read what `to_json` wrote."""
        return cls(**json.loads(told))

    @property
    def is_broken(self) -> bool:
        """Say whether the request breaks the rules of HTTP itself."""
        return bool(self.framing)


def raw(text: str) -> bytes:
    """Return a text as bytes; U+DC80 to U+DCFF stand for bytes that are no UTF-8."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def filled(text: str, things: Mapping[str, str]) -> str:
    """Return a text with each ⟦name⟧ replaced by what it stands for."""
    if "⟦" not in text:
        return text
    return _THING.sub(lambda found: things.get(found[1], found[1]), text)


def encoded(pairs: list[Pair], things: Mapping[str, str]) -> bytes:
    """Return pairs as the query of an address, or as a form without files."""
    parts = [
        quote_from_bytes(raw(filled(name, things)), safe="")
        + "="
        + quote_from_bytes(raw(filled(value, things)), safe="")
        for name, value in pairs
    ]
    return "&".join(parts).encode()


def multipart(asked: Asked, things: Mapping[str, str]) -> bytes:
    """Return the body of a form with files."""
    parts = []
    for name, value in asked.form:
        quoted = filled(name, things).replace('"', "%22").replace("\r\n", "%0D%0A")
        head = f'Content-Disposition: form-data; name="{quoted}"'
        parts.append(raw(f"{head}\r\n\r\n{filled(value, things)}"))
    for head, value in asked.files:
        parts.append(raw(filled(head, things)) + b"\r\n\r\n" + raw(value))
    between = b"\r\n--" + BOUNDARY.encode() + b"\r\n"
    end = b"" if "no end" in asked.bent else f"\r\n--{BOUNDARY}--\r\n".encode()
    return between.join([b"", *parts])[2:] + end


def body_of(asked: Asked, things: Mapping[str, str]) -> bytes:
    """Return the body as it goes over the wire."""
    match asked.kind:
        case "urlencoded":
            return encoded(asked.form, things)
        case "multipart":
            return multipart(asked, things)
        case "":
            return b""
        case _other:
            return raw(filled(asked.body, things))


def signature(body: bytes, things: Mapping[str, str], number: int) -> list[Pair]:
    """Return the headers with which Heffl signs a message: a new one for each number."""
    name, moment = f"msg_{things['run']}_{number}", str(int(time.time()))
    secret = things["webhook_secret"].removeprefix("whsec_")
    key = base64.b64decode(secret + "=" * (-len(secret) % 4))
    signed = hmac.digest(key, f"{name}.{moment}.".encode() + body, hashlib.sha256)
    return [
        ["webhook-id", name],
        ["webhook-timestamp", moment],
        ["webhook-signature", "v1," + base64.b64encode(signed).decode()],
    ]


_TYPES = {
    "urlencoded": "application/x-www-form-urlencoded",
    "multipart": f"multipart/form-data; boundary={BOUNDARY}",
    "json": "application/json",
    "signed": "application/json",
    "raw": "application/octet-stream",
}
FRAMINGS = (
    *("short", "long", "length x", "length -1", "length huge", "length twice"),
    *("chunked", "chunked bad", "chunked and length", "encoding odd", "version 1.0"),
    *("version 9", "bare lf", "no host", "two hosts", "blank in name", "folded"),
)  # fmt: skip


def _framed(framing: str, body: bytes) -> tuple[list[Pair], bytes]:
    """Return the headers that tell the length of a body, and the body as it is sent."""
    size, chunked = (
        str(len(body)),
        f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n",
    )
    match framing:
        case "short":
            return [["Content-Length", str(len(body) + 50)]], body
        case "long":
            return [["Content-Length", str(len(body) // 2)]], body
        case "length x":
            return [["Content-Length", "x"]], body
        case "length -1":
            return [["Content-Length", "-1"]], body
        case "length huge":
            return [["Content-Length", "9" * 30]], body
        case "length twice":
            return [["Content-Length", size], ["Content-Length", "1"]], body
        case "chunked":
            return [["Transfer-Encoding", "chunked"]], chunked
        case "chunked bad":
            return [["Transfer-Encoding", "chunked"]], b"zz\r\n" + body
        case "chunked and length":
            told = [["Transfer-Encoding", "chunked"], ["Content-Length", size]]
            return told, chunked
        case "encoding odd":
            return [["Transfer-Encoding", "gzip, x"], ["Content-Length", size]], body
        case _other:
            return ([["Content-Length", size]] if body else []), body


def to_bytes(asked: Asked, things: Mapping[str, str], jar: Mapping[str, str]) -> bytes:
    """Return the request as it goes over the wire. `jar` holds the role's cookies."""
    things = {**things, "csrf": jar.get("csrf", "")}
    body = body_of(asked, things)
    query = encoded(asked.query, things) + raw(filled(asked.tail, things))
    target = raw(filled(asked.path, things)) + (b"?" + query if query else b"")
    line = raw(asked.method) + b" " + target + b" HTTP/1.1"
    if asked.framing.startswith("version"):
        line = line[:-3] + raw(asked.framing.partition(" ")[2])
    cookies = [*jar.items(), *((name, value) for name, value in asked.cookies)]
    headers = [["Host", things["host"]], ["X-Request-ID", things["run_id"]]]
    if cookies:
        told = "; ".join(f"{name}={filled(value, things)}" for name, value in cookies)
        headers.append(["Cookie", told])
    if asked.kind:
        headers.append(["Content-Type", _TYPES[asked.kind]])
    if asked.kind == "signed":
        headers += signature(body, things, asked.number)
    told_here = {name.lower() for name, _value in asked.headers}
    headers = [pair for pair in headers if pair[0].lower() not in told_here]
    told_length, body = _framed(asked.framing, body)
    headers += [*asked.headers, *told_length]
    if asked.framing:
        headers += _misshapen(asked.framing, things["host"])
        headers.append(["Connection", "close"])
    if asked.framing == "no host":
        headers = [pair for pair in headers if pair[0] != "Host"]
    end = b"\n" if asked.framing == "bare lf" else b"\r\n"
    lines = [raw(f"{name}: {filled(value, things)}") for name, value in headers]
    return end.join([line, *(_one_line(each) for each in lines), b"", b""]) + body


def _misshapen(framing: str, host: str) -> list[Pair]:
    match framing:
        case "two hosts":
            return [["Host", host]]
        case "blank in name":
            return [["X Blank ", "1"]]
        case "folded":
            return [["X-Folded", "a\r\n b"]]
        case _other:
            return []


def _one_line(header: bytes) -> bytes:
    """Return a header without what would end it, unless it is folded on purpose."""
    if header.startswith(b"X-Folded"):
        return header
    return header.replace(b"\r", b" ").replace(b"\n", b" ").replace(b"\x00", b"")


def shown(asked: Asked) -> dict[str, Any]:
    """Return what a person needs to know of a request, without what is empty."""
    return {name: value for name, value in dataclasses.asdict(asked).items() if value}
