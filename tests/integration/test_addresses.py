"""One address to sign in with: changed by confirming the new one, told, and in the trail."""

import re
from importlib import import_module

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from clients_app.accounts import addresses
from clients_app.models import AddressChange, AuditEvent, Invitation, Membership, User
from clients_app.models.address_change import LIVES
from clients_app.organisation import members, people
from tests.factories import UserFactory
from tests.journeys import fully_signed_in, half_signed_in, sign_in_by_hand

PASSWORD = "correct horse battery"
PAGE = "/accounts/email/"
CLIENTS = "/o/al-noor/clients/"
NEW = "fresh@al-noor.test"


@pytest.fixture(autouse=True)
def _fresh_throttles(db):
    cache.clear()


def confirmed(user, email, primary=False):
    return EmailAddress.objects.create(
        user=user, email=email, verified=True, primary=primary
    )


@pytest.fixture
def person(owner):
    owner.user.set_password(PASSWORD)
    owner.user.save()
    confirmed(owner.user, owner.user.email, primary=True)
    return owner.user


@pytest.fixture
def browser(person):
    client = fully_signed_in(person)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def text(answer):
    return answer.content.decode()


def ask(client, email=NEW):
    return client.post(PAGE, {"action_add": "", "email": email}, follow=True)


def link(message=None):
    body = (message or mail.outbox[-1]).body
    return re.search(r"https?://[^/]+(/accounts/confirm-email/\S+)", body)[1]


def actions():
    found = AuditEvent.objects.filter(action__startswith="address.").order_by("id")
    return list(found.values_list("action", flat=True))


def in_step(user, email):
    user.refresh_from_db()
    rows = EmailAddress.objects.filter(user=user)
    assert user.email == email
    assert list(rows.values_list("email", "verified", "primary")) == [
        (email, True, True)
    ]


# Changing it


def test_the_address_changes_when_the_new_one_is_confirmed(browser, person):
    old = person.email
    other = fully_signed_in(person)

    told = text(ask(browser, " Fresh@Al-Noor.test "))
    in_step(person, old)
    assert mail.outbox[-1].to == [NEW]
    question = text(browser.get(link()))
    in_step(person, old)
    answer = browser.post(link(), follow=True)

    assert f"A link is on its way to {NEW}" in told
    assert "Use the new address" in question
    assert f"You sign in with {NEW} from now on." in text(answer)
    in_step(person, NEW)
    assert mail.outbox[-1].to == [old]
    assert "another address" in mail.outbox[-1].body
    assert NEW not in mail.outbox[-1].body
    assert browser.get(CLIENTS).status_code == 200
    assert other.get(CLIENTS).url.startswith("/accounts/login/")
    assert actions() == ["address.asked", "address.changed"]
    assert sign_in_by_hand(Client(), person, PASSWORD).url == "/"


def test_until_then_the_new_address_opens_nothing(browser, person, client):
    ask(browser)
    mail.outbox.clear()

    client.post("/accounts/password/reset/", {"email": NEW})
    answer = client.post("/accounts/login/", {"login": NEW, "password": PASSWORD})

    assert "_auth_user_id" not in client.session
    assert answer.status_code == 200
    assert not [each for each in mail.outbox if "/password/reset/key/" in each.body]


def test_a_link_works_once_and_for_a_day(browser, person):
    ask(browser)
    path = link()
    browser.post(path)

    assert "no longer works" in text(browser.get(path))
    assert "no longer works" in text(browser.post(path))
    ask(browser, "later@al-noor.test")
    late = link()
    AddressChange.objects.update(asked_at=timezone.now() - LIVES)
    assert "no longer works" in text(browser.get(late))
    in_step(person, NEW)


def test_asking_again_makes_the_link_before_useless(browser, person):
    ask(browser)
    first = link()
    ask(browser, "second@al-noor.test")

    assert "no longer works" in text(browser.get(first))
    assert AddressChange.objects.count() == 1


def test_a_change_can_be_sent_again_and_taken_back(browser, person):
    ask(browser)
    first = link()
    browser.post(PAGE, {"action_send": "", "email": NEW})
    second = link()
    shown = text(browser.get(PAGE))
    browser.post(PAGE, {"action_remove": "", "email": NEW})

    assert first != second
    assert NEW in shown
    assert NEW not in text(browser.get(PAGE))
    assert "no longer works" in text(browser.get(second))
    assert actions() == ["address.asked", "address.asked", "address.withdrawn"]


def test_the_password_is_asked_for_first(person):
    client = fully_signed_in(person)

    assert client.get(PAGE).url.startswith("/accounts/reauthenticate/")
    client.post(PAGE, {"action_add": "", "email": NEW})

    assert not AddressChange.objects.exists()
    assert not mail.outbox


@pytest.mark.parametrize(
    ("email", "words"),
    [
        ("", "Enter the email address"),
        ("nonsense", "Enter an email address like name@example.com"),
        ("a@b.test\r\nBcc: c@d.test", "Enter an email address like name@example.com"),
        ("x" * 250 + "@al-noor.test", "The email address is too long"),
        ("a@" + "İ" * 125 + ".test", "Enter an email address like name@example.com"),
        ("owner@al-noor.test", "You sign in with this address already."),
        ("OWNER@al-noor.test", "You sign in with this address already."),
    ],
)
def test_an_address_that_will_not_do_is_said_at_the_field(browser, email, words):
    answer = browser.post(PAGE, {"action_add": "", "email": email})

    assert answer.status_code == 422
    assert words in text(answer)
    assert not mail.outbox


@pytest.mark.parametrize("form", [{}, {"action_primary": "", "email": "x@y.test"}])
def test_any_other_form_changes_nothing(browser, person, form):
    assert browser.post(PAGE, form).url == PAGE
    in_step(person, "owner@al-noor.test")


def test_a_mail_server_that_is_away_is_said(browser, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9

    assert "The mail could not be sent." in text(ask(browser))


# Whose address it may be


def test_the_address_of_somebody_else_gets_the_same_answer_and_another_letter(
    browser, admin_member, person
):
    theirs = admin_member.user.email
    free = text(ask(browser)).replace(NEW, "…")
    taken = text(ask(browser, theirs)).replace(theirs, "…")
    hidden = r'value="[\w-]{20,}"|nonce="[^"]*"'

    assert re.sub(hidden, "", free) == re.sub(hidden, "", taken)
    first, second = mail.outbox
    assert (first.to, second.to) == ([NEW], [theirs])
    assert first.subject == second.subject
    assert "belongs to a sign-in already" in second.body
    for letter in mail.outbox:
        assert not re.search(r"sign.?up|regist", letter.body, re.IGNORECASE)
    assert "confirm-email" not in second.body


def test_an_address_taken_meanwhile_is_not_taken_over(browser, person):
    ask(browser)
    UserFactory(email=NEW)

    answer = browser.post(link(), follow=True)

    assert "This address belongs to another sign-in." in text(answer)
    in_step(person, "owner@al-noor.test")
    assert actions() == ["address.asked"]


def test_two_who_confirm_the_same_address_at_once_get_a_plain_answer(
    browser, person, admin_member, monkeypatch
):
    """The other one is done between our look at the address and our writing it down."""
    ask(browser)
    original = addresses.addresses_of

    def meanwhile(user):
        confirmed(admin_member.user, NEW)
        return original(user)

    monkeypatch.setattr(addresses, "addresses_of", meanwhile)
    answer = browser.post(link(), follow=True)

    assert "This address belongs to another sign-in." in text(answer)
    in_step(person, "owner@al-noor.test")


def test_the_link_of_another_person_neither_signs_out_nor_confirms(
    browser, person, admin_member
):
    ask(browser)
    reader = fully_signed_in(admin_member.user)

    opened, pressed = reader.get(link()), reader.post(link())

    assert opened.status_code == pressed.status_code == 403
    assert "you are still signed in" in " ".join(text(opened).split())
    assert reader.get(CLIENTS).status_code == 200
    in_step(person, "owner@al-noor.test")


def test_a_stranger_with_the_link_cannot_confirm_it(browser, person, client):
    ask(browser)
    path = link()

    for answer in (client.get(path), client.post(path)):
        assert answer.url == f"/accounts/login/?next={path}"
    in_step(person, "owner@al-noor.test")
    assert "no longer works" in text(client.get("/accounts/confirm-email/nonsense/"))


def test_a_session_without_the_second_factor_confirms_nothing(browser, person):
    ask(browser)

    answer = half_signed_in(person).post(link())

    assert answer.url.startswith("/accounts/2fa/reauthenticate/")
    in_step(person, "owner@al-noor.test")


def test_letters_to_one_mailbox_are_counted_whatever_the_label(browser):
    for number in range(3):
        ask(browser, f"victim+{number}@mail.test")
    answer = ask(browser, "victim@mail.test")

    assert answer.status_code == 429
    assert "Too many mails were asked for." in text(answer)
    assert 'value="victim@mail.test"' in text(answer)
    assert len(mail.outbox) == 3


def test_a_person_asks_for_ten_letters_a_day_at_most(browser):
    statuses = [ask(browser, f"v{n}@mail{n}.test").status_code for n in range(11)]

    assert statuses == [200] * 10 + [429]
    assert len(mail.outbox) == 10


# People of before, with several addresses


@pytest.fixture
def with_two(person):
    confirmed(person, "second@al-noor.test")
    return person


def test_somebody_with_two_addresses_has_one_after_a_change(browser, with_two):
    assert "second@al-noor.test" in text(browser.get(PAGE))
    ask(browser)
    browser.post(link())

    in_step(with_two, NEW)
    told = [each.to[0] for each in mail.outbox[1:]]
    assert told == ["owner@al-noor.test", "second@al-noor.test"]


def test_a_second_address_can_be_removed_the_first_cannot(browser, with_two):
    browser.post(PAGE, {"action_remove": "", "email": "owner@al-noor.test"})
    browser.post(PAGE, {"action_remove": "", "email": "second@al-noor.test"})

    in_step(with_two, "owner@al-noor.test")
    assert actions() == ["address.removed"]
    assert mail.outbox[-1].to == ["second@al-noor.test"]


def invitation(organisation, inviter, email):
    seen = []

    def link_for(token):
        seen.append(token)
        return f"http://testserver/invitation/{token}/"

    members.invite(inviter, email, "reviewer", "en", link_for=link_for)
    return f"/invitation/{seen[0]}/"


def test_an_invitation_to_a_second_address_is_accepted_by_its_person(
    outsider, with_two, organisation
):
    path = invitation(outsider.organisation, outsider, "second@al-noor.test")
    client = fully_signed_in(with_two)

    shown, answer = client.get(path), client.post(path)

    assert shown.status_code == 200
    assert answer.url == "/"
    assert Membership.objects.filter(user=with_two).count() == 2
    assert not Invitation.objects.exists()


def test_an_invitation_to_a_second_address_asks_for_the_password_of_its_person(
    outsider, with_two, client
):
    path = invitation(outsider.organisation, outsider, "second@al-noor.test")

    wrong = client.post(path, {"name": "X", "password": "something else entirely"})
    right = client.post(path, {"name": "X", "password": PASSWORD})

    assert "The password is not right." in text(wrong)
    assert right.status_code == 302
    assert User.objects.count() == 2


def test_somebody_is_not_invited_again_by_a_second_address(
    owner, admin_member, organisation
):
    confirmed(admin_member.user, "second@al-noor.test")

    with pytest.raises(members.MemberError, match="a member already"):
        invitation(organisation, owner, "second@al-noor.test")


def test_add_member_finds_its_person_by_a_second_address(outsider, with_two):
    call_command("add_member", "elsewhere", "Second@al-noor.test", role="reviewer")

    member = Membership.objects.get(organisation=outsider.organisation, user=with_two)
    assert member.role == "reviewer"
    with pytest.raises(CommandError, match="a member already"):
        call_command("add_member", "elsewhere", "second@al-noor.test", role="reviewer")


def test_two_who_make_the_same_person_at_once_get_a_plain_answer(
    organisation, monkeypatch
):
    monkeypatch.setattr(people, "person_with", lambda email: None)
    UserFactory(email="new@people.test")

    with pytest.raises(people.OrganisationError, match="given a sign-in just now"):
        people.add_member(
            organisation, "new@people.test", "reviewer", password=PASSWORD
        )


def test_joining_never_signs_in_as_somebody_who_came_to_be_meanwhile(
    owner, organisation, client, monkeypatch
):
    path = invitation(organisation, owner, "new@people.test")
    found = Invitation.objects.get()
    UserFactory(email="new@people.test")

    with pytest.raises(members.MemberError, match="Open the link again"):
        members.accept(found, user=None, password=PASSWORD)

    assert client.post(path, {"password": PASSWORD}).status_code == 422
    assert "_auth_user_id" not in client.session


# What the migration leaves


def test_the_migration_keeps_no_address_that_nobody_confirmed(person, frontdesk):
    migration = import_module("clients_app.migrations.0006_address_change")
    EmailAddress.objects.create(user=person, email="victim@mail.test", verified=False)
    EmailAddress.objects.create(
        user=frontdesk.user, email=frontdesk.user.email, verified=False
    )

    migration.keep_confirmed(apps, None)

    in_step(person, "owner@al-noor.test")
    in_step(frontdesk.user, "desk@al-noor.test")
