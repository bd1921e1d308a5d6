"""Every page of the portal on its first load, in a real browser over the real server.

The pages are those of the manifest in test_tenancy.py: whoever adds one finds it here.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings

from clients_app.models import CustomFieldKind
from tests.factories import CustomFieldFactory, SubmissionFactory
from tests.routes import OF_A_PERSON, OF_AN_ORGANISATION

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST_BYTES = 15 * 1024
MOST_REQUESTS = 6
WATCH = """
window.shifts = 0; window.breaches = [];
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) window.shifts += entry.value;
}).observe({ type: "layout-shift", buffered: true });
addEventListener("securitypolicyviolation", (event) => breaches.push(event.violatedDirective));
"""
MEASURE = """() => {
  const loads = ["navigation", "resource"].flatMap((kind) => performance.getEntriesByType(kind))
    .filter((one) => !["fetch", "other"].includes(one.initiatorType));
  return {
    bytes: loads.reduce((sum, one) => sum + one.encodedBodySize, 0),
    requests: loads.length,
    shifts: window.shifts,
    breaches: window.breaches,
  };
}"""
"""Compressed bodies, as the page itself knows them, without what it asks for afterwards.

The icon of 147 bytes comes on top, counted by some loads only.
"""
ICON = 1
ENTRY = {"accounts/login/", "accounts/logout/", "accounts/password/reset/", "nowhere/"}


@pytest.fixture
def scene(organisation):
    """Fill an organisation so that pages have something to show."""
    for kind in CustomFieldKind:
        field = CustomFieldFactory(
            organisation=organisation,
            key=f"cf_{kind}",
            kind=kind,
            label=f"Our {kind}",
            help_text="A hint",
            options=["First", "Second"],
        )
    for number in range(60):
        row = SubmissionFactory(
            organisation=organisation,
            display_name=f"Company number {number}",
            status="NEEDS_FIX",
            message="Tax number is taken",
        )
    return {"slug": organisation.slug, "uuid": row.uuid, "pk": field.pk}


def paths(scene):
    """Yield the path of every page that can be opened with what the scene has."""
    for route in sorted({*OF_AN_ORGANISATION, *OF_A_PERSON, *ENTRY}):
        names = re.findall(r"<\w+:(\w+)>", route)
        if set(names) <= set(scene):
            yield "/" + re.sub(r"<\w+:(\w+)>", lambda m: str(scene[m[1]]), route)


def opened(browser, portal, client, language="en"):
    """Return a page of the signed-in client's, that watches itself."""
    session = settings.SESSION_COOKIE_NAME
    cookies = {session: client.cookies[session].value, "language": language}
    context = browser.new_context(base_url=portal.url)
    context.add_cookies(
        [{"name": n, "value": v, "url": portal.url} for n, v in cookies.items()]
    )
    context.add_init_script(WATCH)
    return context.new_page()


def test_every_page_keeps_its_budget_and_the_policy(
    browser, portal, owner, scene, signed_in
):
    client = signed_in(owner)
    broken, seen = [], []
    for path in paths(scene):
        if not opens_as_page(client, path):
            continue
        seen.append(path)
        # The forms are the largest, and larger in Arabic.
        form = path.endswith(("/clients/new/", "/edit/"))
        for language in ("en", "ar") if form else ("en",):
            page = opened(browser, portal, client, language)
            page.goto(path, wait_until="load")
            shown = page.evaluate(MEASURE)
            broken += faults(f"{path} ({language})", shown, page.content())
            page.set_viewport_size({"width": 320, "height": 800})
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if wide:
                broken.append(f"{path} is {wide} px wider than a window of 320 px")
            page.context.close()
    assert broken == []
    assert len(seen) > 12


def test_the_form_is_painted_whole_on_a_slow_line(
    browser, portal, owner, scene, signed_in
):
    page = opened(browser, portal, signed_in(owner))
    form = f"/o/{scene['slug']}/clients/new/"
    page.goto(form, wait_until="load")  # from now on only the page itself is on its way
    line = page.context.new_cdp_session(page)
    line.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 20,
            "downloadThroughput": 4096,
            "uploadThroughput": 4096,
        },
    )
    page.goto(form, wait_until="load")
    page.wait_for_timeout(100)
    assert page.evaluate("window.shifts") == 0
    page.context.close()


class Nested(HTMLParser):
    """Notes the first tag that closes what is not open, or stays open."""

    # An option ends where the next one begins.
    VOID = frozenset(
        ["br", "col", "hr", "img", "input", "link", "meta", "rect", "source", "wbr"]
        + ["option"]
    )

    def __init__(self, html):
        super().__init__()
        self.open, self.fault = [], ""
        self.feed(html)
        if self.open and not self.fault:
            self.fault = f"<{self.open[-1]}> stays open"

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        if self.open and self.open[-1] == tag:
            self.open.pop()
        elif not self.fault:
            line, column = self.getpos()
            self.fault = f"</{tag}> at {line}:{column} closes nothing that is open"


def test_every_page_is_nested_as_it_should_be(scene, owner, signed_in):
    client = signed_in(owner)
    found = {}
    for path in paths(scene):
        if opens_as_page(client, path):
            html = b"".join(client.get(path)).decode()
            found[path] = Nested(html).fault

    assert found == dict.fromkeys(found, "")
    assert len(found) > 12


def opens_as_page(client, path):
    if path.endswith((".csv", "/status/", "/matches/")):
        return False
    answer = client.get(path)
    kind = answer.headers.get("Content-Type", "")
    ours = answer.status_code in {200, 404} and kind.startswith("text/html")
    return ours and b"<html" in b"".join(answer)


def faults(path, shown, html):
    found = []
    if shown["bytes"] > MOST_BYTES:
        found.append(f"{path} takes {shown['bytes']} bytes")
    if shown["requests"] + ICON > MOST_REQUESTS:
        found.append(f"{path} takes {shown['requests'] + ICON} requests")
    if shown["shifts"] > 0:
        found.append(f"{path} shifts by {shown['shifts']:.4f}")
    if shown["breaches"]:
        found.append(f"{path} breaks {shown['breaches']}")
    if re.search(r"<[a-z][^>]*\s(style|on[a-z]+)=", html):
        found.append(f"{path} has a style or a handler inside")
    return found
