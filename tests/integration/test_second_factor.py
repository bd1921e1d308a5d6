"""A second factor is proven in each session: what one without the proof gets, and what follows."""

import re
from smtplib import SMTPServerDisconnected

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.usersessions.models import UserSession
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import translation

from clients_app.accounts import factors, proof
from clients_app.models import AuditEvent
from tests.factories import MembershipFactory, UserFactory
from tests.journeys import (
    code_now,
    enrolled,
    fully_signed_in,
    half_signed_in,
    sign_in_by_hand,
)

PASSWORD = "correct horse battery"
NEW_PASSWORD = "another horse battery"
CLIENTS = "/o/al-noor/clients/"
PROVE = "/accounts/2fa/reauthenticate/"
ENROL = "/accounts/2fa/totp/activate/"
SWITCH_OFF = "/accounts/2fa/totp/deactivate/"
CODES = "/accounts/2fa/recovery-codes/"
NEEDED = {
    "accounts/logout/",
    "accounts/language/",
    "accounts/2fa/reauthenticate/",
    "accounts/2fa/webauthn/reauthenticate/",
}


@pytest.fixture(autouse=True)
def _fresh_throttles(db):
    cache.clear()


@pytest.fixture
def person(owner):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    return owner.user


def confirm_by_password(client):
    return client.post("/accounts/reauthenticate/", {"password": PASSWORD})


def enrol(client):
    """Set an app up on the pages, in a browser that is signed in without one."""
    confirm_by_password(client)
    page = client.get(ENROL).content.decode()
    seed = re.search(r'secret">([A-Z2-7]+)<', page)[1]
    return client.post(ENROL, {"code": code_now(seed)})


def add_passkey_row(user):
    return Authenticator.objects.create(
        user=user,
        type=Authenticator.Type.WEBAUTHN,
        data={"name": "phone", "credential": {}},
    )


def addresses(under, patterns=None, before=""):
    """Yield every address below a prefix, with 1 for each part that varies."""
    for pattern in patterns or get_resolver().url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from addresses(under, pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith(under):
            yield re.sub(r"<[^>]+>|\(\?P.*", "1", route.strip("^$"))


# What a session gets that knows only the password


@pytest.mark.asvs("6.3.3")
def test_a_session_parked_at_enrolment_gets_nothing_once_there_is_a_factor(person):
    parked = half_signed_in(person)
    assert parked.get(CLIENTS).url == ENROL
    enrolled(person)

    answer = parked.get(CLIENTS)

    assert answer.url.startswith(PROVE)
    assert parked.get(SWITCH_OFF).url.startswith(PROVE)
    assert parked.post(SWITCH_OFF).url.startswith(PROVE)
    assert confirm_by_password(parked).url.startswith(PROVE)
    assert proof.has_factor(person)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("under", ["accounts/", "admin/", "o/", "invitation/"])
def test_without_proof_every_page_leads_to_proving_it(person, under, method):
    enrolled(person)
    client = half_signed_in(person)
    wanted = sorted(
        {f"/{each}" for each in addresses(under)} - {f"/{x}" for x in NEEDED}
    )

    led = {
        each: getattr(client, method)(each).headers.get("Location") for each in wanted
    }

    assert len(led) >= 1
    assert [each for each, to in led.items() if not (to or "").startswith(PROVE)] == []


def test_without_proof_one_can_leave_and_choose_the_language(person, client):
    enrolled(person)
    half_signed_in(person, client)
    page = client.get(PROVE).content.decode()

    told = client.post("/accounts/language/", {"language": "ar", "next": PROVE})
    client.post("/accounts/logout/")

    assert "only the password was given so far" in page
    assert "Sign out" in page
    assert "/accounts/reauthenticate/" not in page
    assert told.url == PROVE
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("roles", [[], ["owner", "admin"]])
def test_whoever_has_a_factor_proves_it_whatever_their_role(
    frontdesk, settings, client, roles
):
    settings.MFA_REQUIRED_ROLES = roles
    half_signed_in(enrolled(frontdesk.user), client)

    asked = client.get(CLIENTS)
    client.post(asked.url, {"code": code_now()})

    assert asked.url == f"{PROVE}?next=%2Fo%2Fal-noor%2Fclients%2F"
    assert client.get(CLIENTS).status_code == 200


def test_proving_leads_back_to_the_page_that_was_asked_for(person, client):
    half_signed_in(enrolled(person), client)
    asked = client.get(CLIENTS)

    answer = client.post(asked.url, {"code": code_now()})

    assert answer.url == CLIENTS


def test_a_wrong_code_proves_nothing(person, client):
    half_signed_in(enrolled(person), client)

    answer = client.post(PROVE, {"code": "000000"})

    assert "Incorrect code." in answer.content.decode()
    assert client.get(CLIENTS).url.startswith(PROVE)


def test_a_proof_of_somebody_else_in_the_same_browser_counts_for_nobody(
    person, admin_member, client
):
    fully_signed_in(person, client)
    kept = dict(client.session)
    half_signed_in(enrolled(admin_member.user), client)
    session = client.session
    session["account_authentication_methods"] = kept["account_authentication_methods"]
    session["account_authentication_methods_user"] = str(person.pk)
    session.save()

    assert client.get(CLIENTS).url.startswith(PROVE)


def test_a_site_operator_proves_it_too(client):
    operator = UserFactory(is_staff=True, is_superuser=True)

    assert half_signed_in(operator, client).get("/admin/").url == ENROL
    assert (
        half_signed_in(enrolled(operator), client).get("/admin/").url.startswith(PROVE)
    )
    assert fully_signed_in(operator, client).get("/admin/").status_code == 200


def test_recovery_codes_alone_are_no_factor(person, client):
    RecoveryCodes.activate(person)

    assert half_signed_in(person, client).get(CLIENTS).url == ENROL


def test_somebody_with_a_passkey_alone_is_led_to_it(person, client):
    add_passkey_row(person)

    answer = half_signed_in(person, client).get(CLIENTS)

    assert answer.url.startswith("/accounts/2fa/webauthn/reauthenticate/")


def test_the_proof_costs_no_query_and_its_lack_one(
    person, frontdesk, rf, django_assert_num_queries
):
    def asking(user, sign_in):
        request = rf.get("/")
        request.user, request.session = user, sign_in(user).session
        request.session.get("_auth_user_id")
        return request

    with_proof = asking(person, fully_signed_in)
    without = asking(frontdesk.user, half_signed_in)

    with django_assert_num_queries(0):
        assert proof.lacking(with_proof) is proof.Lack.NOTHING
    with django_assert_num_queries(1):
        assert proof.lacking(without) is proof.Lack.NOTHING


# Setting one up


def test_setting_a_factor_up_proves_it_here_and_ends_the_other_sessions(person):
    here, other = half_signed_in(person), half_signed_in(person)

    answer = enrol(here)

    assert answer.url == CODES
    assert here.get(CODES).status_code == 200
    assert here.get(CLIENTS).status_code == 200
    assert other.get(CLIENTS).url.startswith("/accounts/login/")
    assert UserSession.objects.filter(user=person).count() == 1


def test_a_session_at_enrolment_opens_nothing_else(person, client):
    half_signed_in(person, client)
    confirm_by_password(client)

    led = {
        client.post(path).headers.get("Location", "")
        for path in (
            "/accounts/email/",
            "/accounts/password/change/",
            "/accounts/sessions/",
            "/accounts/preferences/",
        )
    }

    assert led == {ENROL}


def test_two_set_ups_at_once_leave_one_factor(person, monkeypatch):
    """The second is let in, and the first is done, before the second is saved."""
    first, second = half_signed_in(person), half_signed_in(person)
    for each in (first, second):
        confirm_by_password(each)
    original = factors.ActivateTOTPForm.clean_code

    def clean_code(form):
        monkeypatch.setattr(factors.ActivateTOTPForm, "clean_code", original)
        enrol(first)
        return original(form)

    page = second.get(ENROL).content.decode()
    seed = re.search(r'secret">([A-Z2-7]+)<', page)[1]
    monkeypatch.setattr(factors.ActivateTOTPForm, "clean_code", clean_code)
    answer = second.post(ENROL, {"code": code_now(seed)})

    assert answer.status_code == 400  # its session has ended meanwhile
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).count() == 1
    assert first.get(CLIENTS).status_code == 200


def test_a_passkey_is_not_put_beside_a_factor_this_session_never_proved(
    person, monkeypatch
):
    first, second = half_signed_in(person), half_signed_in(person)
    for each in (first, second):
        confirm_by_password(each)

    def clean(form):  # the ceremony with the passkey takes its time
        enrol(first)
        return form.cleaned_data

    monkeypatch.setattr(factors.AddWebAuthnForm, "clean", clean)
    second.post(
        "/accounts/2fa/webauthn/add/", {"name": "mine", "credential": '{"id": "x"}'}
    )

    types = set(Authenticator.objects.values_list("type", flat=True))
    assert Authenticator.Type.WEBAUTHN not in types
    assert len(types) == 2


# What changes a factor is done by proving one, not with the password


def past_the_proof(person):
    """Return a browser in which the proof lies an hour back, and the password is fresh."""
    client = fully_signed_in(person)
    confirm_by_password(client)
    return client


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "path",
    [
        SWITCH_OFF,
        CODES,
        f"{CODES}generate/",
        f"{CODES}download/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/2fa/webauthn/keys/{pk}/remove/",
        "/accounts/2fa/webauthn/keys/{pk}/edit/",
    ],
)
def test_the_password_changes_no_factor(person, path, method):
    RecoveryCodes.activate(enrolled(person))
    passkey = add_passkey_row(person)
    client = past_the_proof(person)
    before = list(Authenticator.objects.order_by("pk").values("pk", "data"))

    answer = getattr(client, method)(path.format(pk=passkey.pk))

    if answer.status_code == 405:
        return  # codes are shown and downloaded with GET alone
    assert answer.url.startswith(PROVE)
    assert list(Authenticator.objects.order_by("pk").values("pk", "data")) == before


def test_the_page_that_asks_for_the_factor_does_not_offer_the_password(person):
    client = past_the_proof(person)

    for_the_factor = client.get(SWITCH_OFF, follow=True).content.decode()
    for_a_setting = client.get(f"{PROVE}?next={CLIENTS}").content.decode()

    assert "Use your password" not in for_the_factor
    assert "Use your password" in for_a_setting


def test_a_factor_is_removed_after_proving_it(person):
    RecoveryCodes.activate(enrolled(person))
    client, other = past_the_proof(person), fully_signed_in(person)
    asked = client.get(SWITCH_OFF)

    client.post(asked.url, {"code": code_now()})
    client.post(SWITCH_OFF)

    assert not Authenticator.objects.exists()
    assert client.get(CLIENTS).url == ENROL  # an owner sets another one up at once
    assert other.get(CLIENTS).url.startswith("/accounts/login/")
    assert mail.outbox[-1].to == [person.email]
    assert "authenticator app was removed" in mail.outbox[-1].body


def test_a_proof_by_a_factor_that_is_gone_counts_no_more(person):
    client = fully_signed_in(person, ago=0)
    add_passkey_row(person)

    client.post(SWITCH_OFF)

    assert client.get(CLIENTS).url.startswith("/accounts/2fa/webauthn/reauthenticate/")


def test_new_recovery_codes_are_told_of(person, django_capture_on_commit_callbacks):
    client = fully_signed_in(person, ago=0)

    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{CODES}generate/")

    assert "New recovery codes were made" in mail.outbox[-1].body
    codes = RecoveryCodes.activate(person).get_unused_codes()
    assert not any(code in mail.outbox[-1].body for code in codes)


def test_a_recovery_code_that_is_used_is_told_of_and_so_is_the_last(person):
    codes = RecoveryCodes.activate(enrolled(person)).get_unused_codes()
    for code in codes:
        cache.clear()
        half_signed_in(person).post(PROVE, {"code": code})

    told = [message.body.partition("\n")[0] for message in mail.outbox]

    assert len(told) == len(codes)
    assert told[0] == (
        "One of your recovery codes was used in place of your second factor."
    )
    assert told[-1].startswith("The last of your recovery codes was used")


# What else ends the other sessions and is told


def change_password(client):
    return client.post(
        "/accounts/password/change/",
        {
            "oldpassword": PASSWORD,
            "password1": NEW_PASSWORD,
            "password2": NEW_PASSWORD,
        },
    )


@pytest.mark.asvs("7.4.3")
def test_a_changed_password_ends_the_other_sessions_and_is_told(person):
    here, other = fully_signed_in(person), fully_signed_in(person)

    change_password(here)

    assert here.get(CLIENTS).status_code == 200
    assert other.get(CLIENTS).url.startswith("/accounts/login/")
    assert UserSession.objects.filter(user=person).count() == 1
    (letter,) = mail.outbox
    assert letter.to == [person.email]
    assert "Your password was changed." in letter.body
    assert "http://testserver/accounts/password/reset/" in letter.body
    assert NEW_PASSWORD not in letter.body


def test_a_site_operator_changes_the_password_where_everybody_does(client):
    operator = UserFactory(is_staff=True, is_superuser=True)
    fully_signed_in(operator, client)
    form = {"old_password": PASSWORD, "new_password1": "x", "new_password2": "x"}

    for answer in (
        client.get("/admin/password_change/"),
        client.post("/admin/password_change/", form),
    ):
        assert answer.url == "/accounts/password/change/"


def test_a_reset_password_ends_every_session_and_is_told(person, client):
    other = fully_signed_in(person)
    client.post("/accounts/password/reset/", {"email": person.email})
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[0].body)[1]
    form = client.get(link, follow=True)

    client.post(
        form.request["PATH_INFO"],
        {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD},
    )

    assert other.get(CLIENTS).url.startswith("/accounts/login/")
    assert not UserSession.objects.filter(user=person).exists()
    assert "by a link sent to this address" in mail.outbox[-1].body


def test_a_letter_is_in_the_language_of_the_page(person):
    client = fully_signed_in(person)
    client.cookies["language"] = "ar"

    change_password(client)

    with translation.override("ar"):
        words = translation.gettext("Your password was changed.")
    assert words in mail.outbox[-1].body
    assert words != "Your password was changed."


class AwayBackend(EmailBackend):
    """A mail server that hangs up."""

    def send_messages(self, messages):
        raise SMTPServerDisconnected


def test_a_mail_server_that_is_away_stops_no_change(person, settings, caplog):
    client = fully_signed_in(person)
    settings.EMAIL_BACKEND = f"{__name__}.AwayBackend"

    answer = change_password(client)

    assert answer.status_code == 302
    person.refresh_from_db()
    assert person.check_password(NEW_PASSWORD)
    assert "account mail failed" in caplog.text


def test_the_trail_tells_of_each(person, django_capture_on_commit_callbacks):
    client = half_signed_in(person)
    with django_capture_on_commit_callbacks(execute=True):
        enrol(client)
    change_password(client)
    with django_capture_on_commit_callbacks(execute=True):
        client.post(f"{CODES}generate/")
    client.post(SWITCH_OFF)

    told = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))

    for action in (
        "second_factor.added",
        "password.changed",
        "recovery_codes.made",
        "second_factor.removed",
    ):
        assert action in told


def test_signing_in_by_hand_with_a_code_opens_every_page(person, client):
    sign_in_by_hand(client, person, PASSWORD)

    assert client.get(CLIENTS).status_code == 200
    assert client.get(SWITCH_OFF).status_code == 200  # proven just now


def test_a_member_promoted_to_a_role_that_needs_one_is_asked(owner, client):
    member = MembershipFactory(organisation=owner.organisation)
    half_signed_in(member.user, client)
    assert client.get(CLIENTS).status_code == 200

    member.role = "admin"
    member.save()

    assert client.get(CLIENTS).url == ENROL
    assert Client().get(CLIENTS).url.startswith("/accounts/login/")
