"""Leaked passwords are recognised in every spelling, and no others."""

import secrets

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from clients_app.accounts import breached


@pytest.mark.parametrize(
    "password",
    [
        "1q2w3e4r5t6y",
        "Qwertyuiop",
        "PASSWORD123",
        "  password123 ",
        "q1w2e3r4t5y6u7i8",
        "basketball",
        "zaq12wsxcde3",
    ],
)
def test_a_leaked_password_is_refused_and_the_words_say_why(password):
    assert breached.is_breached(password)
    with pytest.raises(ValidationError) as refused:
        validate_password(password)
    assert any("leaked" in message for message in refused.value.messages)


@pytest.mark.parametrize(
    "password",
    ["correct horse battery", "", "\ud800" * 12, "x" * 1_000_000, "كلمة سر طويلة جدا"],
)
def test_others_pass(password):
    assert not breached.is_breached(password)


def test_what_nobody_ever_chose_passes():
    assert not any(breached.is_breached(secrets.token_urlsafe(12)) for _ in range(500))


def test_the_list_is_sorted_whole_and_small():
    data = breached.FILE.read_bytes()
    width = breached.WIDTH
    marks = [data[at : at + width] for at in range(0, len(data), width)]

    assert len(data) % width == 0
    assert marks == sorted(set(marks))
    assert len(marks) > 150_000
    assert len(data) < 1_000_000
    for first_and_last in (marks[0], marks[-1]):
        with breached.FILE.open("rb") as file:
            assert breached._holds(file, first_and_last)
