"""A signed-in person over real HTTP, without a browser, and the web server they use."""

from __future__ import annotations

import http.client
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

from django.test import Client

from clients_app.models import Role, User
from scripts.run import WEB_SERVER
from tests.factories import MembershipFactory
from tests.fleet import ROOT
from tests.journeys import fully_signed_in

KEPT_FOR = 4.9
"""The web server closes a connection that was idle for 5 s; one lost sooner is a fault."""
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Visitor:
    """One member of one organisation. Answers are (status, seconds)."""

    def __init__(self, user: User, slug: str, address: str, port: int) -> None:
        client = fully_signed_in(user, Client(SERVER_NAME="localhost"))
        self.slug = slug
        self._cookies = {name: found.value for name, found in client.cookies.items()}
        self._token = ""
        self._form = f"/o/{slug}/new"
        self.moved_to(address, port)

    def moved_to(self, address: str, port: int) -> None:
        """Use another web server."""
        self._connection = http.client.HTTPConnection(address, port, timeout=20)
        self._kept = False
        self._last = 0.0
        self.idle_before_closed: list[float] = []

    def find_form(self, form: str) -> None:
        """Open the form at a path once, for its token."""
        self._form = form
        _, _, page = self._ask("GET", form)
        found = TOKEN.search(page)
        if found is None:
            raise RuntimeError(f"no form at {form}")
        self._token = found[1]

    def look(self, path: str) -> tuple[int, float]:
        """Open a page."""
        status, seconds, _ = self._ask("GET", path)
        return status, seconds

    def enter(self, name: str, token: str) -> tuple[int, float]:
        """Fill in the form for a company; 303 is the thank-you."""
        fields = {
            "csrfmiddlewaretoken": self._token,
            "submission_token": token,
            "type": "company",
            "name": name,
        }
        status, seconds, _ = self._ask("POST", self._form, urlencode(fields))
        return status, seconds

    def _ask(self, method: str, path: str, body: str = "") -> tuple[int, float, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        headers = {"Host": "localhost", "Cookie": cookies}
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        began = time.monotonic()
        try:
            answer, page = self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException):
            self._connection.close()
            self._kept = False
            return 0, time.monotonic() - began, ""
        for line in answer.headers.get_all("Set-Cookie", []):
            name, _, value = line.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, time.monotonic() - began, page

    def _exchange(
        self, method: str, path: str, body: str, headers: dict[str, str]
    ) -> tuple[http.client.HTTPResponse, str]:
        """Ask once; twice, as browsers do, if the server had closed an idle connection."""
        try:
            self._connection.request(method, path, body or None, headers)
            answer = self._connection.getresponse()
        except (BrokenPipeError, ConnectionResetError):  # RemoteDisconnected is one
            self._connection.close()
            idle = time.monotonic() - self._last
            if not self._kept or idle < KEPT_FOR:
                raise
            self._kept = False
            self.idle_before_closed.append(idle)
            return self._exchange(method, path, body, headers)
        page = answer.read().decode(errors="replace")
        self._kept, self._last = True, time.monotonic()
        return answer, page


def members(slug: str, count: int) -> list[User]:
    """Make so many people who work at an organisation's front desk."""
    from clients_app.models import Organisation

    where = Organisation.objects.get(slug=slug)
    for number in range(count):
        MembershipFactory(
            organisation=where,
            role=Role.FRONTDESK,
            user__email=f"person{number}@{slug}.test",
        )
    return list(User.objects.filter(email__endswith=f"@{slug}.test").order_by("pk"))


def web(
    port: int, log: Path, *before: str, **environment: str
) -> subprocess.Popen[bytes]:
    """Start the web server as production has it; `before` is what to run it under."""
    with log.open("ab") as writing:
        return subprocess.Popen(
            [*before, sys.executable, *WEB_SERVER],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.soak.settings",
                "PORT": str(port),
                "WEB_WORKERS": "2",
                **environment,
            },
            stdout=writing,
            stderr=writing,
        )
