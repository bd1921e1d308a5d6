"""Connections that only hold on: silent ones, half requests, slow readers, huge uploads."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import requests

from tests.attack.portal import Finding, Portal, csrf_token
from tests.connections import asking, held, status_of

ENOUGH = 1.0
"""Seconds within which the desk must be served beside them all."""
GIVEN_UP = 10.0
CROWD = {"idle": 200, "heads": 200, "bodies": 200, "readers": 50}
HUGE = 200 * 1_048_576
FURNISH = """
from clients_app.models import Organisation, Submission
where = Organisation.objects.get(slug="{slug}")
Submission.objects.bulk_create(
    Submission(
        organisation=where, submission_token=f"reader-{{n:05d}}", type="company",
        display_name=f"Reader {{n}}", name_key=f"reader {{n}}", search_text=f"reader {{n}}",
        match_key=f"{{n:064x}}", status="DROPPED", source="IMPORT", lane=3,
        answers={{"name": f"Reader {{n}}", "first_name": "x" * 8_000}},
    )
    for n in range(1_500)
)
"""


def attacks(portal: Portal) -> Iterator[Finding]:
    """Hold the server by each kind of connection and by all; then send what is too much."""
    made = portal.manage("shell", "-c", FURNISH.format(slug=portal.slug))
    if made.returncode:
        raise RuntimeError(made.stderr)
    kinds = [{kind: count} for kind, count in CROWD.items()]
    kinds.insert(2, {"bodies": 36})
    for crowd in [*kinds, CROWD]:
        yield beside(portal, crowd)
    yield half_sent_is_ended(portal)
    yield huge_upload(portal, chunked=False)
    yield huge_upload(portal, chunked=True)


WORDS = {
    "idle": "silent connections",
    "heads": "half-sent headers",
    "bodies": "half-sent bodies",
    "readers": "slow readers of a 12 MB export",
}
NO_ANSWER = f"no answer in {GIVEN_UP:.0f} s"
SOME = "none in 10 s for one question in three"
BEFORE = {"36 half-sent bodies": SOME, "50 slow readers of a 12 MB export": SOME}
"""Where one of the two processes was stopped; a crowd stopped both otherwise."""
TIMES = 4


def beside(portal: Portal, crowd: dict[str, int]) -> Finding:
    """Ask for /healthz and take clients in while a crowd holds its connections.

    Several times over new connections: each may meet either process.
    """
    desk = portal.session("frontdesk")
    form = f"{portal.url}/o/{portal.slug}/clients/new/"
    pages = [desk.get(form, timeout=60).text for _ in range(TIMES)]
    cookies = "; ".join(f"{one.name}={one.value}" for one in desk.cookies)
    export = asking(f"/o/{portal.slug}/clients/export.csv", cookies)
    port = urlsplit(portal.url).port or 0
    with held(port, reading=export, **crowd):
        time.sleep(0.5)  # they all are there
        alive = worst(
            lambda: requests.get(f"{portal.url}/healthz", timeout=GIVEN_UP)
            for _ in pages
        )
        entered = worst(partial(_entered, portal, desk, page) for page in pages)
    name = ", ".join(f"{count} {WORDS[kind]}" for kind, count in crowd.items())
    return Finding(
        attack=name,
        before=BEFORE.get(name, NO_ANSWER),
        after=f"/healthz {_words(alive)}, a client taken in {_words(entered)}",
        held=0 <= alive <= ENOUGH and 0 <= entered <= ENOUGH,
    )


def worst(asked: Iterable[Callable[[], requests.Response]]) -> float:
    """Return the seconds that the slowest of several calls took; -1 when one failed."""
    slowest = 0.0
    for ask in asked:
        took = timed(ask)
        if took < 0:
            return took
        slowest = max(slowest, took)
    return slowest


def timed(ask: Callable[[], requests.Response]) -> float:
    """Return the seconds that a call took; -1 when it failed."""
    started = time.monotonic()
    try:
        good = ask().status_code < 400
    except requests.RequestException:
        good = False
    return time.monotonic() - started if good else -1.0


def _words(seconds: float) -> str:
    return NO_ANSWER if seconds < 0 else f"{seconds * 1000:.0f} ms"


def _entered(portal: Portal, desk: requests.Session, page: str) -> requests.Response:
    path = f"{portal.url}/o/{portal.slug}/clients/new/"
    token = re.search(r'name="submission_token"[^>]*value="([^"]+)"', page)
    if token is None:
        raise RuntimeError("no form to take a client in")
    form = {
        "csrfmiddlewaretoken": csrf_token(page),
        "submission_token": token[1],
        "type": "company",
        "name": f"Beside {token[1][:12]}",
    }
    # A connection of its own: a kept one would be one that the server has already.
    answer = requests.post(
        path, form, cookies=desk.cookies.get_dict(), timeout=GIVEN_UP,
        headers={"Referer": path}, allow_redirects=False,
    )  # fmt: skip
    if answer.status_code not in (302, 303):
        raise RuntimeError(f"the client form answered {answer.status_code}")
    return answer


def half_sent_is_ended(portal: Portal) -> Finding:
    """Send a header a byte at a time and see when the server has had enough."""
    port = urlsplit(portal.url).port or 0
    started = time.monotonic()
    ended = False
    with held(port, heads=1) as (connection,), contextlib.suppress(OSError):
        connection.settimeout(0.5)
        while time.monotonic() - started < 20 and not ended:
            connection.sendall(b"x")
            with contextlib.suppress(TimeoutError):
                ended = connection.recv(1) == b""
    took = time.monotonic() - started
    return Finding(
        attack="a header sent a byte every half second",
        before="never ended",
        after=f"ended after {took:.0f} s" if took < 20 else "not ended in 20 s",
        held=took < 20,
    )


def huge_upload(portal: Portal, *, chunked: bool) -> Finding:
    """Send 200 MB to the sign-in without a session; see what lands in the directory."""
    port = urlsplit(portal.url).port or 0
    limit = b'--x\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\n'
    head = (
        b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n"
    )
    block = b"y" * 1_048_576
    landed, taken, answer = 0, 0, b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        if chunked:
            head += b"Transfer-Encoding: chunked\r\n\r\n"
            block = b"100000\r\n" + block + b"\r\n"
            limit = b"%x\r\n%b\r\n" % (len(limit), limit)
        else:
            head += b"Content-Length: %d\r\n\r\n" % HUGE
        try:
            connection.sendall(head + limit)
            while taken < HUGE:
                connection.sendall(block)
                taken += 1_048_576
                if taken % (16 * 1_048_576) == 0:
                    landed = max(landed, _on_disk(portal))
        except OSError:
            pass
        with contextlib.suppress(OSError):
            connection.settimeout(20)
            answer = connection.recv(200)
    landed = max(landed, _on_disk(portal))
    how = "in chunks" if chunked else "with a length"
    return Finding(
        attack=f"200 MB to the sign-in page {how}, without a session",
        before="403 after 4 MB; 0 bytes on disk"
        if chunked
        else "403 after all of it; 200 MB on disk",
        after=f"{status_of(answer)} after {taken >> 20} MB; {landed:,} bytes on disk",
        held=status_of(answer) == 413 and landed == 0,
    )


def _on_disk(portal: Portal) -> int:
    """Return the bytes in the temporary directory, in files without a name, too."""
    folder = portal.folder / "tmp"
    sizes = {}
    for each in [*folder.rglob("*"), *Path("/proc").glob("[0-9]*/fd/*")]:
        with contextlib.suppress(OSError):
            if each.is_relative_to(folder) or os.readlink(each).startswith(str(folder)):
                found = each.stat()
                sizes[found.st_ino] = found.st_size
    return sum(sizes.values())
