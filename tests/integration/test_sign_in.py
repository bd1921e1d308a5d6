"""Signing in: by e-mail, throttled, with a second factor, and noted in the audit trail."""

import re
from html.parser import HTMLParser

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.core.cache import cache
from django.test import Client

from clients_app.accounts import factors
from clients_app.crypto import KeyRing, new_entry
from clients_app.models import AuditEvent, User
from tests.journeys import code_now, enrolled, half_signed_in

PASSWORD = "correct horse battery"
LOGIN = "/accounts/login/"


@pytest.fixture(autouse=True)
def _fresh_throttles(db):
    cache.clear()


@pytest.fixture
def person(owner):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    return owner.user


def sign_in(browser, login, password=PASSWORD, **extra):
    return browser.post(LOGIN, {"login": login, "password": password}, **extra)


def actions():
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


class Inputs(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = {}
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "input" and "name" in given:
            self.found[given["name"]] = given


def test_login_page_names_its_fields_for_password_managers(db, client):
    page = client.get(LOGIN).content.decode()

    inputs = Inputs(page).found
    assert inputs["login"]["autocomplete"] == "username"
    assert inputs["login"]["type"] == "email"
    assert inputs["password"]["autocomplete"] == "current-password"
    assert inputs["password"]["type"] == "password"
    assert "placeholder" not in page
    assert "sign up" not in page.lower()


@pytest.mark.parametrize("typed", ["owner@al-noor.test", " Owner@AL-NOOR.test "])
def test_login_leads_to_the_new_client_page(client, person, typed):
    enrolled(person)
    asked = sign_in(client, typed)
    answer = client.post(asked.url, {"code": code_now()})

    assert answer.status_code == 302
    start = client.get(answer.url)
    assert start.url == "/o/al-noor/clients/new/"
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_id) == ("signed_in", person.pk)


@pytest.mark.parametrize("login", ["owner@al-noor.test", "nobody@al-noor.test"])
def test_login_with_a_wrong_password_tells_nothing_about_the_address(
    client, person, login
):
    answer = sign_in(client, login, "wrong password")

    page = answer.content.decode()
    assert "The email or password is not right." in page
    assert "wrong password" not in page
    assert actions() == ["sign_in_failed"]
    assert login not in str(AuditEvent.objects.values().get())


def test_login_without_answers_says_what_is_missing(db, client):
    page = client.post(LOGIN, {}).content.decode()

    assert "Enter your email address" in page
    assert "Enter your password" in page
    assert "<title>Error: Sign in" in page


def test_login_waits_after_five_wrong_passwords_from_here(client, person):
    for _ in range(5):
        assert sign_in(client, person.email, "wrong").status_code == 200

    refused = sign_in(client, person.email)

    assert refused.status_code == 429
    assert "Wait 2 minutes" in refused.content.decode()
    assert refused.headers["Retry-After"] == "70"
    assert "_auth_user_id" not in client.session


def test_login_waits_for_another_host_name_and_another_spelling(
    client, person, settings
):
    settings.ALLOWED_HOSTS = ["*"]
    for place in range(5):
        sign_in(client, person.email, "wrong", HTTP_HOST=f"host{place}.test:80{place}")

    locked = sign_in(client, person.email.upper(), HTTP_HOST="other.test")

    assert locked.status_code == 429


def test_login_of_others_goes_on_while_one_address_is_locked(client, person, outsider):
    outsider.user.set_password(PASSWORD)
    outsider.user.save()
    for _ in range(6):
        sign_in(client, person.email, "wrong", REMOTE_ADDR="10.0.0.1")

    answer = sign_in(Client(), outsider.user.email, REMOTE_ADDR="10.0.0.2")

    assert answer.status_code == 302


def test_login_that_succeeds_uses_up_no_tries(client, person):
    for _ in range(7):
        assert sign_in(Client(), person.email).status_code == 302


def test_login_of_an_inactive_person_is_refused(client, person):
    User.objects.filter(pk=person.pk).update(is_active=False)

    answer = sign_in(client, person.email)

    assert "_auth_user_id" not in client.session
    assert answer.status_code in {200, 302}


def test_logout_needs_a_press_and_then_signs_out(person, client):
    half_signed_in(person, client)

    asked = client.get("/accounts/logout/")
    still = "_auth_user_id" in client.session
    client.post("/accounts/logout/")

    assert asked.status_code == 200
    assert still
    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed(db, client):
    answer = client.post(
        "/accounts/signup/", {"email": "new@al-noor.test", "password1": PASSWORD}
    )

    assert answer.status_code == 200
    assert not User.objects.filter(email="new@al-noor.test").exists()


def test_password_reset_works_through_the_mail(client, person):
    client.post("/accounts/password/reset/", {"email": person.email})
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)
    new = "another horse battery"

    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    assert sign_in(Client(), person.email, new).status_code == 302
    assert "password.changed" in actions()


def test_password_reset_for_an_unknown_address_looks_the_same(client, person):
    known = client.post("/accounts/password/reset/", {"email": person.email})
    unknown = client.post("/accounts/password/reset/", {"email": "no@no.test"})

    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)


def test_second_factor_is_set_up_sealed_and_asked_for(
    client, person, django_capture_on_commit_callbacks
):
    sign_in(client, person.email)
    asked = client.get("/accounts/2fa/totp/activate/", follow=True)
    client.post(asked.request["PATH_INFO"], {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r'secret">([A-Z2-7]+)<', page)[1]

    with django_capture_on_commit_callbacks(execute=True):
        client.post("/accounts/2fa/totp/activate/", {"code": code_now(secret)})

    code = Inputs(page).found["code"]
    assert (code["autocomplete"], code["inputmode"]) == ("one-time-code", "numeric")
    assert '<svg role="img"' in page
    assert "data:" not in page
    stored = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert Authenticator.objects.count() == 2
    assert secret not in stored
    assert stored.count("v1.test.") == 2
    assert "second_factor.added" in actions()
    again = Client()
    assert sign_in(again, person.email).url.startswith("/accounts/2fa/authenticate/")
    assert "_auth_user_id" not in again.session
    again.post("/accounts/2fa/authenticate/", {"code": code_now(secret)})
    assert "_auth_user_id" in again.session


@pytest.fixture
def with_factor(person):
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    return RecoveryCodes.activate(person)


def test_second_factor_lets_in_with_a_recovery_code_once(with_factor, person):
    code = with_factor.get_unused_codes()[0]
    first, second = Client(), Client()
    for browser in (first, second):
        sign_in(browser, person.email)
        browser.post("/accounts/2fa/authenticate/", {"code": code})

    assert "_auth_user_id" in first.session
    assert "_auth_user_id" not in second.session


def test_second_factor_that_does_not_open_is_a_plain_page(
    with_factor, person, client, settings
):
    settings.PORTAL_KEYRING = KeyRing.parse(new_entry("other"))
    sign_in(client, person.email)

    answer = client.post("/accounts/2fa/authenticate/", {"code": "123456"})

    assert answer.status_code == 503
    assert "key ring is not complete" in answer.content.decode()


def test_second_factors_move_to_a_new_ring_key(with_factor, person, settings):
    codes = with_factor.get_unused_codes()
    old = settings.PORTAL_KEYRING.keys["test"]
    newer = KeyRing.parse(new_entry("newer"))
    settings.PORTAL_KEYRING = KeyRing({**newer.keys, "test": old})

    changed = factors.reseal_second_factors()

    assert changed == 2
    assert factors.reseal_second_factors() == 0
    settings.PORTAL_KEYRING = newer
    assert factors.unreadable() == 0
    assert factors.kids_in_use() == {"newer": 2}
    stored = Authenticator.objects.get(type=Authenticator.Type.RECOVERY_CODES)
    assert RecoveryCodes(stored).get_unused_codes() == codes


@pytest.mark.parametrize(
    ("who", "led"),
    [("owner", True), ("admin_member", True), ("reviewer", False)],
)
def test_second_factor_is_set_up_first_by_those_who_must_have_one(request, who, led):
    browser = half_signed_in(request.getfixturevalue(who).user)

    answer = browser.get("/o/al-noor/clients/")

    assert (answer.status_code == 302) is led
    if led:
        assert answer.url == "/accounts/2fa/totp/activate/"
        assert browser.get(answer.url).status_code == 200


def test_second_factor_is_not_asked_for_twice(signed_in, with_factor, person):
    assert signed_in(person).get("/o/al-noor/clients/").status_code == 200


PAGES = [
    "login/",
    "logout/",
    "inactive/",
    "signup/",
    "reauthenticate/",
    "email/",
    "confirm-email/",
    "confirm-email/no-such-key/",
    "password/change/",
    "password/set/",
    "password/reset/",
    "password/reset/done/",
    "password/reset/key/done/",
    "password/reset/key/1-abc/",
    "login/code/confirm/",
    "2fa/",
    "2fa/authenticate/",
    "2fa/reauthenticate/",
    "2fa/totp/activate/",
    "2fa/totp/deactivate/",
    "2fa/webauthn/",
    "2fa/webauthn/add/",
    "2fa/recovery-codes/",
    "2fa/recovery-codes/generate/",
    "sessions/",
    "preferences/",
]
NOTHING_THERE = {
    ("signed in", "2fa/totp/deactivate/"),
    ("signed in", "2fa/recovery-codes/"),
}
ONE_STYLE = re.compile(r"<link[^>]+stylesheet[^>]+portal\.css")


@pytest.mark.slow
@pytest.mark.parametrize("who", ["anonymous", "signed in", "with a second factor"])
@pytest.mark.parametrize("path", PAGES)
def test_every_account_page_stands_in_our_shell(
    client, frontdesk, signed_in, path, who
):
    frontdesk.user.set_password(PASSWORD)
    frontdesk.user.save()
    if who == "with a second factor":
        RecoveryCodes.activate(enrolled(frontdesk.user))
    browser = client if who == "anonymous" else signed_in(frontdesk)
    if who != "anonymous":
        browser.post("/accounts/reauthenticate/", {"password": PASSWORD})

    answer = browser.get(f"/accounts/{path}", follow=True)

    page = answer.content.decode()
    assert answer.status_code == (200 if (who, path) not in NOTHING_THERE else 404)
    assert ONE_STYLE.search(page)
    assert page.count("<h1") == 1
    assert not re.search(
        r"\sstyle=|\son\w+=|<script(?![^>]+(?:src=|application/json))|src=\"data:", page
    )
    for described in re.findall(r'aria-describedby="([^"]+)"', page):
        for one in described.split():
            assert f'id="{one}"' in page
