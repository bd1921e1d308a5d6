"""Members: invited by a link, given a role, suspended and removed; always with an owner."""

import re
import threading
from datetime import timedelta

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import timezone

from clients_app.models import AuditEvent, Invitation, Membership, Role, User
from clients_app.organisation import members
from clients_app.organisation.members import MemberError
from tests.factories import MembershipFactory, OrganisationFactory, UserFactory
from tests.journeys import sign_in_by_hand

MEMBERS = "/o/al-noor/settings/members/"
PASSWORD = "correct horse battery"
NEW = {"email": "New@People.test", "role": "reviewer", "language": "en"}


@pytest.fixture(autouse=True)
def _fresh(db):
    cache.clear()


def text(answer):
    return answer.content.decode()


def invite(browser, **changes):
    return browser.post(MEMBERS, {**NEW, **changes}, follow=True)


def link(message=None):
    body = (message or mail.outbox[-1]).body
    return re.search(r"http://testserver(/invitation/\S+)", body)[1]


def actions():
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_an_invited_person_makes_a_sign_in_and_is_a_member(owner, signed_in, client):
    page = text(invite(signed_in(owner)))
    assert "The invitation is on its way." in page
    assert mail.outbox[0].to == ["new@people.test"]
    assert "Al Noor Trading" in mail.outbox[0].subject

    asked = client.get(link())
    answer = client.post(link(), {"name": "Nadia", "password": PASSWORD})

    assert "Join" in text(asked)
    assert answer.url == "/"
    member = Membership.objects.get(user__email="new@people.test")
    assert (member.role, member.user.name) == ("reviewer", "Nadia")
    assert client.get("/o/al-noor/clients/").status_code == 200
    assert not Invitation.objects.exists()
    assert {"member.invited", "member.added", "member.accepted", "signed_in"} <= set(
        actions()
    )


def test_an_invitation_works_once_and_not_after_seven_days(owner, signed_in, client):
    invite(signed_in(owner))
    used = link()
    client.post(used, {"password": PASSWORD})
    assert Client().get(used).status_code == 404
    invite(signed_in(owner), email="late@people.test")
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    late = Client().post(link(), {"password": PASSWORD})

    assert late.status_code == 404
    assert "does not work" in text(late)
    assert not User.objects.filter(email="late@people.test").exists()


@pytest.mark.asvs("11.5.1")
def test_the_link_is_not_stored_and_opening_it_uses_nothing_up(
    owner, signed_in, client
):
    invite(signed_in(owner))
    token = link().split("/")[2]

    for _ in range(3):
        assert client.get(link()).status_code == 200

    assert len(token) >= 43
    assert token not in str(Invitation.objects.values().get())
    assert token not in str(list(AuditEvent.objects.values()))


def test_an_invited_person_with_a_sign_in_uses_it(owner, signed_in, client):
    user = User.objects.create_user("new@people.test", PASSWORD)
    invite(signed_in(owner))

    wrong = client.post(link(), {"password": "wrong password"})
    right = client.post(link(), {"password": PASSWORD})

    assert wrong.status_code == 422
    assert "The password is not right." in text(wrong)
    assert right.url == "/"
    assert user.memberships.get().role == "reviewer"


def test_an_invited_person_already_signed_in_presses_once(owner, signed_in):
    user = UserFactory(email="new@people.test")
    invite(signed_in(owner))
    browser = signed_in(user)

    page = browser.get(link())
    browser.post(link())

    assert "password" not in text(page).replace("Change the password", "").lower()
    assert user.memberships.get().role == "reviewer"


@pytest.mark.asvs("6.3.4")
def test_an_invited_person_with_a_second_factor_shows_it_first(
    owner, signed_in, client
):
    user = User.objects.create_user("new@people.test", PASSWORD)
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    invite(signed_in(owner))

    answer = client.post(link(), {"password": PASSWORD})

    assert answer.url.startswith("/accounts/2fa/authenticate/")
    assert not user.memberships.exists()


def test_another_person_cannot_use_the_link(owner, signed_in, outsider):
    invite(signed_in(owner))
    browser = signed_in(outsider)

    answers = [browser.get(link()), browser.post(link())]

    assert [answer.status_code for answer in answers] == [403, 403]
    assert "people.test" not in text(answers[0])
    assert Invitation.objects.count() == 1


@pytest.mark.asvs("6.3.1")
def test_guessing_a_password_through_an_invitation_is_throttled(owner, signed_in):
    User.objects.create_user("new@people.test", PASSWORD)
    invite(signed_in(owner))
    invited = link()

    statuses = [
        Client().post(invited, {"password": f"wrong password {n}"}).status_code
        for n in range(6)
    ]

    assert statuses == [422] * 5 + [429]


def test_a_weak_password_is_refused_and_the_name_is_kept(owner, signed_in, client):
    invite(signed_in(owner))

    answer = client.post(link(), {"name": "Nadia", "password": "short"})

    assert answer.status_code == 422
    assert 'value="Nadia"' in text(answer)
    assert "short" not in text(answer).replace("too short", "")
    assert Invitation.objects.count() == 1


@pytest.mark.parametrize("known", [True, False])
def test_the_answer_never_says_whether_somebody_has_a_sign_in(owner, signed_in, known):
    if known:
        UserFactory(email="new@people.test")
    page = text(invite(signed_in(owner)))

    tidy = re.sub(r'value="[\w-]{60,}"', "", page)
    assert "The invitation is on its way." in tidy
    assert "already" not in tidy
    assert len(mail.outbox) == 1


def test_the_mail_and_the_page_speak_the_language_that_was_chosen(
    owner, signed_in, client
):
    invite(signed_in(owner), language="ar")

    assert re.search("[\u0600-\u06ff]", mail.outbox[0].subject)
    assert 'dir="rtl"' in text(client.get(link()))


def test_an_invitation_sent_again_has_a_new_link_and_the_old_one_is_dead(
    owner, signed_in, client
):
    browser = signed_in(owner)
    invite(browser)
    old = link()
    pk = Invitation.objects.get().pk

    soon = browser.post(MEMBERS, {"action": "resend", "invitation": pk}, follow=True)
    Invitation.objects.update(sent_at=timezone.now() - timedelta(minutes=2))
    browser.post(MEMBERS, {"action": "resend", "invitation": pk})

    assert "Wait a minute" in text(soon)
    assert len(mail.outbox) == 2
    assert client.get(old).status_code == 404
    assert client.get(link()).status_code == 200


def test_an_invitation_can_be_taken_back(owner, signed_in, client):
    browser = signed_in(owner)
    invite(browser)
    pk = Invitation.objects.get().pk

    browser.post(MEMBERS, {"action": "revoke", "invitation": pk})
    again = browser.post(MEMBERS, {"action": "revoke", "invitation": pk}, follow=True)

    assert client.get(link()).status_code == 404
    assert "used or taken back" in text(again)


def test_a_mail_server_that_is_away_loses_no_invitation(owner, signed_in, monkeypatch):
    def refuse(self, *args, **kwargs):
        raise ConnectionRefusedError

    monkeypatch.setattr("django.core.mail.EmailMessage.send", refuse)

    page = text(invite(signed_in(owner)))

    assert "could not be sent" in page
    assert "new@people.test" in page


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"email": ""}, "Enter the email address"),
        ({"email": "nonsense"}, "Enter an email address like"),
        ({"email": "a@b.test\r\nBcc: x@y.test"}, "Enter an email address like"),
        ({"role": "emperor"}, "Choose a role from the list"),
        ({"language": "xx"}, "Choose a language from the list"),
        ({"email": "owner@al-noor.test"}, "This person is a member already"),
    ],
)
def test_bad_input_is_told_at_the_field_and_kept(owner, signed_in, changes, words):
    answer = signed_in(owner).post(MEMBERS, {**NEW, **changes})

    assert answer.status_code == 422
    assert words in text(answer)
    assert not mail.outbox


@pytest.mark.parametrize("named", ["x", "-1", "9" * 30, "\u0663", ""])
def test_a_nonsense_invitation_is_a_404(owner, signed_in, named):
    data = {"action": "revoke", "invitation": named}

    assert signed_in(owner).post(MEMBERS, data).status_code == 404


def test_the_page_says_what_each_role_may_do(admin_member, signed_in):
    page = text(signed_in(admin_member).get(MEMBERS))

    row = re.search(r"The API key of Heffl</th>(.*?)</tr>", page)[1]
    cells = re.findall(r">(Yes|No)<", row)
    assert cells == ["Yes", "No", "No", "No"]
    row = re.search(r"Add clients and see all of them</th>(.*?)</tr>", page)[1]
    assert re.findall(r">(Yes|No)<", row) == ["Yes"] * 4


@pytest.mark.asvs("8.3.1", "8.2.1")
@pytest.mark.parametrize(
    ("deed", "role"),
    [("role", "owner"), ("role", "admin"), ("suspend", ""), ("remove", "")],
)
def test_an_admin_touches_no_owner_and_makes_none(
    owner, admin_member, frontdesk, signed_in, deed, role
):
    browser = signed_in(admin_member)
    data = {"action": deed, "role": role}

    browser.post(f"{MEMBERS}{owner.pk}/", data)
    browser.post(f"{MEMBERS}{frontdesk.pk}/", {"action": "role", "role": "owner"})
    browser.post(MEMBERS, {**NEW, "role": "owner"})

    owner.refresh_from_db()
    frontdesk.refresh_from_db()
    assert (owner.role, owner.suspended_at, frontdesk.role) == (
        "owner",
        None,
        "frontdesk",
    )
    assert not Invitation.objects.exists()
    assert members.roles_within_reach(frontdesk) == []


def test_an_owner_changes_a_role_and_it_is_noted(owner, frontdesk, signed_in):
    signed_in(owner).post(
        f"{MEMBERS}{frontdesk.pk}/", {"action": "role", "role": "admin"}
    )

    frontdesk.refresh_from_db()
    event = AuditEvent.objects.get(action="member.role_changed")
    assert frontdesk.role == "admin"
    assert event.detail == {"from": "frontdesk", "to": "admin"}


def test_nobody_changes_their_own_membership(owner, signed_in):
    other = MembershipFactory(organisation=owner.organisation, role=Role.OWNER)

    page = signed_in(owner).post(
        f"{MEMBERS}{owner.pk}/", {"action": "remove"}, follow=True
    )

    assert "cannot change your own membership" in text(page)
    assert Membership.objects.filter(pk__in=[owner.pk, other.pk]).count() == 2


@pytest.mark.asvs("7.4.2")
@pytest.mark.parametrize(("deed", "status"), [("suspend", 404), ("remove", 404)])
def test_sessions_die_at_once(owner, frontdesk, signed_in, deed, status):
    frontdesk.user.set_password(PASSWORD)
    frontdesk.user.save()
    desks = [Client(), Client()]
    for desk in desks:
        desk.post(
            "/accounts/login/", {"login": frontdesk.user.email, "password": PASSWORD}
        )
        assert desk.get("/o/al-noor/clients/").status_code == 200

    signed_in(owner).post(f"{MEMBERS}{frontdesk.pk}/", {"action": deed})

    for desk in desks:
        key = desk.cookies["session"].value
        assert not Session.objects.filter(session_key=key).exists()
        assert desk.get("/o/al-noor/clients/").status_code == 302
    again = Client()
    again.post(
        "/accounts/login/", {"login": frontdesk.user.email, "password": PASSWORD}
    )
    assert again.get("/o/al-noor/clients/").status_code == status


def test_a_suspended_member_can_be_let_back(owner, frontdesk, signed_in):
    browser, path = signed_in(owner), f"{MEMBERS}{frontdesk.pk}/"
    browser.post(path, {"action": "suspend"})

    browser.post(path, {"action": "let_back"})

    frontdesk.refresh_from_db()
    assert frontdesk.suspended_at is None
    assert signed_in(frontdesk).get("/o/al-noor/clients/").status_code == 200


def test_a_member_removed_meanwhile_is_told(owner, frontdesk, signed_in):
    path = f"{MEMBERS}{frontdesk.pk}/"
    signed_in(owner).post(path, {"action": "remove"})

    assert signed_in(owner).post(path, {"action": "remove"}).status_code == 404


@pytest.mark.asvs("7.5.1")
def test_members_need_the_password_again_after_five_minutes(
    owner, frontdesk, client, settings
):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    sign_in_by_hand(client, owner.user, PASSWORD)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert client.get(MEMBERS).status_code == 200
    session = client.session
    for record in session["account_authentication_methods"]:
        record["at"] -= 301
    session.save()

    late = client.post(f"{MEMBERS}{frontdesk.pk}/", {"action": "remove"}, follow=True)

    assert late.request["PATH_INFO"].startswith("/accounts/reauthenticate/")
    assert Membership.objects.filter(pk=frontdesk.pk).exists()


def test_the_list_costs_the_same_for_few_and_many(
    owner, signed_in, django_assert_max_num_queries
):
    for _ in range(30):
        MembershipFactory(organisation=owner.organisation)
    browser = signed_in(owner)
    browser.get(MEMBERS)

    with django_assert_max_num_queries(12):
        browser.get(MEMBERS)


@pytest.mark.asvs("2.3.3")
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("deed", ["demote", "suspend", "remove"])
def test_two_owners_who_turn_on_each_other_leave_one(deed):
    organisation = OrganisationFactory()
    owners = [
        MembershipFactory(organisation=organisation, role=Role.OWNER) for _ in range(2)
    ]
    start = threading.Barrier(2)
    told = []

    def turn(actor, target):
        start.wait()
        try:
            if deed == "demote":
                members.change_role(actor, target.pk, Role.FRONTDESK)
            else:
                getattr(members, deed)(actor, target.pk)
        except (MemberError, Membership.DoesNotExist) as error:
            told.append(error)
        finally:
            connections.close_all()

    threads = [
        threading.Thread(target=turn, args=pair)
        for pair in (owners, list(reversed(owners)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    left = organisation.memberships.filter(
        role=Role.OWNER, suspended_at__isnull=True
    ).count()
    assert left == 1
    assert len(told) == 1
