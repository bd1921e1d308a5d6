"""Every page, as a browser gets it: small, accessible, upright on a phone, and at home."""

from __future__ import annotations

import pytest

from clients_app.models import Status
from tests.accessibility import violations
from tests.factories import CustomFieldFactory, SubmissionFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
MOST_BYTES = 15 * 1024
MOST_REQUESTS = 6

STATES = [status for status in Status.values if status != Status.CREATED]


@pytest.fixture
def furnished(organisation, owner):
    """Fill the organisation with one client of each status and one field of each kind."""
    from clients_app.models import CustomFieldKind

    for kind in CustomFieldKind.values:
        options = ["A", "B"] if kind.startswith("option") else []
        CustomFieldFactory(
            organisation=organisation, key=f"cf_{kind}", kind=kind, options=options
        )
    from datetime import timedelta

    from django.utils import timezone

    later = timezone.now() + timedelta(hours=2)
    for status in Status.values:
        SubmissionFactory(
            organisation=organisation,
            status=status,
            display_name=f"Client {status.title()} شركة",
            created_by=owner.user,
            not_before=later,
            lease_until=later if status == Status.SENDING else None,
            reconcile_at=later if status == Status.UNCERTAIN else None,
            heffl_id="clt_1" if status == Status.CREATED else "",
            number="CLT-00001" if status == Status.CREATED else "",
            problem="http_400" if status == Status.NEEDS_FIX else "",
            message="Invalid email address format"
            if status == Status.NEEDS_FIX
            else "",
            closed_reason="Twice" if status in ("REJECTED", "DROPPED") else "",
            candidates=[
                {
                    "id": "clt_9",
                    "number": "CLT-9",
                    "name": "Client",
                    "email": "",
                    "phone": "",
                    "created_at": "2026-01-01T00:00:00+00:00",
                }
            ]
            if status == Status.REVIEW
            else [],
        )
    return organisation


def addresses(organisation) -> list[str]:
    base = f"/o/{organisation.slug}"
    details = [f"{base}/clients/{row.uuid}/" for row in organisation.submissions.all()]
    needs_fix = organisation.submissions.get(status=Status.NEEDS_FIX)
    return [
        f"{base}/clients/new/",
        f"{base}/clients/new/?type=contact",
        f"{base}/clients/",
        f"{base}/clients/?status=CREATED&type=company",
        f"{base}/clients/?q=nothing-like-it",
        f"{base}/clients/?from=rubbish",
        *details,
        f"{base}/clients/{needs_fix.uuid}/edit/",
        f"{base}/settings/fields/",
        f"{base}/settings/fields/new/",
        f"{base}/settings/heffl/",
        f"{base}/settings/signup/",
        f"{base}/settings/signup/poster/",
        "/accounts/preferences/",
        "/nowhere/",
    ]


def with_errors(page) -> None:
    page.goto("/o/al-noor/clients/new/?type=contact")
    page.fill("[name=phone]", "12x")
    page.locator("form[data-main] button").first.click()
    page.locator(".summary").wait_for()


def check_everywhere(page, organisation, check):
    """Run a check on every page and on the form with errors; return what it found."""
    found = {}
    for address in addresses(organisation):
        page.goto(address)
        if result := check(page):
            found[address] = result
    with_errors(page)
    if result := check(page):
        found["errors"] = result
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing_on_any_page(
    sign_in, portal, owner, furnished, scheme, language
):
    page = sign_in(owner, color_scheme=scheme, bypass_csp=True)
    page.context.add_cookies(
        [{"name": "language", "value": language, "url": portal.url}]
    )

    found = check_everywhere(page, furnished, violations)

    assert page.locator("html").get_attribute("lang") == language
    assert found == {}


def test_axe_finds_nothing_when_nobody_is_signed_in(open_browser, portal):
    page = open_browser(bypass_csp=True)

    page.goto("/accounts/login/")
    clean = violations(page)
    page.fill("[name=login]", "nobody@example.test")
    page.fill("[name=password]", "wrong wrong wrong")
    page.press("[name=password]", "Enter")
    page.wait_for_load_state()
    wrong = violations(page)
    page.goto("/accounts/password/reset/")

    assert (clean, wrong, violations(page)) == ([], [], [])


@pytest.mark.parametrize("width", [320, 375, 1280])
def test_no_page_is_wider_than_its_window(sign_in, portal, owner, furnished, width):
    page = sign_in(owner, viewport={"width": width, "height": 800})

    found = check_everywhere(
        page,
        furnished,
        lambda page: page.evaluate(
            "Math.max(0, document.documentElement.scrollWidth - innerWidth)"
        ),
    )

    assert found == {}


def test_every_status_has_words_of_its_own(sign_in, portal, owner, furnished):
    page = sign_in(owner)
    said = {}
    for row in furnished.submissions.exclude(status=Status.CREATED):
        page.goto(f"/o/al-noor/clients/{row.uuid}/")
        said[row.status] = page.locator("[data-status]").first.inner_text()

    assert set(said) == set(STATES)
    assert len(set(said.values())) == len(STATES)


def test_no_page_has_inline_style_or_script(sign_in, portal, owner, furnished):
    page = sign_in(owner)

    found = check_everywhere(
        page,
        furnished,
        lambda page: page.evaluate(
            """() => [...document.querySelectorAll("*")].filter(node =>
              node.hasAttribute("style") ||
              (node.tagName === "SCRIPT" && !node.src) || node.tagName === "STYLE" ||
              [...node.attributes].some(a => a.name.startsWith("on"))
            ).map(node => node.outerHTML.slice(0, 100))"""
        ),
    )

    assert found == {}
