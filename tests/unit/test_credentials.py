"""API keys: cleaned, sealed to their place, described, opened for a call, rotated."""

from datetime import UTC, datetime

import pytest
from django.db import IntegrityError
from hypothesis import given
from hypothesis import strategies as st

from clients_app import credentials
from clients_app.crypto import KeyRing, SealError, Secret, kid_of, new_entry
from clients_app.models import (
    ApiCredential,
    DeliveryAttempt,
    Hold,
    HoldReason,
    KeySlot,
    RateBudget,
)
from tests.factories import OrganisationFactory, SubmissionFactory

KEY = "heffl_user_0123456789abcdef9f3c"
NOW = datetime(2026, 5, 3, 9, 0, tzinfo=UTC)
OLD, NEW = new_entry("old"), new_entry("new")


@pytest.mark.parametrize(
    "pasted",
    [
        KEY,
        f"  {KEY}\n",
        f"\r\n\t{KEY}\u00a0",
        f"\ufeff{KEY}\u200b",
        f"\u200e{KEY}\u2028",
    ],
)
def test_clean_key_drops_what_stands_around_it(pasted):
    assert credentials.clean_key(pasted).reveal() == KEY


@pytest.mark.parametrize(
    "pasted",
    ["", " \n", "short12", "k" * 201, "two words here", "key\nbroken", "schlüssel-123"],
)
def test_clean_key_refuses_what_cannot_be_a_key(pasted):
    with pytest.raises(credentials.KeyFormatError) as caught:
        credentials.clean_key(pasted)

    assert not pasted.strip() or pasted not in str(caught.value)


@given(st.text(max_size=250))
def test_clean_key_takes_visible_ascii_or_refuses(pasted):
    try:
        key = credentials.clean_key(pasted).reveal()
    except credentials.KeyFormatError:
        return

    assert 8 <= len(key) <= 200
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key


def test_seal_new_stores_what_people_may_see_and_no_key(organisation, owner):
    made = credentials.seal_new(
        organisation, Secret(KEY), user=owner.user, verified_at=NOW, now=NOW
    )

    row = ApiCredential.objects.values().get()
    assert KEY not in str(row)
    assert row["prefix"] == "heffl_user_"
    assert row["last_four"] == "9f3c"
    assert credentials.describe(made) == "heffl_user_…9f3c"
    assert credentials.current(organisation) == made
    assert credentials.next_(organisation) is None
    assert credentials.reveal(made).reveal() == KEY


def test_seal_new_shows_nothing_of_an_unusual_key_but_its_end(organisation):
    made = credentials.seal_new(organisation, Secret("abcdefgh1234"))
    tiny = credentials.seal_new(organisation, Secret("abcdef12"), slot=KeySlot.NEXT)

    assert credentials.describe(made) == "…1234"
    assert credentials.describe(tiny) == "…12"


@pytest.mark.django_db(transaction=True)
def test_seal_new_into_a_full_slot_is_refused(organisation):
    credentials.seal_new(organisation, Secret(KEY))

    with pytest.raises(IntegrityError):
        credentials.seal_new(organisation, Secret(KEY + "x"))


def test_reveal_of_another_organisations_ciphertext_fails(organisation):
    own = credentials.seal_new(organisation, Secret(KEY))
    other = credentials.seal_new(OrganisationFactory(), Secret("heffl_user_other1"))

    other.ciphertext = own.ciphertext

    with pytest.raises(SealError):
        credentials.reveal(other)


def test_reveal_of_another_rows_ciphertext_fails(organisation):
    own = credentials.seal_new(organisation, Secret(KEY))
    waiting = credentials.seal_new(
        organisation, Secret("heffl_user_other1"), slot=KeySlot.NEXT
    )

    waiting.ciphertext = own.ciphertext

    with pytest.raises(SealError):
        credentials.reveal(waiting)


def test_revoked_keys_are_neither_current_nor_next(organisation):
    made = credentials.seal_new(organisation, Secret(KEY))
    ApiCredential.objects.update(revoked_at=NOW, ciphertext="")

    assert credentials.current(organisation) is None
    assert credentials.next_(organisation) is None
    assert credentials.unreadable() == []
    with pytest.raises(SealError):
        credentials.reveal(ApiCredential.objects.get(pk=made.pk))


def test_the_same_key_has_the_same_mark_in_every_organisation(organisation):
    one = credentials.seal_new(organisation, Secret(KEY))
    two = credentials.seal_new(OrganisationFactory(), Secret(KEY))
    three = credentials.seal_new(OrganisationFactory(), Secret(KEY + "x"))

    assert one.fingerprint == two.fingerprint != three.fingerprint


def test_api_for_calls_with_the_key(organisation, connected, sandbox):
    reading = credentials.api_for(connected).check_key()

    assert reading.ok
    assert reading.status == 200


def test_api_for_a_key_that_does_not_open_calls_nobody(connected, sandbox, settings):
    settings.PORTAL_KEYRING = KeyRing.parse(NEW)

    reading = credentials.api_for(connected).check_key()

    assert not reading.ok
    assert reading.reason == "key_unreadable"
    assert sandbox.control.calls() == []


def rotated(settings):
    settings.PORTAL_KEYRING = KeyRing.parse(f"{NEW},{OLD}")
    return credentials.reseal_all()


def test_reseal_all_carries_everything_over_to_the_new_key(organisation, settings):
    settings.PORTAL_KEYRING = KeyRing.parse(OLD)
    other = OrganisationFactory()
    made = [
        credentials.seal_new(organisation, Secret(KEY)),
        credentials.seal_new(other, Secret(KEY)),
    ]
    mark = made[0].fingerprint
    RateBudget.objects.create(fingerprint=mark, recent=[1.0, 2.0])
    Hold.objects.create(fingerprint=mark, reason=HoldReason.OUTAGE)
    DeliveryAttempt.objects.create(
        submission=SubmissionFactory(organisation=organisation),
        fence=1,
        fingerprint=mark,
        started_at=NOW,
        deadline_at=NOW,
        body_sha256="0" * 64,
    )

    count, renewed = rotated(settings)

    marks = set(ApiCredential.objects.values_list("fingerprint", flat=True))
    assert count == 2
    assert marks == set(renewed)
    assert marks != {mark}
    for table in (RateBudget, Hold, DeliveryAttempt):
        assert set(table.objects.values_list("fingerprint", flat=True)) == marks
    settings.PORTAL_KEYRING = KeyRing.parse(NEW)
    for credential in ApiCredential.objects.all():
        assert kid_of(credential.ciphertext) == "new"
        assert credentials.reveal(credential).reveal() == KEY


def test_reseal_all_a_second_time_changes_nothing(organisation, settings):
    settings.PORTAL_KEYRING = KeyRing.parse(OLD)
    credentials.seal_new(organisation, Secret(KEY))
    rotated(settings)
    before = ApiCredential.objects.values().get()

    assert rotated(settings) == (0, [])
    assert ApiCredential.objects.values().get() == before


def test_reseal_all_leaves_a_key_that_does_not_open(organisation, settings):
    settings.PORTAL_KEYRING = KeyRing.parse(OLD)
    credentials.seal_new(organisation, Secret(KEY))
    lost = credentials.seal_new(OrganisationFactory(), Secret(KEY))
    ApiCredential.objects.filter(pk=lost.pk).update(ciphertext="v1.gone.AAAA")

    count, _ = rotated(settings)

    assert count == 1
    assert credentials.unreadable() == [lost]
    assert credentials.kids_in_use() == {"new": 1, "gone": 1}


def test_reseal_all_merges_a_budget_that_the_new_mark_has_already(
    organisation, settings
):
    settings.PORTAL_KEYRING = KeyRing.parse(OLD)
    mark = credentials.seal_new(organisation, Secret(KEY)).fingerprint
    new_mark = KeyRing.parse(NEW).fingerprint(Secret(KEY))
    RateBudget.objects.create(fingerprint=mark, recent=[1.0])
    RateBudget.objects.create(fingerprint=new_mark, recent=[2.0])
    Hold.objects.create(fingerprint=mark, reason=HoldReason.OUTAGE)
    Hold.objects.create(fingerprint=new_mark, reason=HoldReason.OUTAGE)

    rotated(settings)

    assert RateBudget.objects.get().recent == [1.0, 2.0]
    assert Hold.objects.filter(released_at__isnull=True).count() == 1


def test_a_key_added_while_the_ring_rotates_shares_the_budget_of_its_twin(
    organisation, settings
):
    settings.PORTAL_KEYRING = KeyRing.parse(OLD)
    first = credentials.seal_new(organisation, Secret(KEY))
    settings.PORTAL_KEYRING = KeyRing.parse(f"{NEW},{OLD}")

    second = credentials.seal_new(OrganisationFactory(), Secret(KEY))

    assert second.fingerprint == first.fingerprint
    assert kid_of(second.ciphertext) == "new"
    rotated(settings)
    assert len(set(ApiCredential.objects.values_list("fingerprint", flat=True))) == 1
