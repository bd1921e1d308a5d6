"""A whole portal for a real browser: web server, worker and the stand-in as in production.

They are processes of their own over the test's database; only durations are shorter.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect
from playwright.sync_api import TimeoutError as PlaywrightTimeout

from clients_app.accounts import proof
from clients_app.credentials import seal_new
from clients_app.crypto import Secret
from clients_app.models import Membership
from heffl_sandbox import server
from heffl_sandbox.control import Control
from scripts.run import WEB_SERVER
from tests.browser import traces
from tests.browser.conftest import PATIENCE, browser  # noqa: F401 - the same Chromium
from tests.browser.traces import pytest_runtest_makereport  # noqa: F401 - a hook
from tests.conftest import KEY, Sandbox
from tests.fleet import ROOT, Worker, database_url, wait_until
from tests.journeys import AUTHENTICATE, code_now, enrolled

PASSWORD = "a perfectly fine password"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Portal:
    """The address of the running portal, its stand-in, and where its parts log."""

    url: str
    sandbox: Sandbox
    log: str
    worker_log: str


@dataclass
class Processes:
    """What runs beside all tests of this folder."""

    url: str
    stand_in: server.Sandbox
    log: str
    worker_log: str


@pytest.fixture(scope="package")
def processes(
    django_db_setup, django_db_blocker, tmp_path_factory
) -> Iterator[Processes]:
    """Start everything once for this folder; no other test may meet this worker."""
    stand_in = server.start(keys=[KEY], rate=None)
    port = free_port()
    logs = tmp_path_factory.mktemp("logs")
    worker_log, log = logs / "worker.log", logs / "web.log"
    with django_db_blocker.unblock(), worker_log.open("wb") as writing:
        address = database_url()
        worker = Worker(stand_in.base_url, log=writing)
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tests.fast_settings",
        "DATABASE_URL": address,
        "HEFFL_API_URL": stand_in.base_url,
        "HEFFL_RATE_LIMIT": "100000/60",
        "PORT": str(port),
        "WEB_WORKERS": "1",
    }
    collected = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--no-input", "-v", "0"],
        cwd=ROOT,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert collected.returncode == 0, collected.stderr
    with log.open("wb") as writing:
        web = subprocess.Popen(
            [sys.executable, *WEB_SERVER],
            cwd=ROOT,
            env=environment,
            stderr=writing,
        )
    try:
        assert wait_until(lambda: listens(port)), "the web server did not start"
        yield Processes(f"http://127.0.0.1:{port}", stand_in, str(log), str(worker_log))
    finally:
        web.terminate()
        web.wait(timeout=120)
        worker.stop()
        stand_in.stop()


@pytest.fixture
def portal(processes, transactional_db, organisation) -> Portal:
    """Return the running portal with a fresh stand-in and the organisation connected."""
    cache.clear()  # the throttles, which no flush empties
    control = Control(processes.stand_in.control_url)
    control.reset()
    control.clear_faults()
    control.set(latency=0.0)
    seal_new(organisation, Secret(KEY), verified_at=timezone.now())
    sandbox = Sandbox(processes.stand_in.base_url, KEY, control)
    return Portal(processes.url, sandbox, processes.log, processes.worker_log)


@dataclass
class Watched:
    """What a browser did that no page of ours may cause."""

    foreign: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@pytest.fixture
def open_browser(request, browser, portal) -> Iterator[Callable[..., Page]]:  # noqa: F811
    """Return a function that opens a page in a fresh profile.

    Afterwards: no request went to another host, no script failed, no policy was broken.
    """
    contexts: list[BrowserContext] = []
    seen = Watched()
    host = urlsplit(portal.url).netloc

    def asked(request):
        if urlsplit(request.url).netloc != host:
            seen.foreign.append(request.url)

    def heard(message):
        if "Content Security Policy" in message.text:
            seen.complaints.append(message.text)

    def watch(page: Page):
        page.on("request", asked)
        page.on("console", heard)
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))

    def open_page(**options):
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(base_url=portal.url, **options)
        context.set_default_timeout(PATIENCE)
        contexts.append(context)
        traces.record(context)
        context.on("page", watch)
        return context.new_page()

    yield open_page
    traces.close(contexts, request.node, [portal.log, portal.worker_log])
    assert seen.foreign == []
    assert seen.complaints == []


@pytest.fixture
def sign_in(open_browser, portal) -> Callable[..., Page]:
    """Return a function: a membership → a page after signing in by hand."""

    def sign(member: Membership, **options):
        member.user.set_password(PASSWORD)
        member.user.save()
        page = open_browser(**options)
        page.goto("/")
        page.fill("[name=login]", member.user.email)
        page.fill("[name=password]", PASSWORD)
        if proof.must_have_factor(member.user):
            enrolled(member.user)
        page.press("[name=password]", "Enter")
        if proof.has_factor(member.user):
            page.wait_for_url(f"**{AUTHENTICATE}")
            page.fill("[name=code]", code_now())
            page.press("[name=code]", "Enter")
        try:
            page.wait_for_url("**/clients/new/")
        except PlaywrightTimeout:
            shown = page.inner_text("body")[:500]
            said = Path(portal.log).read_text(errors="replace")[-1500:]
            pytest.fail(f"after signing in: {page.url}\n{shown}\n{said}")
        expect(page.locator("[name=name]").first).to_be_focused()
        return page

    return sign
