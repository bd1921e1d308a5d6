"""The secret of a second factor opens for the person in whose row it lies, and for no other."""

import io

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import SECRET_SESSION_KEY
from django.conf import settings as installation
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client

from clients_app.accounts import factors
from clients_app.crypto import KeyRing, Secret, new_entry
from clients_app.models import AuditEvent
from tests.journeys import (
    AUTHENTICATE,
    LOGIN,
    SEED,
    code_now,
    enrolled,
    half_signed_in,
    sign_in_by_hand,
)

PASSWORD = "correct horse battery"
ENROL = "/accounts/2fa/totp/activate/"
TOTP = Authenticator.Type.TOTP
CODES = Authenticator.Type.RECOVERY_CODES


@pytest.fixture(autouse=True)
def _fresh_throttles(db):
    cache.clear()


@pytest.fixture
def people(owner, admin_member):
    """Return two people with a password, an app and recovery codes each."""
    found = []
    for member in (owner, admin_member):
        member.user.set_password(PASSWORD)
        member.user.save()
        RecoveryCodes.activate(enrolled(member.user))
        found.append(member.user)
    return found


def stored(user, kind=TOTP):
    """Return what the table holds, as somebody with the database alone sees it."""
    return dict(Authenticator.objects.filter(type=kind).values_list("user", "data"))[
        user.pk
    ]


def paste(user, data, kind=TOTP):
    Authenticator.objects.filter(user=user, type=kind).update(data=data)


def as_before(secret=SEED):
    """Return a secret sealed to nobody, as all of them once were."""
    ring = installation.PORTAL_KEYRING
    return ring.seal(Secret(secret), purpose="mfa", organisation="", row="")


def sign_in(user, code=None):
    client = Client()
    client.post(LOGIN, {"login": user.email, "password": PASSWORD})
    return client.post(AUTHENTICATE, {"code": code or code_now()})


def run(action):
    """Return the exit code of a keyring command and what it complains about."""
    complaints = io.StringIO()
    try:
        call_command("keyring", action, stdout=io.StringIO(), stderr=complaints)
    except SystemExit as end:
        return end.code, complaints.getvalue()
    return 0, complaints.getvalue()


@pytest.mark.parametrize("kind", [TOTP, CODES])
def test_a_secret_pasted_into_the_row_of_another_does_not_open(people, kind):
    mallory, victim = people

    paste(victim, stored(mallory, kind), kind)
    answer = sign_in(victim, "123456")

    assert answer.status_code == 503
    assert "key ring is not complete" in answer.content.decode()
    assert factors.unreadable() == 1
    code, complaints = run("check")
    assert (code, complaints) == (1, "1 second factors do not open.\n")


def test_every_secret_is_stored_bound_to_its_person(people):
    ring = installation.PORTAL_KEYRING
    for user in people:
        for token in (stored(user)["secret"], stored(user, CODES)["seed"]):
            bound = {"purpose": "mfa", "organisation": "", "row": str(user.pk)}
            assert ring.open(token, **bound).reveal()
    assert factors.bound_to_nobody() == 0
    assert sign_in(people[0]).status_code == 302


def test_recovery_codes_are_counted_down_and_stay_bound(people):
    user, _other = people
    codes = RecoveryCodes.activate(user).get_unused_codes()

    answer = sign_in(user, codes[0])

    assert answer.status_code == 302
    assert RecoveryCodes.activate(user).get_unused_codes() == codes[1:]
    assert factors.bound_to_nobody() == factors.unreadable() == 0


def test_a_secret_from_before_opens_and_is_bound_when_it_is_used(people):
    user, _other = people
    paste(user, {"secret": as_before()})
    assert factors.bound_to_nobody() == 1

    assert sign_in(user).status_code == 302

    assert factors.bound_to_nobody() == factors.unreadable() == 0
    assert sign_in(user).status_code == 302


def test_rotating_binds_what_was_sealed_before_and_check_waits_for_it(people):
    user, other = people
    codes = RecoveryCodes.activate(other).get_unused_codes()
    paste(user, {"secret": as_before()})
    seed = {"migrated_codes": [as_before(code) for code in codes], "used_mask": 0}
    paste(other, seed, CODES)

    before, complaints = run("check")
    run("rotate")
    after = run("check")

    assert before == 1
    assert complaints == (
        "2 second factors are not bound to their person yet. Run `keyring rotate`.\n"
    )
    assert after == (0, "")
    assert sign_in(user).status_code == 302
    assert sign_in(other, codes[0]).status_code == 302


def test_once_all_are_bound_a_seal_to_nobody_opens_for_nobody(people):
    user, victim = people
    old = {"secret": as_before()}
    paste(user, old)
    run("rotate")

    paste(victim, old)
    answer = sign_in(victim)

    assert answer.status_code == 503
    assert run("check")[0] == 1
    run("rotate")
    assert stored(victim) == old
    assert factors.unreadable() == 1


def test_a_rotation_with_nothing_to_do_is_noted_once(people):
    run("rotate")
    run("rotate")

    event = AuditEvent.objects.get(action="keyring.rotated")
    assert event.detail["second_factors_bound"] is True


def test_a_ring_key_is_changed_and_the_person_stays_bound(people, settings):
    user, other = people
    old = settings.PORTAL_KEYRING.keys["test"]
    newer = KeyRing.parse(new_entry("newer"))
    settings.PORTAL_KEYRING = KeyRing({**newer.keys, "test": old})

    assert factors.reseal_second_factors() == 4
    settings.PORTAL_KEYRING = newer

    assert sign_in(user).status_code == 302
    paste(other, stored(user))
    assert sign_in(other).status_code == 503


def test_a_new_seed_lies_in_the_session_for_its_person_alone(owner, admin_member):
    mine, theirs = half_signed_in(owner.user), half_signed_in(admin_member.user)
    shown = theirs.get(ENROL).content.decode()
    session = mine.session
    session[SECRET_SESSION_KEY] = theirs.session[SECRET_SESSION_KEY]
    session.save()

    page = mine.post(ENROL, {"code": "000000"}).content.decode()

    assert 'class="mono secret"' in page
    seed = page.partition('class="mono secret">')[2].partition("<")[0]
    assert seed
    assert seed not in shown


def test_a_row_saved_in_part_leaves_the_secret_alone(people):
    user, _other = people
    before = stored(user)

    Authenticator.objects.only("pk").get(user=user, type=TOTP).record_usage()

    assert stored(user) == before
    sign_in_by_hand(Client(), user, PASSWORD)
