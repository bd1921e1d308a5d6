"""More of what OWASP ASVS asks of the portal as a whole: see tests/asvs.toml."""

import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from allauth.mfa import app_settings as mfa
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings as django_settings
from django.contrib.auth.hashers import Argon2PasswordHasher as Hasher
from django.core.cache import cache
from django.test import Client, override_settings
from django.urls import reverse

from clients_app.models import AuditEvent, Submission, User
from heffl_portal.log_config import JsonFormatter
from tests.journeys import sign_in_by_hand

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"
PAGES = [
    "/accounts/login/",
    "/accounts/password/reset/",
    "/nowhere/",
    "/healthz",
    "/readyz",
    "/o/al-noor/clients/",
    "/o/al-noor/clients/new/",
    "/o/al-noor/clients/export.csv",
    "/o/al-noor/settings/members/",
    "/s/al-noor/",
    "/s/nowhere/",
    "/webhooks/heffl/al-noor/",
    "/static/nothing.css",
]


@pytest.fixture
def person(owner):
    cache.clear()
    owner.user.set_password(PASSWORD)
    owner.user.save()
    return owner.user


def sign_in(browser, password=PASSWORD):
    person = User.objects.get(email="owner@al-noor.test")
    return sign_in_by_hand(browser, person, password)


@pytest.mark.parametrize("path", PAGES)
def test_no_answer_lets_another_origin_read_it(owner, signed_in, path):
    browser = signed_in(owner)

    for answer in (
        browser.get(path, headers={"origin": "https://evil.test"}),
        browser.options(path, headers={"origin": "https://evil.test"}),
    ):
        named = {name.lower() for name in answer.headers}
        assert not {name for name in named if name.startswith("access-control-")}


@pytest.mark.parametrize("path", PAGES)
def test_every_answer_says_its_type_and_charset(owner, signed_in, path):
    for method in ("get", "post", "put", "delete", "options"):
        answer = getattr(signed_in(owner), method)(path)
        body = answer.getvalue() if answer.streaming else answer.content
        kind = answer.headers.get("Content-Type", "")
        if body:
            assert kind, f"{method} {path}"
        if kind.startswith("text/") or "xml" in kind:
            assert "charset=utf-8" in kind.lower()


@override_settings(SECURE_SSL_REDIRECT=True)
def test_a_machine_that_calls_without_https_is_refused_not_led_on(db, organisation):
    for slug in ("al-noor", "nowhere"):
        path = reverse("webhook-receive", args=[slug])
        answer = Client().post(path, b"{}", content_type="application/json")
        assert answer.status_code == 403
        assert "Location" not in answer.headers
    assert Client().get("/accounts/login/").headers["Location"].startswith("https://")


def test_a_password_is_changed_by_who_knows_it(person, client):
    sign_in(client)
    new = "another fine password"
    typed = {"password1": new, "password2": new}

    for wrong in ("", "not that one"):
        client.post("/accounts/password/change/", {"oldpassword": wrong, **typed})
        person.refresh_from_db()
        assert person.check_password(PASSWORD)

    client.post("/accounts/password/change/", {"oldpassword": PASSWORD, **typed})
    person.refresh_from_db()
    assert person.check_password(new)


@pytest.mark.parametrize(
    "new",
    [
        "only small letters and blanks",
        "كلمة سر طويلة بما يكفي",
        "  blanks at both ends  ",
        "A" + "bcdefghi " * 12,
        "🐪" * 20,
    ],
)
def test_any_long_password_is_kept_as_it_is(person, client, new):
    sign_in(client)
    typed = {"oldpassword": PASSWORD, "password1": new, "password2": new}

    client.post("/accounts/password/change/", typed)

    person.refresh_from_db()
    assert person.check_password(new)
    assert not person.check_password(new.strip().lower()) or new == new.strip().lower()
    again = Client()
    sign_in(again, new)
    assert again.get("/accounts/email/").status_code == 200 or (
        "2fa" in sign_in(Client(), new).url
    )


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/password/change/"])
def test_password_inputs_are_masked_and_open_to_managers(person, client, path):
    if path != "/accounts/login/":
        sign_in(client)
    page = client.get(path).content.decode()

    inputs = re.findall(r'<input[^>]*name="\w*password\w*"[^>]*>', page)
    assert inputs
    for one in inputs:
        assert 'type="password"' in one
        assert re.search(r'autocomplete="(current|new)-password"', one)
    scripts = "".join(path.read_text() for path in ROOT.glob("static/*.js"))
    assert not re.search(r"['\"]paste['\"]", scripts)


def test_a_new_installation_has_nobody(db):
    assert not User.objects.exists()


def test_codes_are_random_enough_and_short_lived(person):
    assert mfa.TOTP_PERIOD == 30
    assert mfa.TOTP_TOLERANCE == 0
    assert len({generate_totp_secret() for _ in range(50)}) == 50
    assert len(generate_totp_secret()) * 5 >= 160
    codes = RecoveryCodes.activate(person).get_unused_codes()
    assert len(set(codes)) == len(codes) >= 8
    assert all(len(code) * 4 >= 20 for code in codes)


def test_a_session_is_random_and_known_to_the_server_alone(person, client):
    sign_in(client)
    cookie = client.cookies["session"].value

    assert re.fullmatch(r"[a-z0-9]{32}", cookie)  # 165 bits, and nothing but a name
    assert client.get("/accounts/email/").status_code in (200, 302)
    stranger = Client()
    stranger.cookies["session"] = "a" * 32
    assert stranger.get("/o/al-noor/clients/").status_code == 302
    assert django_settings.SESSION_ENGINE.endswith((".db", "sessions"))


def test_a_session_that_ended_is_of_no_use(frontdesk, signed_in):
    browser = signed_in(frontdesk)
    kept = browser.cookies["session"].value
    assert browser.get("/o/al-noor/clients/").status_code == 200

    browser.post("/accounts/logout/")

    thief = Client()
    thief.cookies["session"] = kept
    assert thief.get("/o/al-noor/clients/").status_code == 302


@pytest.mark.parametrize(
    "path",
    [
        "/o/al-noor/clients/",
        "/o/al-noor/clients/new/",
        "/o/al-noor/review/",
        "/o/al-noor/settings/members/",
        "/o/al-noor/import/",
        "/accounts/preferences/",
    ],
)
def test_signing_out_is_on_every_page(owner, signed_in, path):
    page = signed_in(owner).get(path, follow=True).content.decode()

    assert reverse("account_logout") in page


def test_passwords_are_stored_as_argon2():
    settings = (ROOT / "heffl_portal" / "settings.py").read_text()
    first = re.search(r'^PASSWORD_HASHERS = \[\s*"([^"]+)"', settings, re.M)[1]
    assert first == "django.contrib.auth.hashers.Argon2PasswordHasher"
    # At least what OWASP names: 19 MiB and two rounds.
    assert Hasher.memory_cost >= 19 * 1024
    assert Hasher.time_cost >= 2
    assert Hasher().encode("x" * 12, "saltsaltsalt").startswith("argon2$argon2id$")


@pytest.mark.parametrize(
    "path",
    [
        "/.git/config",
        "/.env",
        "/manage.py",
        "/static/",
        "/static/vendor/",
        "/static/../manage.py",
        "/static/%2e%2e/manage.py",
        "/var/",
        "/o/",
        "/s/",
    ],
)
def test_no_folder_and_no_source_is_served(db, client, path):
    answer = client.get(path)

    assert answer.status_code in {302, 404}
    assert b"DJANGO_SETTINGS" not in getattr(answer, "content", b"")


@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/o/al-noor/clients/"])
def test_trace_is_not_answered(owner, signed_in, path):
    answer = signed_in(owner).generic("TRACE", path, headers={"x-secret": "told"})

    assert answer.status_code in {302, 403, 404, 405}
    assert b"told" not in answer.content


@pytest.mark.slow
def test_production_loads_neither_tests_nor_the_stand_in():
    script = (
        "import sys, django; django.setup(); from django.urls import get_resolver; "
        "get_resolver().url_patterns; import heffl_portal.wsgi; "
        "print([m for m in sys.modules if m.split('.')[0] in "
        "('tests', 'heffl_sandbox', 'scripts', 'benchmarks', 'pytest', 'playwright')])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "heffl_portal.settings"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.stdout.strip() == "[]", done.stderr


def test_a_name_given_twice_means_one_thing(owner, signed_in):
    """The last one counts, for the check and for what is stored alike."""
    page = "/o/al-noor/clients/new/"
    browser = signed_in(owner)
    token = re.search(
        r'name="submission_token"[^>]*value="([^"]+)"',
        browser.get(page).content.decode(),
    )[1]
    body = (
        f"submission_token={token}&type=contact&type=company&phone=1&phone=&name=Fine"
    )

    browser.post(
        f"{page}?type=contact&name=Other",
        body,
        content_type="application/x-www-form-urlencoded",
    )

    made = Submission.objects.get()
    assert made.type == "company"
    assert made.answers == {"name": "Fine"}


def formatted(record: logging.LogRecord) -> dict[str, object]:
    """Return the line that a record makes, read as JSON."""
    line = JsonFormatter().format(record)
    assert "\n" not in line
    return dict(json.loads(line))


def test_a_log_line_says_when_where_who_and_what(frontdesk, signed_in, caplog):
    with caplog.at_level(logging.INFO, logger="portal.web"):
        signed_in(frontdesk).get("/o/al-noor/clients/")

    record = next(each for each in caplog.records if each.message == "request")
    line = formatted(record)
    assert line["at"].endswith("+00:00")
    assert line["logger"] == "portal.web"
    assert line["route"] == "submission-list"
    assert line["method"] == "GET"
    assert line["user"] == frontdesk.user.pk


def test_what_people_send_cannot_forge_a_log_line(db, client, caplog):
    forged = '%0a{"level": "info", "message": "all is well"}'
    with caplog.at_level(logging.INFO):
        client.get(f"/nowhere/{forged}", headers={"x-request-id": "a\nb" * 5})

    for record in caplog.records:
        assert "all is well" not in json.dumps(formatted(record))


def test_every_step_of_signing_in_is_noted_with_its_factor(frontdesk, client):
    frontdesk.user.set_password(PASSWORD)
    frontdesk.user.save()
    for browser, password in ((Client(), "wrong"), (client, PASSWORD)):
        typed = {"login": frontdesk.user.email, "password": password}
        browser.post("/accounts/login/", typed)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})

    noted = AuditEvent.objects.filter(action__contains="sign").order_by("id")
    assert [(each.action, each.detail) for each in noted] == [
        ("sign_in_failed", {}),
        ("signed_in", {"factors": ["password"]}),
        ("sign_in.confirmed", {"factors": ["password"]}),
    ]


def test_a_second_factor_is_noted_beside_the_password(person, client):
    codes = RecoveryCodes.activate(person).get_unused_codes()
    TOTP.activate(person, generate_totp_secret())
    sign_in(client)

    client.post("/accounts/2fa/authenticate/", {"code": codes[0]})

    noted = AuditEvent.objects.get(action="signed_in")
    assert noted.detail == {"factors": ["password", "recovery_codes"]}
