"""Two spellings of one name, number or address have one mark; two clients have two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients_app.questions.matching import (
    client_keys,
    folded_email,
    folded_name,
    folded_phone,
    folded_tax_number,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Al Noor Trading LLC", "AL-NOOR TRADING L.L.C."),
        ("Al Noor Trading L L C", "AlNoor Trading"),
        ("Gulf Star FZ-LLC", "Gulf Star (FZE)"),
        ("M/S Oasis & Co. Ltd", "Oasis"),
        ("The Café Ltd.", "cafe"),
        ("Smith, Inc", "SMITH INCORPORATED"),
        ("شركة النور للتجارة ذ.م.م", "النور للتجاره"),
        ("مؤسسة النور ش.م.م.", "النُّور"),
        ("أحمد إبراهيم", "احمد ابراهيم"),
        ("آمنة هدى", "امنه هدي"),
        ("عبد الله", "عبدالله"),
        ("محـــمد", "محمد"),
        ("فؤاد", "فواد"),
        ("النور ذ م م", "النور"),
        ("Ｇｕｌｆ Ｓｔａｒ", "gulf star"),
    ],
)
def test_two_spellings_are_one_name(one, other):
    assert folded_name(one) == folded_name(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Gulf Star", "Gulf Stars"),
        ("سارة", "ساري"),
        ("Co", "Ltd"),
        ("नि", "न"),
        ("Noor 1", "Noor 2"),
    ],
)
def test_two_names_stay_two(one, other):
    assert folded_name(one) != folded_name(other)


def test_a_name_without_a_letter_has_no_mark():
    assert client_keys("company", {"name": "— ∙ —"}) == {}


def test_the_rest_is_compared_without_its_dress():
    assert folded_email(" Sara@Example.COM ") == "sara@example.com"
    assert folded_email("none") == ""
    assert folded_phone("+971 50 123 4567") == folded_phone("00971-50-1234567")
    assert folded_phone("٠٠٩٧١٥٠١٢٣٤٥٦٧") == "971501234567"
    assert folded_phone("12") == ""
    assert folded_tax_number("TRN 100-1234") == folded_tax_number("trn1001234")
    assert folded_tax_number("00000") == folded_tax_number("N/A") == ""


def test_a_contact_is_known_by_both_its_names():
    answers = {"name": "Abu Ali", "first_name": "Ali", "last_name": "Hassan"}

    keys = client_keys("contact", answers)

    assert list(keys.values()) == ["name", "name"]
    assert set(client_keys("contact", {"name": "Ali Hassan"})) < set(keys)
    assert not set(client_keys("company", {"name": "Ali Hassan"})) & set(keys)


@given(st.text(max_size=60))
def test_any_text_folds_and_folding_twice_changes_nothing(text):
    keys = client_keys("company", {"name": text, "email": text, "phone": text})

    assert all(-(2**63) <= key < 2**63 for key in keys)
    assert folded_name(text) == "" or folded_name(folded_name(text))
