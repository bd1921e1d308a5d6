"""A sign-in ends for good, sooner for who may do more, and what was typed is not lost."""

import time

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from clients_app.accounts.sessions import SIGNED_IN_AT
from clients_app.models import Membership, Role, Submission
from clients_app.views import kept
from tests.journeys import fully_signed_in

HOUR = 3600
PASSWORD = "correct horse battery"
OWN, NEW = "/accounts/preferences/", "/o/al-noor/clients/new/"
TYPED = {"type": "company", "name": "Gulf Star Logistics"}


def began(browser, hours_ago):
    """Let a sign-in have begun so many hours ago, and have been used ever since."""
    session = browser.session
    session[SIGNED_IN_AT] = time.time() - hours_ago * HOUR
    session.save()


@pytest.fixture
def who(request, owner, admin_member, reviewer, frontdesk):
    return {
        "owner": owner,
        "admin": admin_member,
        "reviewer": reviewer,
        "frontdesk": frontdesk,
    }[request.param]


@pytest.mark.parametrize(
    ("who", "hours", "still"),
    [
        ("owner", 11.9, True),
        ("owner", 12.1, False),
        ("admin", 11.9, True),
        ("admin", 12.1, False),
        ("reviewer", 167, True),
        ("reviewer", 169, False),
        ("frontdesk", 12.1, True),
        ("frontdesk", 169, False),
    ],
    indirect=["who"],
)
def test_a_sign_in_ends_for_good_by_role(who, hours, still, signed_in):
    browser = signed_in(who)
    began(browser, hours)

    answer = browser.get(OWN)

    assert (answer.status_code == 200) is still
    if not still:
        assert answer.url.startswith("/accounts/login/?next=")
        assert "_auth_user_id" not in browser.session


def test_an_operator_ends_as_soon_as_an_owner(frontdesk, signed_in):
    frontdesk.user.is_staff = True
    frontdesk.user.save()
    browser = signed_in(frontdesk)
    began(browser, 12.1)

    assert browser.get(OWN).status_code == 302


def test_a_member_who_becomes_an_administrator_ends_at_once_when_over(
    frontdesk, signed_in
):
    browser = signed_in(frontdesk)
    began(browser, 13)
    assert browser.get(OWN).status_code == 200

    Membership.objects.filter(pk=frontdesk.pk).update(role=Role.ADMIN)

    assert browser.get(OWN).status_code == 302


def test_the_ends_are_settings(frontdesk, signed_in, settings):
    settings.SESSION_LONGEST_AGE_ADMIN, settings.SESSION_LONGEST_AGE = 60, 120
    browser = signed_in(frontdesk)
    began(browser, 119 / HOUR)
    assert browser.get(OWN).status_code == 200
    began(browser, 121 / HOUR)

    assert browser.get(OWN).status_code == 302


@pytest.mark.parametrize("path", ["/accounts/stay/", "/accounts/reauthenticate/"])
def test_neither_staying_nor_confirming_moves_the_end(owner, signed_in, path):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    browser = signed_in(owner)
    began(browser, 11)
    before = browser.session[SIGNED_IN_AT]

    browser.post(path, {"password": PASSWORD})

    assert browser.session[SIGNED_IN_AT] == before
    began(browser, 12.1)
    assert browser.get(OWN).status_code == 302


def test_changing_the_password_does_not_move_the_end(owner, signed_in):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    browser = signed_in(owner)
    began(browser, 11)
    before = browser.session[SIGNED_IN_AT]
    new = "another horse battery"

    browser.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )

    owner.user.refresh_from_db()
    assert owner.user.check_password(new)
    assert browser.session[SIGNED_IN_AT] == before


def test_signing_in_anew_begins_anew(owner, signed_in):
    browser = signed_in(owner)
    began(browser, 13)
    browser.get(OWN)

    fully_signed_in(owner.user, browser)

    assert browser.get(OWN).status_code == 200
    assert time.time() - browser.session[SIGNED_IN_AT] < HOUR


def test_a_session_from_before_begins_to_count(owner, signed_in):
    browser = signed_in(owner)
    session = browser.session
    del session[SIGNED_IN_AT]
    session.save()

    assert browser.get(OWN).status_code == 200
    assert time.time() - browser.session[SIGNED_IN_AT] < HOUR


@pytest.mark.parametrize(
    ("who", "hours", "left"),
    [("owner", 11.5, 0.5), ("frontdesk", 167, 1), ("frontdesk", 13, 12)],
    indirect=["who"],
)
def test_staying_tells_the_sooner_end(who, hours, left, signed_in):
    browser = signed_in(who)
    began(browser, hours)

    seconds = browser.post("/accounts/stay/").json()["seconds"]

    assert left * HOUR - 120 < seconds <= left * HOUR


def test_the_form_tells_the_sooner_end(frontdesk, signed_in):
    browser = signed_in(frontdesk)
    began(browser, 167)

    page = browser.get(NEW).content.decode()

    assert HOUR - 120 < int(page.split('data-ends="')[1].split('"')[0]) <= HOUR


def test_what_was_typed_over_the_end_is_kept_and_sent_after_signing_in(
    frontdesk, signed_in
):
    browser = signed_in(frontdesk)
    began(browser, 169)

    answer = browser.post(NEW, TYPED | {"typed_by": kept.mark_of(frontdesk.user)})

    assert answer.url.startswith(f"/accounts/login/?next={NEW}")
    told = browser.get("/accounts/login/").content.decode()
    assert "What you typed is kept" in told
    fully_signed_in(frontdesk.user, browser)
    browser.get(NEW)
    assert Submission.objects.get().answers["name"] == TYPED["name"]


def test_an_ended_session_is_gone_from_the_database(owner, signed_in):
    browser = signed_in(owner)
    began(browser, 12.1)
    key = browser.session.session_key

    browser.get(OWN)

    assert not Session.objects.filter(pk=key).exists()


@pytest.mark.parametrize(("hours", "more"), [(1, 0), (13, 1)])
def test_the_end_costs_at_most_one_question(frontdesk, signed_in, hours, more):
    browser = signed_in(frontdesk)
    browser.get(OWN)
    began(browser, 0)
    with CaptureQueriesContext(connection) as fresh:
        browser.get(OWN)
    began(browser, hours)

    with CaptureQueriesContext(connection) as aged:
        browser.get(OWN)

    assert len(aged) - len(fresh) == more


def test_a_visitor_costs_no_question_and_no_session(db):
    browser = Client()

    browser.get("/accounts/login/")

    assert not Session.objects.exists()


@pytest.mark.parametrize(
    "path", ["/accounts/2fa/totp/activate/", "/accounts/2fa/webauthn/add/"]
)
def test_who_has_just_signed_in_is_not_asked_again(frontdesk, path):
    frontdesk.user.set_password(PASSWORD)
    frontdesk.user.save()
    browser = Client()
    browser.post(
        "/accounts/login/", {"login": frontdesk.user.email, "password": PASSWORD}
    )

    assert browser.get(path).status_code == 200

    session = browser.session
    for record in (records := session["account_authentication_methods"]):
        record["at"] -= 301
    session["account_authentication_methods"] = records
    session.save()
    asked = browser.get(path)
    assert asked.url.startswith("/accounts/reauthenticate/")


def test_a_password_before_the_second_factor_opens_nothing(frontdesk):
    frontdesk.user.set_password(PASSWORD)
    frontdesk.user.save()
    TOTP.activate(frontdesk.user, "JBSWY3DPEHPK3PXP")
    browser = Client()
    browser.post(
        "/accounts/login/", {"login": frontdesk.user.email, "password": PASSWORD}
    )

    assert browser.get("/accounts/2fa/webauthn/add/").status_code == 302


def test_other_sessions_are_seen_at_once_and_ended_after_a_fresh_proof(frontdesk):
    frontdesk.user.set_password(PASSWORD)
    frontdesk.user.save()
    typed = {"login": frontdesk.user.email, "password": PASSWORD}
    browser, elsewhere = Client(), Client()
    for each in (elsewhere, browser):
        each.post("/accounts/login/", typed)
        each.get(NEW)
    session = browser.session
    records = session["account_authentication_methods"]
    session["account_authentication_methods"] = [
        record | {"at": record["at"] - 301} for record in records
    ]
    session.save()

    assert browser.get("/accounts/sessions/").status_code == 200
    asked = browser.post("/accounts/sessions/")
    assert asked.url.startswith("/accounts/reauthenticate/")
    assert elsewhere.get(NEW).status_code == 200

    browser.post(asked.url, {"password": PASSWORD}, follow=True)
    browser.post("/accounts/sessions/")
    assert elsewhere.get(NEW).status_code == 302
    assert browser.get(NEW).status_code == 200
