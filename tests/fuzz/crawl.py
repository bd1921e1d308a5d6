"""Finds real requests to begin with: opens every page and reads its forms and links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from urllib.parse import parse_qsl, urljoin, urlsplit

import requests

from tests.fuzz.bend import Seed

Pairs = list[tuple[str, str]]
SHORTEST_THING = 6
"""Texts of fewer characters stand in many places by chance."""
WEBHOOK = (
    '{"event": "client.created", "payload": {"id": "clt_1", "name": "Fuzzed PENDING", '
    '"firstName": "A", "lastName": "B", "email": "a@b.example"}}'
)


class Page(HTMLParser):
    """The forms of a page, as a browser would send them, and its links with a query."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[dict[str, str], Pairs]] = []
        self.files: list[list[str]] = []
        self.links: list[str] = []
        self._select = self._area = ""
        self._options: list[tuple[str, bool]] = []
        self._text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take a form, a field, a button or a link."""
        has = {name: value or "" for name, value in attrs}
        name = has.get("name", "")
        if tag == "a" and "?" in has.get("href", ""):
            self.links.append(has["href"])
        elif tag == "form":
            self.forms.append((has, []))
            self.files.append([])
        elif tag == "option" and self._select:
            self._options.append((has.get("value", ""), "selected" in has))
        elif not name or not self.forms:
            return
        elif tag == "select":
            self._select, self._options = name, []
        elif tag == "textarea":
            self._area, self._text = name, ""
        elif tag == "input" and has.get("type") == "file":
            self.files[-1].append(name)
        elif tag in ("input", "button"):
            self._add(name, has.get("value", "on" if "checked" in has else ""))

    def handle_data(self, data: str) -> None:
        """Collect what stands in a text area."""
        if self._area:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        """Close a field that holds other elements."""
        if tag == "select" and self._select:
            chosen = [value for value, is_chosen in self._options if is_chosen]
            first = [value for value, _is_chosen in self._options if value]
            self._add(self._select, (chosen or first or [""])[0])
            self._select = ""
        elif tag == "textarea" and self._area:
            self._add(self._area, self._text)
            self._area = ""

    def _add(self, name: str, value: str) -> None:
        self.forms[-1][1].append((name, value))


class Crawler:
    """Opens pages as several people, and makes seeds of what it finds there."""

    def __init__(
        self,
        url: str,
        sessions: Mapping[str, requests.Session],
        things: Mapping[str, str],
        routes: Mapping[str, list[str]],
    ) -> None:
        self.url = url
        self.sessions = sessions
        self.things = things
        self.routes = routes
        self.found: dict[tuple[object, ...], Seed] = {}
        long = {v: k for k, v in things.items() if len(v) >= SHORTEST_THING}
        self._names = sorted(long.items(), key=lambda pair: -len(pair[0]))

    def seeds(self) -> list[Seed]:
        """Return the seeds of all pages, always in the same order."""
        for route in sorted(self.routes):
            for path in self.routes[route]:
                for role in self._asking(route):
                    self._open(role, route, path)
        self._by_hand()
        return list(self.found.values())

    def _asking(self, route: str) -> tuple[str, ...]:
        if route.startswith("o/"):
            return ("owner",)
        if route.startswith("admin/"):
            return ("operator",)
        if "(?P<key>" in route:
            return ("",)  # the link of another person may sign the reader out
        if route.startswith("accounts/2fa/"):
            return ("holder", "")
        return ("stranger", "") if route.startswith("accounts/") else ("",)

    def named(self, text: str) -> str:
        """Return a text with the things in it replaced by their names."""
        for value, name in self._names:
            text = text.replace(value, f"⟦{name}⟧")
        return text

    def _real(self, path: str) -> str:
        return re.sub("⟦([^⟧]+)⟧", lambda one: self.things[one[1]], path)

    def _add(self, seed: Seed) -> None:
        names = tuple(name for name, _value in (*seed.query, *seed.form))
        key = (seed.role, seed.method, seed.path, seed.kind, names)
        self.found.setdefault(key, seed)

    def _open(self, role: str, route: str, path: str) -> None:
        """Take a page as a seed, with each form and each query that it leads to."""
        self._add(Seed(role, route, "GET", path))
        here = self.url + self._real(path)
        allowed = (
            self.sessions[role].options(here, timeout=60).headers.get("Allow", "POST")
        )
        if "POST" in allowed:
            self._add(Seed(role, route, "POST", path, (), "urlencoded", (_CSRF,)))
        answer = self.sessions[role].get(here, timeout=60)
        if "html" not in answer.headers.get("Content-Type", ""):
            return
        page = Page()
        page.feed(answer.text)
        for link in page.links:
            target = urlsplit(urljoin(answer.url, link))
            if target.netloc == urlsplit(self.url).netloc:
                self._link(role, target.path, target.query)
        for (has, fields), files in zip(page.forms, page.files, strict=True):
            target = urlsplit(urljoin(answer.url, has.get("action") or answer.url))
            self._form(role, target.path, target.query, has, fields, files)

    def _link(self, role: str, path: str, query: str) -> None:
        pairs = parse_qsl(self.named(query), keep_blank_values=True)
        path = self.named(path)
        self._add(Seed(role, self._route_of(path), "GET", path, tuple(pairs)))

    def _form(
        self, role: str, path: str, query: str, has: Mapping[str, str],
        fields: Pairs, files: Iterable[str],
    ) -> None:  # fmt: skip
        path, route = self.named(path), self._route_of(self.named(path))
        named = [(name, self.named(value)) for name, value in fields]
        if has.get("method", "get").lower() != "post":
            self._add(Seed(role, route, "GET", path, tuple(named)))
            return
        named = [pair for pair in named if pair[0] != _CSRF[0]] + [_CSRF]
        asked = tuple(parse_qsl(self.named(query), keep_blank_values=True))
        parts = tuple(
            (f'Content-Disposition: form-data; name="{name}"; filename="a.csv"', _FILE)
            for name in files
        )
        kind = "multipart" if parts else "urlencoded"
        for chosen in _one_button(named):
            self._add(Seed(role, route, "POST", path, asked, kind, chosen, parts))

    def _route_of(self, path: str) -> str:
        """Return the route that a path belongs to, "" for one that is none of ours."""
        for route, paths in self.routes.items():
            if path in paths:
                return route
        return ""

    def _by_hand(self) -> None:
        """Add what no page leads to: reports of Heffl, lists with a cursor, filters."""
        hook = "webhooks/heffl/<slug:slug>/"
        path = "/webhooks/heffl/⟦slug⟧/"
        self._add(Seed("", hook, "POST", path, kind="signed", body=WEBHOOK))
        for route, role in _LISTS.items():
            path = "/" + route.replace("<slug:slug>", "⟦slug⟧")
            everything = (("cursor", "x"), *((name, "") for name in _OF_LISTS))
            self._add(Seed(role, route, "GET", path, everything))
            self._add(Seed(role, route, "GET", path, (("cursor", "x"),)))
        for route in ("accounts/login/", "accounts/password/reset/", "s/<slug:slug>/"):
            path = "/" + route.replace("<slug:slug>", "⟦slug⟧")
            self._add(Seed("", route, "GET", path, (("next", "/"), ("lang", "ar"))))
        for path in (
            "/static/favicon.svg",
            "/static/",
            "/static/x/../y",
            "/favicon.ico",
        ):
            self._add(Seed("", "static/", "GET", path))


_CSRF = ("csrfmiddlewaretoken", "⟦csrf⟧")
_FILE = "name,email\nFuzzed import,a@b.example\n"
_LISTS = {
    "o/<slug:slug>/clients/": "owner",
    "o/<slug:slug>/clients/export.csv": "owner",
    "o/<slug:slug>/review/": "owner",
    "o/<slug:slug>/audit/": "owner",
    "o/<slug:slug>/audit/export.csv": "owner",
    "o/<slug:slug>/overview/": "owner",
    "o/<slug:slug>/balance/": "owner",
    "admin/clients_app/submission/": "operator",
    "admin/clients_app/auditevent/": "operator",
    "admin/clients_app/organisation/": "operator",
    "admin/clients_app/deliveryattempt/": "operator",
    "admin/autocomplete/": "operator",
}
_OF_LISTS = (
    *(
        "q",
        "status",
        "type",
        "source",
        "campaign",
        "from",
        "to",
        "sort",
        "tab",
        "action",
    ),
    *("p", "o", "e", "_to_field", "_popup", "foo__bar", "email__contains", "term"),
)
_BUTTONS = {"action", "one", "what", "do", "remove", "slot"}


def _one_button(fields: Pairs) -> list[tuple[tuple[str, str], ...]]:
    """Return the form once for each of its buttons: a browser sends only the one pressed."""
    buttons = [
        pair for pair in fields if pair[0] in _BUTTONS or pair[0].startswith("action")
    ]
    rest = [pair for pair in fields if pair not in buttons]
    pressed = [(*rest, button) for button in dict.fromkeys(buttons)]
    return pressed or [tuple(rest)]
