"""What is masked in a log line, what is left, and that no line grows without an end."""

from __future__ import annotations

import pytest

from heffl_portal.log_config import MOST, redact


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("mail to sara@example.com failed", "mail to ***@*** failed"),
        ("<sara.haddad+x@mail.example.co.uk>", "<***@***>"),
        ("سارة@مثال.com", "***@***"),
        ("a@b@c.example", "a@***@***"),
        ("call +971 50 123 4567 now", "call ***number*** now"),
        ("call (0)50-123-4567", "call (***number***"),
        ("call 0501234567.", "call ***number***."),
        ("٠٥٠١٢٣٤٥٦٧", "***number***"),
        ("+971 50 123 4567-x", "***number*** 4567-x"),
        ("id 0501234567ab", "id 0501234567ab"),
        (
            "550e8400-e29b-41d4-a716-446655440000",
            "550e8400-e29b-41d4-a716-446655440000",
        ),
        (
            "12345678-1234-1234-1234-123456789abc",
            "12345678-1234-1234-1234-123456789abc",
        ),
        ("12345678", "12345678"),
        ("Authorization: Bearer x", "Authorization: *** x"),
        ("token=abc&x", "token=***"),
        ("heffl_user_abc def", "heffl_user_*** def"),
        ("whsec_abc= def", "whsec_*** def"),
    ],
)
def test_what_is_personal_or_secret_is_masked(text, line):
    assert redact(text) == line


def test_a_long_text_is_cut_where_nothing_is_cut_in_two():
    tail = "sara@example.com " * 1_000

    line = redact("x" * (MOST - 8) + " " + tail)

    assert line == "x" * (MOST - 8) + " …"


@pytest.mark.parametrize("text", ["a" * 5_000, "1" * 5_000, "secret" * 1_000])
def test_of_a_long_word_nothing_is_left(text):
    assert redact(text) == " …"


def test_a_number_that_was_cut_leaves_none_of_its_digits():
    line = redact("x " * (MOST // 2 - 5) + "+971 50 123 4567")

    assert line == "x " * (MOST // 2 - 6) + "x …"
