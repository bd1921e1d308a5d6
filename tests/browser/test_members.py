"""Members in a real browser: invited, a second factor set up, signed in with it; passkeys."""

from __future__ import annotations

import os
import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from axe_playwright_python.sync_playwright import Axe
from django.core.cache import cache

from clients_app import audit
from clients_app.models import Membership, Role
from clients_app.organisation import members
from tests.factories import MembershipFactory, SubmissionFactory

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _fresh():
    cache.clear()


def invited(
    owner, live_server, role=Role.ADMIN, language="en", email="new@people.test"
):
    links = []

    def link_for(token):
        links.append(f"/invitation/{token}/")
        return live_server.url + links[0]

    members.invite(owner, email, role, language, link_for=link_for)
    return links[0]


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def sign_out(page):
    page.goto("/accounts/logout/")
    page.locator("main button").first.click()
    page.wait_for_url("**/accounts/login/**")


@pytest.mark.asvs("6.3.3")
def test_an_invited_admin_sets_a_second_factor_up_and_signs_in_with_it(
    owner, open_page, live_server
):
    page = open_page()
    page.goto(invited(owner, live_server))
    page.fill("[name=name]", "Nadia")
    page.fill("[name=password]", PASSWORD)
    press(page, "Join")

    # Whoever must have a second factor gets no further without one.
    page.wait_for_url("**/accounts/2fa/totp/activate/")
    secret = page.locator(".field .secret").inner_text()
    code = format_hotp_value(hotp_value(secret, int(time.time()) // 30))
    page.fill("[name=code]", code)
    press(page, "Switch on")
    page.wait_for_url("**/recovery-codes/**")
    spare = page.locator("ul.secret li").first.inner_text()

    sign_out(page)
    page.fill("[name=login]", "new@people.test")
    page.fill("[name=password]", PASSWORD)
    press(page, "Sign in")
    page.wait_for_url("**/accounts/2fa/authenticate/**")
    page.fill("[name=code]", spare)
    press(page, "Sign in")

    page.wait_for_url("**/o/al-noor/clients/new/")
    assert Membership.objects.get(user__email="new@people.test").role == "admin"


@pytest.mark.asvs("6.5.1")
def test_a_passkey_is_added_and_signs_in_alone(owner, open_page, live_server):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    page = open_page()
    cdp = page.context.new_cdp_session(page)
    cdp.send("WebAuthn.enable")
    cdp.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
                "hasUserVerification": True, "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )  # fmt: skip
    page.goto("/accounts/login/")
    page.fill("[name=login]", owner.user.email)
    page.fill("[name=password]", PASSWORD)
    press(page, "Sign in")
    page.get_by_role("link", name="Use a passkey instead").click()
    page.fill("[name=name]", "Work phone")
    press(page, "Add a passkey")
    page.wait_for_url("**/recovery-codes/**")
    page.goto("/accounts/2fa/webauthn/")
    assert "Work phone" in page.locator("table").inner_text()

    sign_out(page)
    press(page, "Sign in with a passkey")
    page.wait_for_url("**/clients/new/")

    sign_out(page)
    page.fill("[name=login]", owner.user.email)
    page.fill("[name=password]", PASSWORD)
    press(page, "Sign in")
    page.wait_for_url("**/accounts/2fa/authenticate/**")
    press(page, "Use a passkey")
    page.wait_for_url("**/clients/new/")

    page.goto("/o/al-noor/settings/members/")
    page.wait_for_url("**/settings/members/")
    factor = Authenticator.objects.get(type=Authenticator.Type.WEBAUTHN)
    assert factor.last_used_at is not None


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_pages_of_members_are_accessible(
    owner, open_page, live_server, language, scheme
):
    for role in (Role.OWNER, Role.ADMIN, Role.FRONTDESK):
        target = MembershipFactory(organisation=owner.organisation, role=role)
    target.suspended_at = target.created_at
    target.save()
    submission = SubmissionFactory(organisation=owner.organisation)
    for action in ("export", "submission.dropped", "member.suspended"):
        about = submission if action.startswith("sub") else target
        audit.record(
            action, organisation=owner.organisation, actor=owner.user, about=about,
            detail={"role": "admin"},
        )  # fmt: skip
    link = invited(owner, live_server, language=language)
    page = open_page(owner, language, color_scheme=scheme)
    stranger = open_page(None, language, color_scheme=scheme)
    found = {}
    visits = [
        (page, "/o/al-noor/settings/members/"),
        (page, f"/o/al-noor/settings/members/{target.pk}/"),
        (page, "/o/al-noor/audit/"),
        (page, "/o/al-noor/audit/?from=x&person=y"),
        (page, "/accounts/2fa/"),
        (page, "/accounts/2fa/webauthn/"),
        (page, "/accounts/2fa/webauthn/add/"),
        (stranger, link),
        (stranger, "/accounts/login/"),
    ]

    for number, (tab, address) in enumerate(visits):
        tab.goto(address)
        bad = Axe().run(tab).response["violations"]
        if bad:
            found[address] = [f"{v['id']}: {v['nodes'][0]['html'][:120]}" for v in bad]
        for width in (1280, 375):
            tab.set_viewport_size({"width": width, "height": 900})
            wide = tab.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found[f"{address} at {width}"] = wide
            if folder := os.environ.get("SCREENSHOTS"):
                name = re.sub(r"\W+", "-", f"{number}-{language}-{scheme}-{width}")
                tab.screenshot(path=f"{folder}/{name}.png", full_page=True)

    assert found == {}
