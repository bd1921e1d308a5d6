"""Tax numbers of the Gulf."""

import pytest

from clients_app.questions.tax_numbers import RULES, plain, rule_for


@pytest.mark.parametrize(
    ("typed", "bare"),
    [
        ("100 1234 5678 9003", "100123456789003"),
        ("TRN: 100123456789003", "100123456789003"),
        ("VAT no. 100123456789003", "100123456789003"),
        ("trn 100–1234–5678–9003", "100123456789003"),
        ("om1100006083", "OM1100006083"),
        ("VATICAN", "VATICAN"),
    ],
)
def test_plain_leaves_what_counts(typed, bare):
    assert plain(typed) == bare


def test_rules_are_there_for_who_publishes_one():
    assert set(RULES) == {"AE", "SA", "BH", "OM"}
    assert rule_for("KW") is rule_for("") is None
