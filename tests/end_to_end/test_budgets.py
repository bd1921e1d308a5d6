"""Every page of the portal on its first load, in a real browser over the real server.

The pages are those of the manifest in test_tenancy.py: whoever adds one finds it here.
"""

from __future__ import annotations

import re

import pytest
from django.conf import settings

from clients_app.models import CustomFieldKind
from tests.factories import CustomFieldFactory, SubmissionFactory
from tests.integration.test_tenancy import OF_A_PERSON, OF_AN_ORGANISATION

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


def test_every_page_keeps_its_budget_and_the_policy(
    browser, portal, owner, scene, signed_in
):
    client = signed_in(owner)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    broken, seen = [], []
    for path in paths(scene):
        if not opens_as_page(client, path):
            continue
        context = browser.new_context(base_url=portal.url)
        context.add_cookies(
            [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": portal.url}]
        )
        context.add_init_script(WATCH)
        page = context.new_page()
        loads = watch(context, page)
        page.goto(path, wait_until="load")
        first = list(loads)
        shown = page.evaluate("() => [window.shifts, window.breaches]")
        seen.append(path)
        broken += faults(path, first, shown, page.content())
        context.close()
    assert broken == []
    assert len(seen) > 12


def opens_as_page(client, path):
    if path.endswith((".csv", "/status/", "/matches/")):
        return False
    answer = client.get(path)
    kind = answer.headers.get("Content-Type", "")
    ours = answer.status_code in {200, 404} and kind.startswith("text/html")
    return ours and b"<html" in b"".join(answer)


def watch(context, page):
    """Return a list that grows with the bytes of each finished request."""
    loads = []
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.on(
        "Network.loadingFinished",
        lambda event: loads.append(event["encodedDataLength"]),
    )
    return loads


def faults(path, loads, shown, html):
    shifts, breaches = shown
    found = []
    if sum(loads) > MOST_BYTES:
        found.append(f"{path} takes {sum(loads):.0f} bytes")
    if len(loads) > MOST_REQUESTS:
        found.append(f"{path} takes {len(loads)} requests")
    if shifts > 0:
        found.append(f"{path} shifts by {shifts:.4f}")
    if breaches:
        found.append(f"{path} breaks {breaches}")
    if re.search(r"<[a-z][^>]*\s(style|on[a-z]+)=", html):
        found.append(f"{path} has a style or a handler inside")
    return found
