"""What does an answer cost? A stranger sends the worst texts to every address, everywhere.

Each text fills each field of a form, the query, a cookie or the headers, up to what a
request may have. Counted is the processor time of the web processes alone; what is dear is
asked again, and its cheapest of four counts, since the machine has other things to do. A
password that could be one is not among the texts: to look at it is meant to be dear.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

from tests.attack.portal import PATIENCE, Finding, Portal, family

MOST_MS = 50.0
FORM, DESK_FORM, TOO_MUCH = 131_072, 262_144, 1_048_576
"""Bytes of a form that anybody may send, that a member may, and that nobody may."""
LINE, HEADERS = 4_000, 30_000
"""Bytes of the first line and of the headers that the web server takes."""
ALL = {
    "letters": b"a",
    "digits": b"1",
    "ats": b"@",
    "words": b"the%20l%20",
    "numbers": b"(1-",
    "marks": b"%CC%81%CC%96",
    "raw marks": "\u0301\u0316".encode(),
    "nothing to see": b"%E2%80%8B",
    "letters and bytes": b"%41%D8%A7",
    "lines": b"%0A",
    "backslashes": b"\\",
    "separators": b",;%22 ",
    "brackets": b"[",
    "tags": b"%3Ca",
}
ASIS = "%&=+@()[];,\\-<"
"""What a query may hold as it is."""
HEADED = ("/accounts/login/", "/s/", "/nothing/", "/webhooks/")
"""Where headers are filled, too: what reads them is the same everywhere else."""
FEW = ("ats", "marks", "letters and bytes")
HEADER_NAMES = (
    *("User-Agent", "Referer", "Accept", "Accept-Encoding", "Accept-Language"),
    *("X-Forwarded-For", "X-Request-ID", "If-None-Match", "If-Modified-Since", "Range"),
    *("webhook-id", "webhook-timestamp", "webhook-signature", "Origin"),
)
_LIST = """
import json
from django.urls import URLPattern, get_resolver
def walk(patterns, before=""):
    for each in patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route
        else:
            yield from walk(each.url_patterns, route)
print(json.dumps(sorted(set(walk(get_resolver().url_patterns)))))
"""


@dataclass(frozen=True)
class Question:
    """One request. `text` and `place` say what is bad about it."""

    method: str
    path: str
    text: str
    place: str
    body: bytes = b""
    headers: tuple[tuple[str, bytes], ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path[:40]} with {self.text} in {self.place}"


def attacks(portal: Portal) -> Iterator[Finding]:
    """Ask every address without a session, and find the dearest answer."""
    asked, dearest, what = 0, 0.0, ""
    for question in _questions(portal):
        asked += 1
        cost = _cost(portal, question)
        if cost > MOST_MS / 2:
            cost = min(cost, *(_cost(portal, question) for _ in range(3)))
        if cost > dearest:
            dearest, what = cost, str(question)
    yield Finding(
        attack=f"the dearest of {asked:,} answers to a stranger, in processor time",
        before="2,400 ms for 12 kB in one field",
        after=f"{dearest:.0f} ms: {what}",
        held=dearest <= MOST_MS,
    )


def _questions(portal: Portal) -> Iterator[Question]:
    told = portal.manage("shell", "--no-imports", "-c", _LIST)
    if told.returncode:
        raise RuntimeError(told.stderr)
    routes = json.loads(told.stdout.strip().splitlines()[-1])
    invitation = _invitation(portal)
    for path in dict.fromkeys(_path(route, portal.slug) for route in routes):
        yield from _asked_of(portal, path)
    for path in (invitation, "/static/x.css", "/nothing/here/", "/s/nobody/"):
        yield from _asked_of(portal, path)


def _path(route: str, slug: str) -> str:
    """Return an address of a route that there may be, with words for all its parts."""
    known = {"slug": slug, "int": "1", "uuid": "6fa459ea-ee8a-4ca4-894e-db77e160355e"}

    def word(found: re.Match[str]) -> str:
        return known.get(found[2]) or known.get(found[1]) or "x" * 32

    plain = re.sub(r"<(\w+):(\w+)>", word, route)
    plain = re.sub(r"\(\?P<\w+>[^()]*\)", "x", plain)
    return "/" + re.sub(r"[\^$?\\]|\(.*\)", "", plain)


def _invitation(portal: Portal) -> str:
    """Invite somebody, and return the address that the mail leads to."""
    page = f"/o/{portal.slug}/settings/members/"
    asked = {"email": "new@attacked.example", "role": "frontdesk", "language": "en"}
    portal.post(portal.session("owner"), page, asked)
    for mail in Path(portal.folder, "mail").iterdir():
        if found := re.search(r"/invitation/[\w=\n-]+/", mail.read_text()):
            return found[0].replace("=\n", "")
    raise RuntimeError("no mail invites anybody")


def _asked_of(portal: Portal, path: str) -> Iterator[Question]:
    """Yield what is asked of an address; fewer texts where only members get in."""
    status, page = _answer(portal, Question("GET", path, "", ""))
    closed = status in {302, 404, 405} and not path.startswith(("/s/", "/invitation/"))
    texts = {name: ALL[name] for name in (FEW if closed else ALL)}
    names = re.findall(r'name="([\w-]+)"', page) or ["email"]
    names = list(dict.fromkeys([*names, "next", "q", "lang", "name", "source"]))
    for text, unit in texts.items():
        wide = b"&".join(b"%s=%s" % (name.encode(), b"%s") for name in names)
        query = quote(_filled(wide, unit, LINE - len(path)), safe=ASIS)
        yield Question("GET", f"{path}?{query}"[:LINE], text, "the query")
        for most in (DESK_FORM if closed else FORM, TOO_MUCH):
            body = _filled(wide, unit, most)
            yield Question("POST", path, text, f"{most} bytes of a form", body)
        if not path.startswith(HEADED) or path.count("/") > 3:
            continue
        plain = unit.replace(b"%", b"") or b"x"
        for name in HEADER_NAMES:
            value = (plain * 8_000)[:8_000]
            yield Question("GET", path, text, name, headers=((name, value),))
        for kind, value in (
            ("Cookie", b'session="' + plain * (HEADERS // len(plain)) + b'"'),
            ("Cookie", (b"a=" + plain + b"; ") * (HEADERS // (len(plain) + 4))),
            ("Host", plain * (8_000 // len(plain))),
            ("Content-Type", b'a/b; x="' + plain * (8_000 // len(plain))),
        ):
            yield Question("POST", path, text, kind, headers=((kind, value),))


def _filled(form: bytes, unit: bytes, most: int) -> bytes:
    """Return a form whose fields hold a text each, in all of at most so many bytes."""
    fields = form.count(b"%s")
    room = (most - len(form)) // fields // len(unit)
    return form.replace(b"%s", unit * max(room, 0))


def _answer(portal: Portal, question: Question) -> tuple[int, str]:
    """Return status and page; 0 where the server hung up on what it does not take."""
    host = urlsplit(portal.url)
    connection = http.client.HTTPConnection(
        host.hostname or "", host.port, timeout=PATIENCE
    )
    with contextlib.closing(connection):
        try:
            connection._validate_path = lambda _path: None  # type: ignore[attr-defined]
            own = {name for name, _value in question.headers}
            connection.putrequest(
                question.method, question.path,
                skip_host="Host" in own, skip_accept_encoding=True,
            )  # fmt: skip
            for name, value in question.headers:
                connection.putheader(name, value.replace(b"\n", b""))
            if question.method == "POST":
                if "Content-Type" not in own:
                    connection.putheader(
                        "Content-Type", "application/x-www-form-urlencoded"
                    )
                connection.putheader("Content-Length", str(len(question.body)))
            connection.putheader("Connection", "close")
            connection.endheaders(question.body or None)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        except (OSError, http.client.HTTPException):
            return 0, ""


def _cost(portal: Portal, question: Question) -> float:
    """Return the milliseconds of processor that the web processes take for an answer."""
    before = _used(portal)
    _answer(portal, question)
    return (_used(portal) - before) / 1e6


def _used(portal: Portal) -> int:
    """Return the nanoseconds of processor used: finer than portal.processor() tells."""
    used = 0
    for pid in family(portal.web):
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):
                used += int(task.read_text().split()[0])
    return used
