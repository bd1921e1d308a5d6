"""The pages for strangers in a real browser: framed, without cookies or scripts, in Arabic."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from clients_app.models import (
    ApprovalMode,
    CustomFieldKind,
    SignupPage,
    Status,
    Submission,
)
from scripts import chromium
from tests.browser.conftest import ARGUMENTS, PATIENCE
from tests.factories import CustomFieldFactory

PAGE = "/s/al-noor/"


@pytest.fixture
def page_of(organisation):
    organisation.signup_mode = ApprovalMode.SUSPICIOUS
    organisation.save()
    return SignupPage.objects.create(organisation=organisation)


def fill(form, name="Gulf Star LLC"):
    form.locator("#id_name").fill(name)
    form.get_by_role("button", name="Send").click()


def barriers(page):
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


class _Host(http.server.BaseHTTPRequestHandler):
    """Another site: one page with the frame in it, and a cookie of its own."""

    frame = ""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.frame.encode())

    def log_message(self, *args):
        """Say nothing."""


@pytest.fixture
def site(live_server) -> Iterator[str]:
    """Return the address of a site of somebody else that frames the signup page."""
    attributes = f'src="{live_server.url}{PAGE}embed/" width="700" height="900"'
    handler = type("Host", (_Host,), {"frame": f"<h1>Shop</h1><iframe {attributes}>"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser, live_server):
    """Return a function that opens a page without cookies; what it logs is kept."""
    contexts = []

    def open_one(**options):
        options.setdefault("viewport", {"width": 1280, "height": 900})
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.said = []
        page.asked = []
        page.on("console", lambda message: page.said.append(message.text))
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("request", lambda request: page.asked.append(request.url))
        return page

    yield open_one
    for context in contexts:
        context.close()


def test_a_visitor_with_scripts_is_proved_and_sent_at_once(visit, live_server, page_of):
    page = visit()
    page.goto(PAGE)
    fill(page)
    page.wait_for_url("**/r/*/")

    row = Submission.objects.get()
    assert (row.status, row.held_for) == (Status.QUEUED, [])
    assert page.inner_text("h1") == "Thank you"
    assert page.evaluate("document.activeElement.tagName") == "H1"
    assert page.context.cookies() == []
    assert page.said == []
    assert {urlsplit(url).netloc for url in page.asked} == {
        urlsplit(live_server.url).netloc
    }


@pytest.mark.parametrize(
    ("language", "governorate", "capital", "elsewhere"),
    [
        ("en", "Governorate", "Capital", "State or province"),
        ("ar", "المحافظة", "العاصمة", "الولاية أو المقاطعة"),
    ],
)
def test_the_country_decides_what_an_area_is_called(
    visit, page_of, language, governorate, capital, elsewhere
):
    page = visit()
    page.goto(f"{PAGE}?lang={language}")
    page.locator("summary:has(.preset)").click()
    country = page.locator("#id_billing_address__country")

    country.select_option("BH")
    area = page.get_by_label(governorate)
    assert area.get_attribute("list") == "areas"
    assert page.locator("#areas option").first.inner_text() == capital
    country.select_option("DE")
    assert page.get_by_label(elsewhere).get_attribute("list") == ""
    assert page.locator("#areas option").count() == 0
    country.select_option("BH")
    page.goto(f"{PAGE}?lang={language}&type=contact")
    page.go_back()  # The browser puts back what was chosen.
    assert country.input_value() == "BH"
    assert area.get_attribute("list") == "areas"
    assert page.said == []


def test_a_page_that_asks_for_no_area_is_none_the_worse(visit, page_of):
    page_of.hidden_fields = ["billing_address__state"]
    page_of.save()
    page = visit()
    page.goto(PAGE)
    page.get_by_text("Billing address").click()
    page.select_option("#id_billing_address__country", "BH")

    assert page.locator("#areas").count() == 0
    assert page.said == []


def test_the_proof_is_loaded_after_the_page(visit, page_of):
    page = visit()
    page.goto(PAGE, wait_until="load")
    loaded = [url for url in page.asked if "altcha" not in url]
    page.wait_for_selector("altcha-widget input[name=altcha]", state="attached")

    assert len(loaded) <= 5
    assert sum("altcha" in url for url in page.asked) >= 2


def test_without_scripts_it_works_and_waits_for_a_person(visit, page_of):
    page = visit(java_script_enabled=False)
    page.goto(PAGE)
    page.check("#id_type_1")
    assert not page.is_visible("#id_name")
    page.fill("#id_first_name", "سارة")
    page.get_by_role("button", name="Send").click()

    row = Submission.objects.get()
    assert page.inner_text("h1") == "Thank you"
    assert (row.status, row.type, row.held_for[-1]) == (
        "PENDING",
        "contact",
        "unverified",
    )


@pytest.fixture
def strict_browser(browser) -> Iterator[Browser]:
    """Return a second Chromium, one that gives no cookie to what is framed."""
    strict = browser.browser_type.launch(
        executable_path=chromium.find(),
        args=[*ARGUMENTS, "--test-third-party-cookie-phaseout"],
    )
    yield strict
    strict.close()


def test_framed_by_an_allowed_site_it_works_with_third_party_cookies_blocked(
    strict_browser, site, live_server, page_of
):
    page_of.allowed_origins = [site]
    page_of.save()
    context = strict_browser.new_context()
    page = context.new_page()
    said, cookies = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("response", lambda one: cookies.append(one.header_value("set-cookie")))

    # The server is called localhost and the site 127.0.0.1: to a browser, strangers.
    page.goto(site)
    frame = page.frame_locator("iframe")
    fill(frame)
    frame.get_by_role("heading", name="Thank you").wait_for()

    row = Submission.objects.get()
    link = frame.get_by_role("link", name="See how far it is")
    assert urlsplit(live_server.url).hostname == "localhost"
    assert (row.status, row.held_for) == ("QUEUED", [])
    assert link.get_attribute("target") == "_blank"
    assert set(cookies) == {None}
    assert context.cookies() == []
    assert not any("Content Security" in words for words in said)


def test_framed_by_another_site_it_does_not_show(visit, site, page_of):
    page_of.allowed_origins = ["https://al-noor.example"]
    page_of.save()
    page = visit()
    page.goto(site)

    assert page.frame_locator("iframe").locator("form").count() == 0
    assert any("frame-ancestors" in words for words in page.said)


@pytest.mark.parametrize("errors", [False, True])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_there_are_no_barriers(visit, organisation, page_of, language, errors):
    for kind in (CustomFieldKind.OPTIONS, CustomFieldKind.YES_NO, CustomFieldKind.DATE):
        CustomFieldFactory(organisation=organisation, key=f"cf_{kind}", kind=kind)
    page = visit(viewport={"width": 375, "height": 800})
    page.goto(f"{PAGE}?lang={language}")
    if errors:
        page.fill("#id_website", "no site")
        page.locator("form .btn").first.click()
        page.wait_for_selector(".summary")
        assert page.evaluate("document.activeElement.className") == "summary"
    found = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        found += barriers(page)

    assert found == []
    assert page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
