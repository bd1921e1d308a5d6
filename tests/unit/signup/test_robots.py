"""Tokens, proofs and buckets: what they accept, and that nothing else ever passes or raises."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import altcha
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients_app.models import Organisation, SignupPage
from clients_app.signup import robots

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
HOUSE = Organisation(pk=7, slug="house", form_version=3)
PAGE = SignupPage(organisation=HOUSE, consent_version=2)


def solved(token):
    made = json.loads(robots.challenge_for(token, datetime.now(UTC)))
    challenge = altcha.Challenge.from_dict(made)
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution)


def test_a_token_says_what_it_was_made_of():
    token = robots.new_token(PAGE, NOW)

    assert robots.read_token(token.sign(), HOUSE) == token
    assert token.is_current(PAGE)
    assert not token.is_current(SignupPage(organisation=HOUSE, consent_version=3))
    assert token.age(NOW + timedelta(hours=1)) == 3600
    assert len(token.sign()) < 120


def test_a_token_is_good_for_its_organisation_only():
    token = robots.new_token(PAGE, NOW).sign()

    assert robots.read_token(token, Organisation(pk=8)) is None
    assert robots.read_token(token.replace("7.", "8.", 1), Organisation(pk=8)) is None


@pytest.mark.slow
@given(st.text() | st.text(alphabet="0123456789.:-aZ", max_size=210))
@settings(max_examples=2_000, deadline=None)
def test_no_text_is_taken_for_a_token_or_a_proof(text):
    token = robots.new_token(PAGE, NOW)

    assert robots.read_token(text, HOUSE) is None
    assert not robots.is_proof(text, token)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["challenge", "parameters", "solution", "signature", "counter", "nonce"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@pytest.mark.slow
@given(JSON)
@settings(max_examples=1_000, deadline=None)
def test_no_json_is_taken_for_a_proof(value):
    text = base64.b64encode(json.dumps(value).encode()).decode()

    assert not robots.is_proof(text, robots.new_token(PAGE, NOW))


def test_a_proof_is_good_for_its_token_only():
    mine, other = robots.new_token(PAGE, NOW), robots.new_token(PAGE, NOW)
    done = solved(mine)

    easier = altcha.Payload(done.challenge, done.solution)
    forged = easier.to_dict()
    forged["challenge"]["parameters"]["cost"] = 1

    assert robots.is_proof(done.to_base64(), mine)
    assert not robots.is_proof(done.to_base64(), other)
    assert not robots.is_proof(
        base64.b64encode(json.dumps(forged).encode()).decode(), mine
    )


def test_work_that_was_not_done_is_no_proof():
    token = robots.new_token(PAGE, NOW)
    done = solved(token)
    done.solution.derived_key = "00" * 32

    assert not robots.is_proof(done.to_base64(), token)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Gulf Star", False),
        ("httpd makers", False),
        ("see https://x.example", True),
        ("WWW.x.example", True),
        ('<a href="x">', True),
        (["www.x.example"], False),
        (True, False),
    ],
)
def test_links_are_found_in_words(text, found):
    assert robots.has_links([text]) is found
