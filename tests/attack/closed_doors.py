"""Is there such an organisation? A stranger asks every public address of a closed one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import requests

from tests.attack.portal import PATIENCE, Finding, Portal

CLOSED, NEVER = "closed-house", "no-such-home"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS")
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WAYS: dict[str, tuple[bytes, dict[str, str]]] = {
    "nothing": (b"", {}),
    "a form": (b"type=company&name=x", FORM),
    "a form from elsewhere": (
        b"type=company",
        FORM | {"Origin": "https://evil.example"},
    ),
    "too much": (b"a=" + b"x" * 1_100_000, FORM),
    "json": (b"{}", {"Content-Type": "application/json"}),
    "an odd kind": (b"x", {"Content-Type": "multipart/form-data; charset=base64"}),
    "in Arabic": (b"", {"Accept-Language": "ar"}),
    "a forged report": (
        b"{}",
        {
            "webhook-id": "msg_1",
            "webhook-timestamp": "1700000000",
            "webhook-signature": "v1,AAAA",
        },
    ),
}
_MAKE = f"""
import json
from clients_app.models import Organisation, SignupPage
from clients_app.signup import colours
from clients_app.views import brand
from tests.routes import OPEN, PUBLIC
made = Organisation.objects.create(name="Closed House", slug="{CLOSED}")
SignupPage.objects.create(organisation=made)
digest = brand._stylesheet(colours.DEFAULT)[1]
routes = sorted(route for route in PUBLIC | OPEN if "<slug:slug>" in route)
print(json.dumps([[route, digest] for route in routes]))
"""


def attacks(portal: Portal) -> Iterator[Finding]:
    """Compare what a closed organisation answers with what a name that nobody has does."""
    told = portal.manage("shell", "--no-imports", "-c", _MAKE)
    if told.returncode:
        raise RuntimeError(told.stderr)
    asked, apart = 0, []
    for route, digest in json.loads(told.stdout.strip().splitlines()[-1]):
        for method in METHODS:
            for name in WAYS:
                asked += 1
                path = _path(route, digest)
                here, there = (
                    _answered(portal, method, path, name, slug)
                    for slug in (CLOSED, NEVER)
                )
                if here != there:
                    apart.append(f"{method} {path} ({name}): {here[0]}, {there[0]}")
    yield Finding(
        attack="tell a closed organisation from one that never was",
        before="32 of 528 questions tell",
        after="; ".join([f"{len(apart)} of {asked} questions tell", *apart[:1]]),
        held=not apart,
    )


def _path(route: str, digest: str) -> str:
    parts = {"receipt": "ab" * 16, "digest": digest, "slug": "{slug}"}
    return "/" + re.sub(r"<slug:(\w+)>", lambda one: parts[one[1]], route)


def _answered(
    portal: Portal, method: str, path: str, way: str, slug: str
) -> tuple[object, ...]:
    """Return an answer with the name in it and what always differs left out."""
    body, headers = WAYS[way]
    answer = requests.request(
        method,
        portal.url + path.replace("{slug}", slug),
        data=body,
        headers={"Accept-Encoding": "identity"} | headers,
        allow_redirects=False,
        timeout=PATIENCE,
    )
    always = {"x-request-id", "date", "connection"}  # the last is about the wire
    kept = {
        name.lower(): value.replace(slug, "…")
        for name, value in answer.headers.items()
        if name.lower() not in always
    }
    text = answer.text.replace(slug, "…").replace(CLOSED, "…").replace(NEVER, "…")
    return answer.status_code, kept, sorted(answer.cookies.keys()), text
