"""Phases in their order, and judgements that need no connection."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients_app.heffl.outcome import (
    BY_STATUS,
    Exchange,
    Phase,
    Verdict,
    judge_creation,
    judge_reading,
)

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
SENT = [phase for phase in Phase if phase.bytes_may_have_left]
NOT_SENT = [phase for phase in Phase if not phase.bytes_may_have_left]


def exchange(**given):
    return Exchange(**{"fault": "", "received_at": NOW, "duration": 0.1} | given)


def test_phases_compare_in_the_order_of_a_call_not_of_the_alphabet():
    assert sorted(Phase) == list(Phase)
    assert Phase.IDLE < Phase.CONNECTING < Phase.SENDING < Phase.DONE
    assert Phase.SENT >= Phase.SENDING
    assert not Phase.DONE <= Phase.HANDSHAKE


def test_bytes_may_have_left_from_sending_on():
    assert SENT == [Phase.SENDING, Phase.SENT, Phase.READING, Phase.DONE]


@pytest.mark.parametrize("phase", SENT)
def test_fault_after_the_first_byte_is_uncertain_whatever_it_is_called(phase):
    for fault in ("dns", "refused", "tls_certificate", "key_unreadable", "broken"):
        outcome = judge_creation(exchange(phase=phase, fault=fault))

        assert (outcome.verdict, outcome.reason) == (Verdict.UNCERTAIN, fault)


@pytest.mark.parametrize("phase", NOT_SENT)
@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("dns", Verdict.SAFE),
        ("anything", Verdict.SAFE),
        ("tls_certificate", Verdict.CONFIGURATION),
        ("key_unreadable", Verdict.KEY_REFUSED),
    ],
)
def test_fault_before_the_first_byte_is_told_by_its_name(phase, fault, verdict):
    assert judge_creation(exchange(phase=phase, fault=fault)).verdict is verdict


@given(
    status=st.integers(min_value=100, max_value=999),
    body=st.binary(max_size=60),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "retry-after", "ratelimit-reset", "date"]),
        st.text(max_size=30),
    ),
)
def test_only_listed_statuses_are_ever_anything_but_uncertain(status, body, headers):
    outcome = judge_creation(
        exchange(phase=Phase.DONE, status=status, body=body, headers=headers)
    )

    settled = status in BY_STATUS or 300 <= status < 400
    assert (outcome.verdict is Verdict.UNCERTAIN) is not settled
    assert outcome.verdict is not Verdict.SAFE
    assert (outcome.wait is not None) is (outcome.verdict is Verdict.RATE_LIMITED)


@given(
    phase=st.sampled_from(list(Phase)),
    fault=st.sampled_from(["", "reset", "tls_certificate"]),
    status=st.none() | st.integers(min_value=100, max_value=999),
    body=st.binary(max_size=60),
)
def test_a_reading_is_never_uncertain(phase, fault, status, body):
    reading = judge_reading(
        exchange(phase=phase, fault=fault, status=status, body=body), bytes.hex
    )

    assert reading.verdict is not Verdict.UNCERTAIN
    assert reading.ok is (reading.verdict is None)
    assert reading.ok is (status == 200 and not fault)


def test_plain_403_is_a_firewall_because_heffl_gives_a_code():
    outcome = judge_creation(
        exchange(
            phase=Phase.DONE,
            status=403,
            body=b'{"message":"Forbidden"}',
            headers={"content-type": "application/json"},
        )
    )

    assert outcome.verdict is Verdict.FIREWALL


def test_answer_is_not_in_the_repr_of_an_exchange():
    assert "canary" not in repr(exchange(phase=Phase.DONE, body=b"canary"))
