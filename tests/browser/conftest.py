"""A real Chromium on a real server, and a page that tells on everything that goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from playwright.sync_api import Browser, Page, expect, sync_playwright

from clients_app.models import Membership
from clients_app.views import waiting
from scripts import chromium
from tests.browser import traces
from tests.browser.traces import pytest_runtest_makereport  # noqa: F401 - a hook

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE = 30_000
"""Milliseconds that anything may take on a machine that has much else to do."""
_STARTED = pytest.StashKey[Browser]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser(pytestconfig) -> Browser:
    """Return the one Chromium of the run; whoever imports this fixture shares it."""
    if _STARTED not in pytestconfig.stash:
        path = chromium.find()
        if not path:
            pytest.skip("no Chromium; name one with CHROMIUM=/path/to/chromium")
        expect.set_options(timeout=PATIENCE)
        playwright = sync_playwright().start()
        pytestconfig.add_cleanup(playwright.stop)
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        pytestconfig.add_cleanup(started.close)
        pytestconfig.stash[_STARTED] = started
    running: Browser = pytestconfig.stash[_STARTED]
    return running


@pytest.fixture(autouse=True)
def _no_held_answers(monkeypatch):
    """The server runs in this process: an answer held must not outlive its test."""
    monkeypatch.setattr(waiting, "LONGEST", 0.0)


@pytest.fixture
def open_page(
    request, browser, live_server, signed_in
) -> Iterator[Callable[..., Page]]:
    """Return a function: member or None → a page, signed in, 1280 × 900 unless told.

    The test fails in the end when a page threw, broke the content security policy or
    asked another host.
    """
    cache.clear()  # the throttles, which no flush empties
    contexts = []
    trouble: list[str] = []
    home = urlsplit(live_server.url).netloc

    def heard(message):
        expected = ("422", "ERR_INTERNET_DISCONNECTED")
        if message.type == "error" and not any(
            word in message.text for word in expected
        ):
            trouble.append(message.text)

    def asked(sent):
        if urlsplit(sent.url).netloc != home:
            trouble.append(f"asked {sent.url}")

    def open_one(
        person: Membership | None = None, language: str = "", **options
    ) -> Page:
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        traces.record(context)
        cookies = {settings.LANGUAGE_COOKIE_NAME: language} if language else {}
        if person is not None:
            name = settings.SESSION_COOKIE_NAME
            cookies[name] = signed_in(person).cookies[name].value
        context.add_cookies(
            [
                {"name": name, "value": value, "url": live_server.url}
                for name, value in cookies.items()
            ]
        )
        page: Page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", heard)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("request", asked)
        return page

    yield open_one
    traces.close(contexts, request.node)
    assert trouble == []
