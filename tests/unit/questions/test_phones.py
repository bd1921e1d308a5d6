"""Phone numbers: what is in use, and what only might be."""

import pytest

from clients_app.questions.phones import is_in_use


@pytest.mark.parametrize(
    ("number", "known"),
    [("+971501234567", True), ("+97150123456", False), ("12", False)],
)
def test_is_in_use_tells_a_possible_number_from_one_given_out(number, known):
    assert is_in_use(number) is known
