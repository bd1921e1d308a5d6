"""Passwords made of the words of this place are refused, and others are not."""

import pytest
from django.core.exceptions import ValidationError

from clients_app.accounts.plain_words import LONGEST, PlainWordsValidator, is_made_of


@pytest.mark.parametrize(
    "password",
    [
        "heffl-portal-2026",
        "HEFFLPORTAL123!",
        "Welcome2Dubai!",
        "al noor trading 1",
        "AlNoorTrading2026",
        "owner-al-noor-test",
    ],
)
def test_words_of_this_place_make_no_password(owner, password):
    with pytest.raises(ValidationError, match="anybody would try here"):
        PlainWordsValidator().validate(password, owner.user)


@pytest.mark.parametrize(
    "password",
    [
        "heffl and seven camels",
        "correct horse battery",
        "١٢٣٤٥٦٧٨٩٠١٢",
        "!!!!!!!!!!!!",
        "portal" * 100,
    ],
)
def test_other_words_beside_them_do(owner, password):
    PlainWordsValidator().validate(password, owner.user)


def test_organisations_of_others_are_no_words_of_this_person(owner, outsider):
    PlainWordsValidator().validate("al noor trading 1", outsider.user)


def test_a_person_who_is_not_made_yet_is_asked_about_all_the_same(db):
    with pytest.raises(ValidationError):
        PlainWordsValidator().validate("heffl-portal-2026", None)


def test_words_are_tried_in_every_order_and_nothing_is_left_over():
    assert is_made_of("abab", {"a", "ab", "b"})
    assert not is_made_of("abc", {"ab"})
    assert not is_made_of("", {"ab"})
    assert LONGEST >= 64
