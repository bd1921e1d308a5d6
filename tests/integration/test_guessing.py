"""Guessing is slowed down more and more, and locks nobody out but the guesser."""

import re
from datetime import timedelta
from smtplib import SMTPException

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from clients_app.accounts import doors, letters, places, tries
from clients_app.models import SignInPlace, SignupBucket

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"
WRONG = "not the right one"
LOGIN = "/accounts/login/"
PASSKEY = reverse("mfa_login_webauthn")
OFFICE, HOME = "192.0.2.10", "192.0.2.20"
STRANGER = "203.0.113.9"
KNOWN, UNKNOWN = "owner@al-noor.test", "nobody@al-noor.test"


@pytest.fixture(autouse=True)
def person(owner):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    return owner.user


@pytest.fixture
def clock(monkeypatch):
    """Lets time pass for all that counts tries."""
    passed = timedelta()
    real = timezone.now

    def wait(**more):
        nonlocal passed
        passed += timedelta(**more)

    for module in (tries, doors, letters):
        monkeypatch.setattr(
            module, "timezone", type("Clock", (), {"now": lambda: real() + passed})
        )
    return wait


def sign_in(address=KNOWN, password=WRONG, network=STRANGER, browser=None, **more):
    return (browser or Client()).post(
        LOGIN, {"login": address, "password": password}, REMOTE_ADDR=network, **more
    )


def is_in(answer):
    return answer.status_code == 302


def guess(times, **where):
    return [sign_in(**where).status_code for _ in range(times)]


def test_a_stranger_who_guesses_locks_nobody_out():
    assert guess(8) == [200] * 5 + [429] * 3

    assert is_in(sign_in(password=PASSWORD, network=OFFICE))
    assert sign_in(password=PASSWORD).status_code == 429


@pytest.mark.parametrize("address", [KNOWN, UNKNOWN])
def test_the_wait_doubles_up_to_an_hour_whoever_has_the_address(address, clock):
    guess(4, address=address)
    waits = []

    for _ in range(8):
        assert sign_in(address).status_code == 200
        refused = sign_in(address)
        assert refused.status_code == 429
        waits.append(int(refused.headers["Retry-After"]))
        clock(seconds=waits[-1])

    assert waits == [70, 130, 250, 490, 970, 1930, 3600, 3600]


def test_a_try_that_comes_too_early_is_not_looked_at_and_waits_a_little_longer(clock):
    guess(5)
    refused = [sign_in(password=PASSWORD) for _ in range(4)]
    waits = [int(answer.headers["Retry-After"]) for answer in refused]
    assert waits == [70, 80, 90, 100]
    clock(seconds=99)
    assert int(sign_in(password=PASSWORD).headers["Retry-After"]) == 11

    clock(seconds=11)

    assert is_in(sign_in(password=PASSWORD))


def test_no_haste_makes_a_wait_longer_than_an_hour(clock):
    guess(5)
    guess(600)

    clock(seconds=3600)

    assert is_in(sign_in(password=PASSWORD))


def test_a_wait_says_how_many_minutes(clock):
    guess(5)
    clock(seconds=60)
    guess(1)

    assert "Wait 3 minutes" in sign_in().content.decode()


def test_a_quiet_day_forgets_the_tries(clock):
    guess(5)
    clock(hours=25)

    assert guess(6) == [200] * 5 + [429]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        (STRANGER, f"::ffff:{STRANGER}"),
    ],
)
def test_a_network_is_recognised_whatever_address_in_it_is_used(one, other):
    guess(5, network=one)

    assert sign_in(network=other).status_code == 429


def test_behind_a_proxy_the_visitors_address_counts_and_what_they_claim_does_not(
    settings,
):
    settings.TRUSTED_PROXY_COUNT = 1
    for made_up in range(5):
        sign_in(
            network="127.0.0.1",
            HTTP_X_FORWARDED_FOR=f"10.0.0.{made_up}, {STRANGER}",
        )

    refused = sign_in(network="127.0.0.1", HTTP_X_FORWARDED_FOR=f"1.1.1.1, {STRANGER}")
    other = sign_in(password=PASSWORD, network="127.0.0.1", HTTP_X_FORWARDED_FOR=OFFICE)

    assert refused.status_code == 429
    assert is_in(other)


@pytest.mark.parametrize("spelling", ["OWNER@al-noor.test", " owner@al-noor.test "])
def test_another_spelling_is_the_same_address(spelling):
    guess(5)

    assert sign_in(spelling).status_code == 429


def test_a_right_password_gives_its_own_try_back_and_no_other():
    guess(4, network=OFFICE)
    for _ in range(3):
        assert is_in(sign_in(password=PASSWORD, network=OFFICE))

    assert guess(2, network=OFFICE) == [200, 429]


def test_an_account_of_ones_own_buys_no_more_guesses_at_another(outsider):
    outsider.user.set_password(PASSWORD)
    outsider.user.save()
    guess(5)

    assert is_in(sign_in(outsider.user.email, PASSWORD))

    assert sign_in().status_code == 429


def test_a_browser_that_has_signed_in_is_not_held_up_by_its_network():
    browser = Client()
    sign_in(password=PASSWORD, network=OFFICE, browser=browser)
    browser.post("/accounts/logout/")
    guess(6, network=OFFICE)

    assert is_in(sign_in(password=PASSWORD, network=OFFICE, browser=browser))


def test_a_browser_that_has_signed_in_is_throttled_by_its_own_tries():
    browser = Client()
    sign_in(password=PASSWORD, browser=browser)
    browser.post("/accounts/logout/")

    assert guess(6, browser=browser) == [200] * 5 + [429]


def test_a_network_of_many_who_type_right_is_not_held_up(monkeypatch):
    monkeypatch.setattr(tries, "NETWORK", tries.Limit(3600.0, odd=3, most=3))

    assert all(is_in(sign_in(password=PASSWORD, network=OFFICE)) for _ in range(5))


def test_a_spoilt_cookie_is_replaced_by_a_good_one():
    browser = Client()
    browser.cookies["device"] = "y" * 9000

    sign_in(password=PASSWORD, browser=browser)

    assert len(browser.cookies["device"].value) == 22


@pytest.mark.parametrize("cookie", ["", "x" * 22, "made-up\x00", "y" * 9000])
def test_a_made_up_cookie_is_a_strangers(cookie):
    browser = Client()
    browser.cookies["device"] = cookie
    guess(5)

    assert sign_in(password=PASSWORD, browser=browser).status_code == 429


def test_a_cookie_is_known_for_the_address_it_was_given_for_alone(outsider):
    outsider.user.set_password(PASSWORD)
    outsider.user.save()
    browser = Client()
    sign_in(outsider.user.email, PASSWORD, browser=browser)
    browser.post("/accounts/logout/")
    guess(5)

    assert sign_in(password=PASSWORD, browser=browser).status_code == 429


def test_the_cookie_says_nothing_and_scripts_cannot_read_it():
    browser = Client()
    sign_in(password=PASSWORD, browser=browser)

    cookie = browser.cookies["device"]
    assert re.fullmatch(r"[\w-]{22}", cookie.value)
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie.value not in str(list(SignInPlace.objects.values()))


def from_many(times, address=KNOWN):
    return [sign_in(address, network=f"10.1.{n}.1").status_code for n in range(times)]


@pytest.mark.parametrize("address", [KNOWN, UNKNOWN])
def test_guessing_from_many_networks_is_bounded_per_address(monkeypatch, address):
    monkeypatch.setattr(tries, "ADDRESS", tries.Limit(3600.0, odd=20, most=12))

    assert from_many(15, address) == [200] * 12 + [429] * 3


def test_guessing_from_many_networks_locks_nobody_out_where_they_have_signed_in(
    monkeypatch,
):
    monkeypatch.setattr(tries, "ADDRESS", tries.Limit(3600.0, odd=20, most=12))
    sign_in(password=PASSWORD, network=OFFICE)
    from_many(15)

    assert sign_in(password=PASSWORD, network=HOME).status_code == 429
    assert is_in(sign_in(password=PASSWORD, network=OFFICE))


def test_one_network_that_tries_many_addresses_is_bounded(monkeypatch):
    monkeypatch.setattr(tries, "NETWORK", tries.Limit(3600.0, odd=9, most=9))

    told = [sign_in(f"person{n}@al-noor.test").status_code for n in range(11)]

    assert told == [200] * 9 + [429] * 2
    assert is_in(sign_in(password=PASSWORD, network=OFFICE))
    # What was refused has left nothing behind.
    assert SignInPlace.objects.filter(known_until=0).count() == 9


def test_a_new_password_lets_in_at_once_from_where_it_was_chosen(monkeypatch):
    monkeypatch.setattr(tries, "ADDRESS", tries.Limit(3600.0, odd=20, most=12))
    from_many(15)
    guess(5, network=HOME)
    browser = Client(REMOTE_ADDR=HOME)
    browser.post("/accounts/password/reset/", {"email": KNOWN})
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[-1].body)[1]
    form = browser.get(link, follow=True)
    new = "another horse battery"
    browser.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    assert is_in(sign_in(password=new, network=HOME))


def test_the_person_is_told_once_that_somebody_tries(clock):
    guess(9)
    clock(hours=2)
    guess(6, network=HOME)

    (told,) = mail.outbox
    assert told.to == [KNOWN]
    assert "wrong passwords" in told.body
    assert "كلمات مرور" in told.body
    assert "testserver" in told.body
    clock(hours=25)
    guess(6)
    assert len(mail.outbox) == 2


def test_the_person_is_told_of_few_tries_from_each_of_many_networks():
    from_many(tries.ADDRESS.odd)
    before = len(mail.outbox)
    from_many(1)

    assert (before, len(mail.outbox)) == (0, 1)


def test_nobody_is_told_about_an_address_that_nobody_has():
    guess(9, address=UNKNOWN)

    assert mail.outbox == []


def test_a_mail_server_that_is_away_is_no_fault_of_the_page(monkeypatch):
    def away(*args, **kwargs):
        raise SMTPException

    monkeypatch.setattr("django.core.mail.message.EmailMessage.send", away)

    assert guess(6) == [200] * 5 + [429]
    asked = Client().post("/accounts/password/reset/", {"email": KNOWN})
    assert asked.status_code == 302


def test_a_passkey_is_asked_for_while_passwords_are_not_looked_at(monkeypatch):
    monkeypatch.setattr(tries, "NETWORK", tries.Limit(3600.0, odd=5, most=5))
    guess(9)
    browser = Client(REMOTE_ADDR=STRANGER)

    asked = browser.get(PASSKEY, headers={"Accept": "application/json"})
    shown = browser.post(PASSKEY, {"credential": "{}"})

    assert sign_in("other@al-noor.test").status_code == 429
    assert asked.json()["request_options"]
    assert shown.status_code == 302


def test_who_is_signed_in_is_held_up_by_no_stranger(person, signed_in):
    browser = signed_in(person)
    guess(6, network="127.0.0.1")
    new = "another horse battery"

    confirmed = browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    changed = browser.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )

    assert (confirmed.status_code, changed.status_code) == (302, 302)


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/accounts/reauthenticate/", "password"),
        ("/accounts/password/change/", "oldpassword"),
    ],
)
def test_a_stolen_session_guesses_the_password_no_faster(
    person, signed_in, path, field
):
    browser = signed_in(person)
    typed = {field: WRONG, "password1": "new" + PASSWORD, "password2": "new" + PASSWORD}

    told = [browser.post(path, typed).status_code for _ in range(7)]

    assert told == [200] * 5 + [429] * 2
    person.refresh_from_db()
    assert person.check_password(PASSWORD)


@pytest.fixture
def codes(person):
    TOTP.activate(person, "JBSWY3DPEHPK3PXP")
    return RecoveryCodes.activate(person).get_unused_codes()


def second_step(code, network=STRANGER, browser=None):
    browser = browser or Client(REMOTE_ADDR=network)
    sign_in(password=PASSWORD, network=network, browser=browser)
    return browser.post("/accounts/2fa/authenticate/", {"code": code})


def test_who_has_the_password_guesses_few_codes_and_locks_nobody_out(codes):
    told = [second_step("000000").status_code for _ in range(7)]

    assert told == [200] * 5 + [429] * 2
    assert "second factor" in mail.outbox[0].subject
    assert is_in(second_step(codes[0], network=OFFICE))


def test_codes_from_many_networks_are_bounded_by_the_day(codes, clock):
    told = [second_step("000000", f"10.2.{n}.1").status_code for n in range(25)]

    assert told == [200] * 20 + [429] * 5
    clock(hours=1)
    assert second_step("000000", "10.3.0.1").status_code == 429


def test_a_known_browser_still_gets_in_when_codes_are_guessed_everywhere(codes):
    browser = Client(REMOTE_ADDR=OFFICE)
    second_step(codes[0], OFFICE, browser)
    browser.post("/accounts/logout/")
    for n in range(25):
        second_step("000000", f"10.2.{n}.1")

    assert is_in(second_step(codes[1], HOME, browser))


def test_confirming_with_a_code_is_throttled(codes, person, signed_in):
    browser = signed_in(person)
    path = "/accounts/2fa/reauthenticate/"

    told = [browser.post(path, {"code": "000000"}).status_code for _ in range(7)]

    assert told == [200] * 5 + [429] * 2


def test_confirming_with_a_code_is_held_up_by_no_stranger(codes, person, signed_in):
    browser = signed_in(person)
    for _ in range(6):
        second_step("000000", network="127.0.0.1")

    confirmed = browser.post("/accounts/2fa/reauthenticate/", {"code": codes[0]})

    assert confirmed.status_code == 302


def test_what_says_nothing_any_more_is_forgotten():
    guess(3)
    sign_in(password=PASSWORD, network=OFFICE)
    now = timezone.now()

    assert tries.tidy(now + timedelta(hours=1)) == 0
    assert tries.tidy(now + timedelta(days=2)) == 1
    assert SignInPlace.objects.count() == 2  # a browser and a network are known
    assert tries.tidy(now + places.KNOWN_FOR + timedelta(days=1)) == 2


def test_no_address_and_no_network_is_stored():
    guess(6)

    stored = str(list(SignInPlace.objects.values())) + str(
        list(SignupBucket.objects.values())
    )
    assert KNOWN not in stored
    assert STRANGER not in stored


def test_forms_of_one_network_are_bounded(monkeypatch):
    monkeypatch.setattr(doors, "POSTS", doors.Limit(60.0, odd=3, most=3))

    told = [
        Client().post(PASSKEY, {}, REMOTE_ADDR=STRANGER).status_code for _ in range(5)
    ]

    assert told[3:] == [429, 429]
    assert is_in(sign_in(password=PASSWORD, network=OFFICE))
