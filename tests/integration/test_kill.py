"""The worker is killed at random moments: nothing is lost, nothing is made twice."""

from __future__ import annotations

import random
import time

import pytest

from clients_app.models import Status, Submission
from tests.fleet import Worker, settled, tally, wait_until
from tests.journeys import entered

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def kill_at_random(organisation, sandbox, *, submissions, kills, seed, sabotage=""):
    """Queue clients, kill the worker again and again, then let one finish the work."""
    randomness = random.Random(seed)
    sandbox.control.set(latency=0.03)
    for number in range(submissions):
        entered(organisation, {"name": f"Client {number}"}, token=f"token-{number:05}")
    per_kill = submissions // (kills + 1)
    for number in range(kills):
        worker = Worker(sandbox.base_url, sabotage=sabotage)
        try:
            # Wait for it to be at work, then strike at any moment of it.
            enough = min((number + 1) * per_kill, submissions - 1)
            wait_until(lambda n=enough: len(sandbox.control.clients()) >= n, every=0.02)
            time.sleep(randomness.uniform(0, 0.2))
        finally:
            worker.kill()
    worker = Worker(sandbox.base_url, sabotage=sabotage)
    try:
        wait_until(settled)
    finally:
        errors = worker.stop()
    assert "Traceback" not in errors
    return tally(sandbox.control)


def test_a_worker_killed_four_times_loses_and_doubles_nothing(
    organisation, sandbox, connected
):
    result = kill_at_random(organisation, sandbox, submissions=60, kills=4, seed=1)

    assert result.accepted == 60
    assert (result.lost, result.duplicates, result.wrong_number) == (0, 0, 0)
    assert result.created == 60


@pytest.mark.once
def test_control_sending_lost_ones_again_makes_duplicates(
    organisation, sandbox, connected
):
    sandbox.control.push_fault("stall", count=None, created=True, method="POST")
    for number in range(12):
        entered(organisation, {"name": f"Client {number}"}, token=f"token-{number:05}")
    worker = Worker(
        sandbox.base_url,
        sabotage="resend_lost",
        DJANGO_SETTINGS_MODULE="tests.soak.settings",
        SOAK_TIMEOUTS='{"connect": 120.0, "read": 120.0, "total": 120.0}',
    )
    try:
        # It dies after Heffl has made the client and before it is written down.
        assert wait_until(sandbox.control.clients, every=0.01)
    finally:
        worker.kill()
    assert Submission.objects.filter(status=Status.SENDING).exists()
    sandbox.control.clear_faults()
    worker = Worker(sandbox.base_url, sabotage="resend_lost")
    try:
        wait_until(settled)
    finally:
        worker.stop()

    assert tally(sandbox.control).duplicates > 0


@pytest.mark.soak
def test_twenty_kills_with_two_hundred_waiting(organisation, sandbox, connected):
    result = kill_at_random(organisation, sandbox, submissions=200, kills=20, seed=20)
    print(f"\n20 kills -9, 200 submissions: {result}")  # noqa: T201 - a soak's report

    assert (result.lost, result.duplicates, result.wrong_number) == (0, 0, 0)
    assert result.created == 200
