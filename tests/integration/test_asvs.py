"""What OWASP ASVS asks of the portal as a whole and no other test shows: see tests/asvs.py."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY, TOTP
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client

from clients_app.models import AuditEvent, Submission, User
from tests.factories import SubmissionFactory
from tests.journeys import fully_signed_in, sign_in_by_hand

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "correct horse battery"


@pytest.fixture
def person(owner):
    cache.clear()
    owner.user.set_password(PASSWORD)
    owner.user.save()
    return owner.user


def sign_in(browser, password=PASSWORD):
    data = {"login": "owner@al-noor.test", "password": password}
    return browser.post("/accounts/login/", data)


@pytest.fixture(scope="module")
def in_production():
    """Return the settings of an installation under a name of its own."""
    script = (
        "import json; from django.conf import settings as s; print(json.dumps({n: getattr(s, n) "
        "for n in ('DEBUG','SESSION_COOKIE_NAME','CSRF_COOKIE_NAME','SESSION_COOKIE_SECURE',"
        "'CSRF_COOKIE_SECURE','SESSION_COOKIE_SAMESITE','CSRF_COOKIE_SAMESITE',"
        "'SESSION_COOKIE_HTTPONLY','CSRF_COOKIE_HTTPONLY','SECURE_HSTS_SECONDS',"
        "'SECURE_SSL_REDIRECT')}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={**os.environ, "ALLOWED_HOSTS": "portal.example.com", "DJANGO_SETTINGS_MODULE": "heffl_portal.settings"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_cookies_on_https_are_secure_and_bound_to_the_host(in_production):
    for name in ("SESSION", "CSRF"):
        assert in_production[f"{name}_COOKIE_NAME"].startswith("__Host-")
        assert in_production[f"{name}_COOKIE_SECURE"] is True
        assert in_production[f"{name}_COOKIE_SAMESITE"] == "Lax"
        assert in_production[f"{name}_COOKIE_HTTPONLY"] is True


def test_https_is_asked_for_for_a_year(in_production):
    assert in_production["SECURE_HSTS_SECONDS"] >= 365 * 24 * 3600
    assert in_production["SECURE_SSL_REDIRECT"] is True


def test_debug_is_off_unless_asked_for(in_production):
    assert in_production["DEBUG"] is False


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/o/al-noor/clients/", "/nowhere/"]
)
def test_every_answer_carries_the_headers(owner, signed_in, path):
    headers = signed_in(owner).get(path, follow=True).headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "no-store" in headers["Cache-Control"]


def test_a_form_from_elsewhere_changes_nothing(owner, signed_in):
    browser = Client(enforce_csrf_checks=True)
    browser.cookies = signed_in(owner).cookies

    answer = browser.post(
        "/accounts/shortcuts/", {}, headers={"origin": "https://evil.test"}
    )

    assert answer.status_code == 403
    assert User.objects.get(pk=owner.user.pk).shortcuts is True


def test_what_people_type_is_text_and_never_markup(owner, signed_in):
    nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    row = SubmissionFactory(organisation=owner.organisation, display_name=nasty)
    browser = signed_in(owner)

    for path in ("", f"{row.uuid}/", f"?q={nasty}"):
        page = browser.get(f"/o/al-noor/clients/{path}").content.decode()
        assert "<script>alert" not in page
        assert "<img src=x" not in page


@pytest.mark.parametrize(
    "typed", ["' OR 1=1 --", '"; DROP TABLE x; --', "%' OR '1'='1"]
)
def test_a_quotation_mark_in_a_search_is_a_letter(owner, signed_in, typed):
    SubmissionFactory(organisation=owner.organisation, display_name="Somebody")

    answer = signed_in(owner).get("/o/al-noor/clients/", {"q": typed})

    assert answer.status_code == 200
    assert "Somebody" not in answer.content.decode()


def test_a_forwarded_header_nobody_vouches_for_is_ignored(person):
    for number in range(5):
        Client().post(
            "/accounts/login/",
            {"login": "owner@al-noor.test", "password": "wrong"},
            headers={"x-forwarded-for": f"203.0.113.{number}"},
        )
    browser = Client(headers={"x-forwarded-for": "203.0.113.99"})

    assert sign_in(browser).status_code == 429


def test_a_download_has_a_name_of_our_own(owner, signed_in):
    for path in ("clients/export.csv", "audit/export.csv"):
        answer = signed_in(owner).get(f"/o/al-noor/{path}?filename=../../evil.exe")
        named = answer.headers["Content-Disposition"]
        assert re.fullmatch(r'attachment; filename="[\w-]+\.csv"', named)


def test_a_password_everybody_uses_is_refused(person, signed_in):
    browser = signed_in(person)

    browser.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": "1234567890", "password2": "1234567890"},
    )

    person.refresh_from_db()
    assert person.check_password(PASSWORD)


LEAKED = "Mailcreated5240"


def change(person, client, _signed_in):
    fully_signed_in(person, client)
    return client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": LEAKED, "password2": LEAKED},
    )


def reset(person, client, _signed_in):
    client.post("/accounts/password/reset/", {"email": person.email})
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    typed = {"password1": LEAKED, "password2": LEAKED}
    return client.post(form.request["PATH_INFO"], typed)


def join(person, client, signed_in):
    inviting = signed_in(person)
    inviting.post("/accounts/reauthenticate/", {"password": PASSWORD})
    inviting.post(
        "/o/al-noor/settings/members/",
        {"email": "new@people.test", "role": "frontdesk", "language": "en"},
    )
    link = re.search(r"https?://[^/]+(/invitation/\S+)", mail.outbox[0].body)[1]
    return client.post(link, {"name": "Nadia", "password": LEAKED})


@pytest.mark.asvs("6.2.12")
@pytest.mark.parametrize("way", [change, reset, join])
def test_a_leaked_password_is_refused_wherever_one_is_chosen(
    person, client, signed_in, way
):
    answer = way(person, client, signed_in)

    page = answer.content.decode()
    assert "leaked from another site" in page
    assert LEAKED not in page
    person.refresh_from_db()
    assert person.check_password(PASSWORD)
    assert not User.objects.filter(email="new@people.test").exists()


@pytest.mark.asvs("6.2.12")
@pytest.mark.parametrize(
    "command",
    [
        ("add_member", "al-noor", "new@people.test", "--role", "frontdesk"),
        ("create_organisation", "New", "--slug", "new", "--owner", "new@people.test"),
    ],
)
def test_a_leaked_password_is_refused_on_the_command_line(person, monkeypatch, command):
    for name in ("PORTAL_MEMBER_PASSWORD", "PORTAL_OWNER_PASSWORD"):
        monkeypatch.setenv(name, LEAKED)

    with pytest.raises(CommandError, match="leaked from another site"):
        call_command(*command)


def test_a_password_reset_does_not_get_round_the_second_factor(person, client):
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    client.post("/accounts/password/reset/", {"email": person.email})
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    new = "another horse battery"

    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    assert "_auth_user_id" not in client.session
    browser = Client()
    assert sign_in(browser, new).url.startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in browser.session


def test_a_new_seed_lies_sealed_in_the_session(person, client):
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()

    seed = re.search(r'secret">([A-Z2-7]+)<', page)[1]
    assert client.session[SECRET_SESSION_KEY].startswith("v1.test.")
    assert seed not in str(dict(client.session))


def test_signing_in_makes_a_new_session(person, client):
    client.get("/accounts/login/")
    session = client.session
    session["planted"] = "x"
    session.save()
    client.cookies["session"] = before = session.session_key

    sign_in(client)

    assert client.session.session_key != before
    assert "_auth_user_id" in client.session


def test_a_session_ends_by_itself(person, client, settings):
    sign_in_by_hand(client, person, PASSWORD)
    assert client.get("/o/al-noor/clients/").status_code == 200
    session = client.session
    session.set_expiry(-1)
    session.save()

    assert client.get("/o/al-noor/clients/").status_code == 302
    assert settings.SESSION_COOKIE_AGE <= 12 * 3600
    assert settings.SESSION_EXPIRE_AT_BROWSER_CLOSE


def test_a_person_signs_out_everywhere_else(person, client):
    other = Client()
    sign_in_by_hand(other, person, PASSWORD)
    sign_in_by_hand(client, person, PASSWORD)

    client.post("/accounts/sessions/")

    assert other.get("/o/al-noor/clients/").url.startswith("/accounts/login/")
    assert client.get("/o/al-noor/clients/").status_code == 200


def test_a_form_sets_only_the_fields_it_shows(owner, signed_in):
    row = SubmissionFactory(organisation=owner.organisation, status="NEEDS_FIX")

    signed_in(owner).post(
        f"/o/al-noor/clients/{row.uuid}/edit/",
        {"type": "company", "name": "Fine", "status": "CREATED", "number": "X-1",
         "heffl_id": "clt_1", "organisation": "999"},
    )  # fmt: skip

    row = Submission.objects.get(pk=row.pk)
    assert (row.status == "CREATED", row.number, row.heffl_id) == (False, "", "")
    assert row.organisation_id == owner.organisation_id


def test_no_form_sends_answers_in_an_address(owner, signed_in):
    page = signed_in(owner).get("/o/al-noor/clients/new/").content.decode()

    assert 'method="get"' not in page.lower()


def test_what_matters_to_security_is_noted(person, frontdesk, signed_in, client):
    sign_in(Client(), "wrong")
    sign_in(client)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    client.get("/accounts/2fa/totp/activate/")
    signed_in(frontdesk).get("/o/al-noor/settings/heffl/")

    found = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"sign_in_failed", "signed_in", "access.denied"} <= found
    organisations = set(AuditEvent.objects.values_list("organisation_id", flat=True))
    assert organisations == {frontdesk.organisation_id}


@pytest.mark.parametrize("sent", ["5", "[]", "{}", "null", '{"id": 1}', "{", '"x"',
    '{"id": "a", "rawId": "a", "type": "public-key", "response": {}}'])  # fmt: skip
def test_a_nonsense_passkey_is_refused_and_breaks_nothing(person, client, sent):
    client.raise_request_exception = False
    client.get("/accounts/2fa/webauthn/login/", headers={"accept": "application/json"})

    answer = client.post("/accounts/2fa/webauthn/login/", {"credential": sent})

    assert answer.status_code < 500
    assert "_auth_user_id" not in client.session
