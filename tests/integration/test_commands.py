"""create_organisation, add_member and keyring, as an operator runs them."""

import io

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.utils import timezone

from clients_app import credentials
from clients_app.crypto import KeyRing, Secret, kid_of, new_entry
from clients_app.models import (
    ApiCredential,
    AuditEvent,
    Hold,
    HoldReason,
    Membership,
    Organisation,
    RateBudget,
    Role,
    User,
)

PASSWORD = "correct horse battery"
OLD, NEW = new_entry("old"), new_entry("new")


def run(*arguments):
    """Run a command; return (exit code, what it said, what it complained of)."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


@pytest.fixture
def password(monkeypatch):
    monkeypatch.setenv("PORTAL_OWNER_PASSWORD", PASSWORD)
    monkeypatch.setenv("PORTAL_MEMBER_PASSWORD", PASSWORD)
    monkeypatch.delenv("HEFFL_API_KEY", raising=False)


def create(*more, name="Al Noor Trading", slug="al-noor", owner="Ann@al-noor.test"):
    return run("create_organisation", name, "--slug", slug, "--owner", owner, *more)


def test_create_organisation_makes_it_and_its_owner(db, password):
    code, said, _ = create()

    member = Membership.objects.get()
    assert code == 0
    assert "Made the organisation al-noor." in said
    assert "no API key yet" in said
    assert member.role == Role.OWNER
    assert member.user.email == "ann@al-noor.test"
    assert member.user.check_password(PASSWORD)
    assert member.user.password.startswith("argon2")
    assert member.organisation.signup_mode == ""
    assert EmailAddress.objects.filter(verified=True, primary=True).count() == 1
    assert set(AuditEvent.objects.values_list("action", flat=True)) == {
        "organisation.created",
        "member.added",
    }


@pytest.mark.parametrize("mode", ["send", "suspicious", "hold"])
def test_create_organisation_turns_the_signup_on(db, password, mode):
    create("--signup", mode)

    assert Organisation.objects.get().signup_mode == mode


def test_create_organisation_stores_a_key_that_works(
    password, monkeypatch, db, sandbox
):
    monkeypatch.setenv("HEFFL_API_KEY", sandbox.key + "\n")

    _, said, complained = create()

    assert "Heffl accepts its API key heffl_user_…cdef" in said
    assert sandbox.key not in said + complained
    assert credentials.current(Organisation.objects.get()).verified_at


def test_create_organisation_stores_a_key_unverified_while_heffl_is_away(
    password, monkeypatch, db
):
    monkeypatch.setenv("HEFFL_API_KEY", "heffl_user_later_0000")

    code, _, complained = create()

    assert code == 0
    assert "stored unverified" in complained
    assert credentials.current(Organisation.objects.get()).verified_at is None
    assert Hold.objects.get().reason == HoldReason.KEY_UNVERIFIED


def test_create_organisation_with_a_refused_key_makes_nothing(
    password, monkeypatch, db, sandbox
):
    monkeypatch.setenv("HEFFL_API_KEY", "heffl_user_wrong_0000")

    with pytest.raises(CommandError, match="does not know this key. Nothing was made"):
        create()

    assert not Organisation.objects.exists()
    assert not User.objects.exists()


def test_create_organisation_with_what_is_no_key_does_not_repeat_it(
    password, monkeypatch, db
):
    monkeypatch.setenv("HEFFL_API_KEY", "not a key")

    with pytest.raises(CommandError, match="HEFFL_API_KEY") as caught:
        create()

    assert "not a key" not in str(caught.value)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": " "}, "1 to 160 characters"),
        ({"name": "x" * 161}, "1 to 160 characters"),
        ({"slug": "Al Noor"}, "small letters"),
        ({"slug": "AlNoor"}, "small letters"),
        ({"slug": "a" * 61}, "small letters"),
        ({"slug": "taken"}, "slug taken already"),
        ({"owner": "nobody"}, "Enter an email address"),
    ],
)
def test_create_organisation_says_what_is_wrong(db, password, wrong, words):
    Organisation.objects.create(name="Taken", slug="taken")

    with pytest.raises(CommandError, match=words):
        create(**wrong)

    assert Organisation.objects.count() == 1


@pytest.mark.parametrize("weak", ["", "tiny-7", "password12"])
def test_create_organisation_refuses_a_weak_password(db, monkeypatch, weak):
    monkeypatch.setenv("PORTAL_OWNER_PASSWORD", weak)

    with pytest.raises(CommandError, match="password") as caught:
        create()

    assert not weak or weak not in str(caught.value)
    assert not Organisation.objects.exists()


def test_add_member_makes_a_person(organisation, password):
    run("add_member", "al-noor", "Desk@al-noor.test", "--role", "frontdesk")

    member = Membership.objects.get()
    assert (member.user.email, member.role) == ("desk@al-noor.test", "frontdesk")
    assert member.user.check_password(PASSWORD)


def test_add_member_leaves_the_password_of_somebody_who_signs_in_here(
    organisation, outsider, password
):
    outsider.user.set_password("their own password")
    outsider.user.save()

    run("add_member", "al-noor", outsider.user.email, "--role", "admin")

    person = User.objects.get()
    assert person.check_password("their own password")
    assert person.memberships.count() == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "a@b.test", "--role", "admin"], "no organisation 'nowhere'"),
        (["al-noor", "a@b", "--role", "admin"], "Enter an email address"),
        (["al-noor", "owner@al-noor.test", "--role", "admin"], "a member already"),
        (["al-noor", "a@b.test", "--role", "boss"], "invalid choice"),
        (["al-noor", "a@b.test"], "--role"),
    ],
)
def test_add_member_says_what_is_wrong(owner, password, arguments, words):
    with pytest.raises(CommandError, match=words):
        run("add_member", *arguments)

    assert Membership.objects.count() == 1


def test_keyring_new_prints_an_entry_alone_and_explains_beside_it(db):
    code, said, explained = run("keyring", "new", "2026c")

    assert code == 0
    assert list(KeyRing.parse(said.strip()).keys) == ["2026c"]
    assert "write it second" in explained
    assert said.strip() not in explained


@pytest.mark.parametrize("kid", ["test", "a:b", "x" * 33])
def test_keyring_new_refuses_an_id(db, kid):
    with pytest.raises(CommandError):
        run("keyring", "new", kid)


def test_keyring_check_counts_and_is_content(connected):
    code, said, complained = run("keyring", "check")

    assert (code, said, complained) == (0, "test: 1 secrets\n", "")


def test_keyring_rotation_from_old_to_new(organisation, settings):
    settings.PORTAL_KEYRING = KeyRing.parse(OLD)
    key = credentials.seal_new(
        organisation, Secret("heffl_user_rotating_0000"), verified_at=timezone.now()
    )
    settings.PORTAL_KEYRING = KeyRing.parse(f"{NEW},{OLD}")

    before = run("keyring", "check")
    rotated = run("keyring", "rotate")
    after = run("keyring", "check")

    key.refresh_from_db()
    assert before[0] == 1
    assert "old key 'old' is still in use" in before[2]
    assert "1 API keys, 0 second factors, 0 webhook secrets." in rotated[1]
    assert after == (0, "new: 1 secrets\nold: 0 secrets\n", "")
    assert kid_of(key.ciphertext) == "new"
    assert AuditEvent.objects.get().action == "keyring.rotated"
    assert RateBudget.objects.get(fingerprint=key.fingerprint).wake_at
    settings.PORTAL_KEYRING = KeyRing.parse(NEW)
    assert run("keyring", "check")[0] == 0


@pytest.mark.parametrize("token", ["v1.gone.AAAA", "v1.test.AAAA", "plain text"])
def test_keyring_check_finds_what_does_not_open(connected, token):
    ApiCredential.objects.update(ciphertext=token)

    code, _, complained = run("keyring", "check")

    assert code == 1
    assert "The API key of 'al-noor' does not open." in complained
    assert token not in complained
