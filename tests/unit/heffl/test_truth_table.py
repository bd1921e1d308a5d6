"""Every fault of the table, over http and https, against a real socket server.

The controls at the end break the code under test on purpose: a guard that stays green
then would guard nothing.
"""

import pytest

from clients_app.heffl import outcome as outcome_module
from clients_app.heffl.outcome import Verdict
from clients_app.heffl.transport import Flight

from .scripted_server import Peer, make_certificates
from .truth_table import FAULTS, SCHEMES, Summary, both, raw, run

pytestmark = pytest.mark.slow  # what stalls is waited for to its deadline


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_gets_its_verdict(fault, scheme, certificates):
    row = run(fault, scheme, certificates)

    assert not row.wrong_class, row.outcome
    assert not row.sent_unnoticed, row.outcome
    assert not row.late, row.outcome


def test_table_is_as_large_as_promised_and_has_no_row_twice():
    names = [fault.name for fault in FAULTS]

    assert len(names) >= 45
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_control_sees_a_transport_that_forgets_to_record_sending(
    scheme, certificates, monkeypatch
):
    fault = both("control", Verdict.UNCERTAIN, raw(b"", then=Peer.hold), slow="read")
    monkeypatch.setattr(Flight, "enter", _stay_before_sending)

    row = run(fault, scheme, certificates)

    assert row.sent_unnoticed
    assert row.wrong_class


def _stay_before_sending(flight, phase):
    if not phase.bytes_may_have_left:
        flight.phase = phase


def test_control_sees_a_503_that_is_called_safe(certificates, monkeypatch):
    fault = next(fault for fault in FAULTS if fault.name == "503")
    monkeypatch.setitem(outcome_module.BY_STATUS, 503, Verdict.SAFE)

    row = run(fault, "http", certificates)

    assert row.wrong_class
    assert "503 [http]: WRONG CLASS, got safe (http_503)" in Summary([row]).lines()


def test_control_sees_a_call_without_a_deadline(certificates, monkeypatch):
    fault = next(fault for fault in FAULTS if fault.name == "headers drip")
    monkeypatch.setattr(Flight, "_left", lambda *_: 60.0)

    row = run(fault, "https", certificates)

    assert row.late
