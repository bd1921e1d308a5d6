"""Answers: every fault of the truth table on the real library, over http and https."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest import mock

from clients_app.heffl import outcome
from clients_app.heffl.outcome import Verdict
from clients_app.heffl.transport import Flight
from tests.soak.ground import Ground
from tests.soak.report import Result
from tests.unit.heffl import truth_table
from tests.unit.heffl.scripted_server import Certificates, Peer, make_certificates

BAD = ("wrong_class", "sent_unnoticed", "late")


def run(ground: Ground) -> Result:
    """Run the table, or a fifth of it, and its three controls."""
    result = Result("answers", "")
    with tempfile.TemporaryDirectory() as folder:
        certificates = make_certificates(Path(folder))
        chosen = truth_table.FAULTS[:: 5 if ground.short else 1]
        summary = truth_table.Summary(
            [
                truth_table.run(fault, scheme, certificates)
                for scheme in truth_table.SCHEMES
                for fault in chosen
            ]
        )
        _controls(result, certificates)
    result.points = len(summary.rows)
    found = {what: summary.count(what) for what in BAD}
    result.faults += [f"{what}: {count}" for what, count in found.items() if count]
    slowest = max(row.outcome.duration - row.allowed for row in summary.rows)
    result.notes.append(
        f"{len(chosen)} faults × http and https: wrong class {found['wrong_class']}, "
        f"'nothing sent' while bytes were {found['sent_unnoticed']}, "
        f"longest call {slowest:+.2f} s against its total"
    )
    return result


def _controls(result: Result, certificates: Certificates) -> None:
    named = {fault.name: fault for fault in truth_table.FAULTS}

    def stay(flight: Flight, phase: outcome.Phase) -> None:
        if not phase.bytes_may_have_left:
            flight.phase = phase

    silent = truth_table.both(
        "control",
        Verdict.UNCERTAIN,
        truth_table.raw(b"", then=Peer.hold),
        slow="read",
    )
    with mock.patch.object(Flight, "enter", stay):
        row = truth_table.run(silent, "http", certificates)
    result.control("phase not recorded", row.sent_unnoticed)
    with mock.patch.dict(outcome.BY_STATUS, {503: Verdict.SAFE}):
        row = truth_table.run(named["503"], "http", certificates)
    result.control("503 called safe", row.wrong_class)
    with mock.patch.object(Flight, "_left", return_value=60.0):
        row = truth_table.run(named["headers drip"], "https", certificates)
    result.control("no deadline", row.late)
