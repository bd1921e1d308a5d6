"""A wait is told in round words."""

from __future__ import annotations

import pytest

from clients_app.notices.wait_words import in_about


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "in about 1 second"),
        (1.6, "in about 2 seconds"),
        (89, "in about 89 seconds"),
        (91, "in about 2 minutes"),
        (60 * 89, "in about 89 minutes"),
        (60 * 91, "in about 2 hours"),
    ],
)
def test_a_wait_is_told_in_round_words(seconds, words):
    assert in_about(seconds) == words
