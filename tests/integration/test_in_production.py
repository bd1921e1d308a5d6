"""The main journeys as production has them: HTTPS, one host, a proxy in front, CSRF checked."""

from __future__ import annotations

import re
import runpy

import pytest
from django.core import mail
from django.core.cache import cache
from django.test import Client

from clients_app.models import Submission
from tests.journeys import AN_HOUR, AUTHENTICATE, LOGIN, code_now, enrolled

HOST = "portal.example.com"
PASSWORD = "correct horse battery"
CLIENTS = "/o/al-noor/clients/"
PROXY = {
    "HTTP_HOST": HOST,
    "HTTP_X_FORWARDED_PROTO": "https",
    "HTTP_X_FORWARDED_FOR": "203.0.113.9",
}
# What follows from the host and the proxy; the rest is the same everywhere.
FOLLOWS = re.compile(
    r"(SESSION|CSRF|LANGUAGE)_COOKIE_(NAME|SECURE)|SECURE_\w+|ALLOWED_HOSTS|HTTPS_ONLY"
    r"|MFA_\w+_ORIGIN|\w*TRUSTED_PROXY_COUNT"
)


@pytest.fixture(autouse=True)
def _production(db, settings, monkeypatch):
    """Give the settings that our own file makes of production's environment."""
    cache.clear()
    monkeypatch.setenv("ALLOWED_HOSTS", HOST)
    monkeypatch.setenv("TRUSTED_PROXY_COUNT", "1")
    made = runpy.run_path("heffl_portal/settings.py")
    for name in filter(FOLLOWS.fullmatch, made):
        setattr(settings, name, made[name])
    assert settings.SECURE_SSL_REDIRECT
    assert settings.MFA_REQUIRED_ROLES == ["owner", "admin"]


@pytest.fixture
def browser():
    return Client(enforce_csrf_checks=True, **PROXY)


def post(browser, path, data, page=None):
    """Send a form as its page would: with the page's token, and saying whence it comes."""
    html = browser.get(page or path).content.decode()
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', html)[1]
    return browser.post(
        path,
        {**data, "csrfmiddlewaretoken": token},
        headers={"referer": f"https://{HOST}{path}", "origin": f"https://{HOST}"},
    )


@pytest.fixture
def signed_in_by_hand(browser, owner):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    enrolled(owner.user)
    asked = post(browser, LOGIN, {"login": owner.user.email, "password": PASSWORD})
    assert asked.url.startswith(AUTHENTICATE)
    post(browser, AUTHENTICATE, {"code": code_now()})
    return browser


def test_a_client_is_entered_found_and_exported(signed_in_by_hand, organisation):
    new = f"{CLIENTS}new/"
    page = signed_in_by_hand.get(new).content.decode()
    token = re.search(r'name="submission_token" value="([^"]+)"', page)[1]

    answer = post(
        signed_in_by_hand,
        new,
        {"type": "company", "name": "Gulf Star", "submission_token": token},
    )

    assert answer.status_code == 303
    assert Submission.objects.get().display_name == "Gulf Star"
    assert "Gulf Star" in signed_in_by_hand.get(CLIENTS).content.decode()
    rows = b"".join(signed_in_by_hand.get(f"{CLIENTS}export.csv").streaming_content)
    assert b"Gulf Star" in rows


def test_what_is_protected_asks_for_the_password(signed_in_by_hand):
    members = "/o/al-noor/settings/members/"
    session = signed_in_by_hand.session
    for record in session["account_authentication_methods"]:
        record["at"] -= AN_HOUR
    session.save()
    asked = signed_in_by_hand.get(members)

    answer = post(signed_in_by_hand, asked.url, {"password": PASSWORD, "next": members})

    assert answer.url == members
    assert signed_in_by_hand.get(members).status_code == 200


def test_every_cookie_is_for_this_host_and_https_alone(signed_in_by_hand):
    signed_in_by_hand.get("/accounts/preferences/")
    kept = {name for name, found in signed_in_by_hand.cookies.items() if found.value}

    assert {"__Host-session", "__Host-csrf"} <= kept
    assert all(found["secure"] for found in signed_in_by_hand.cookies.values())


def test_links_in_mail_lead_to_this_host_by_https(browser, owner):
    post(browser, "/accounts/password/reset/", {"email": owner.user.email})

    assert f"https://{HOST}/accounts/password/reset/key/" in mail.outbox[0].body


def test_a_stranger_signs_up(browser, organisation):
    organisation.signup_mode = "send"
    organisation.save()
    page = browser.get("/s/al-noor/")

    assert page.status_code == 200
    assert not page.cookies
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")


def test_plain_http_is_led_to_https_and_another_host_is_refused(owner):
    plain = Client(HTTP_HOST=HOST).get(CLIENTS)
    foreign = Client(**{**PROXY, "HTTP_HOST": "evil.example"}).get(CLIENTS)

    assert (plain.status_code, plain.url) == (301, f"https://{HOST}{CLIENTS}")
    assert foreign.status_code == 400


def test_a_form_from_elsewhere_is_refused(signed_in_by_hand):
    answer = signed_in_by_hand.post("/accounts/logout/", {})

    assert answer.status_code == 403
    assert signed_in_by_hand.get(CLIENTS).status_code == 200
