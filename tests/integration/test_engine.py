"""The engine under delivery does what we rely on, and the worker goes through it."""

from __future__ import annotations

import signal
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from django_tasks.base import TaskResultStatus
from django_tasks_db.models import DBTaskResult

from clients_app.delivery import engine, sweeper, wakeups
from clients_app.delivery.timing import Timing
from clients_app.models import Hold, HoldReason, RateBudget, Status, Submission
from tests.fleet import Worker, settled, wait_until
from tests.journeys import entered

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def seen():
    """Return the keys that workers of this process were woken for, as they come."""
    found = []

    def note(fingerprint, **_signal):
        found.append(fingerprint)

    wakeups.woken.connect(note)
    yield found
    wakeups.woken.disconnect(note)


def test_the_engines_worker_runs_what_is_ready_and_returns(organisation, seen):
    wakeups.wake("key-one", timezone.now())
    wakeups.wake("key-two", timezone.now() + timedelta(hours=1))

    engine.make_worker("test", ["*"]).run()

    assert seen == ["key-one"]
    assert DBTaskResult.objects.successful().count() == 1


def test_the_desk_queue_is_served_apart_and_first(organisation, seen):
    wakeups.wake("slow", timezone.now())
    wakeups.wake("desk", timezone.now(), desk=True)

    engine.make_worker("test", [wakeups.DESK_QUEUE]).run()
    engine.make_worker("test", ["*"]).run()

    assert seen == ["desk", "slow"]


def test_deliver_once_drains_the_queue(organisation, sandbox, connected):
    for number in range(5):
        entered(organisation, {"name": f"C{number}"}, token=f"token-{number:05}")

    call_command("deliver", "--once")

    assert Submission.objects.filter(status=Status.CREATED).count() == 5


def test_deliver_once_ends_while_heffl_is_down(organisation, connected, settings):
    settings.HEFFL_API_URL = "http://127.0.0.1:9/api/v1"
    settings.DELIVERY_TIMING = Timing(backoff_base=0.05, probe_first=600)
    entered(organisation, {"name": "C"})

    call_command("deliver", "--once")

    assert Submission.objects.get().status == Status.QUEUED
    assert Hold.objects.get().reason == HoldReason.OUTAGE


@pytest.mark.slow
def test_a_worker_process_delivers_and_stops_when_asked(
    organisation, sandbox, connected
):
    for number in range(8):
        entered(organisation, {"name": f"C{number}"}, token=f"token-{number:05}")
    worker = Worker(sandbox.base_url)
    try:
        assert wait_until(settled)
    finally:
        errors = worker.stop()

    assert worker.process.returncode == 0, errors
    assert len(sandbox.control.clients()) == 8


@pytest.mark.slow
def test_stopping_waits_for_the_call_under_way(organisation, sandbox, connected):
    sandbox.control.set(latency=1.0)
    entered(organisation, {"name": "C"})
    worker = Worker(
        sandbox.base_url,
        DJANGO_SETTINGS_MODULE="tests.soak.settings",
        SOAK_TIMEOUTS='{"connect": 60.0, "read": 60.0, "total": 60.0}',
        SOAK_TIMING='{"lease": 120.0}',
    )
    try:
        sending = Submission.objects.filter(status=Status.SENDING)
        assert wait_until(sending.exists, every=0.02)
        worker.process.send_signal(signal.SIGTERM)
    finally:
        worker.stop()

    assert Submission.objects.get().status == Status.CREATED


def test_a_lost_wakeup_is_made_again_by_the_sweeper(organisation, sandbox, connected):
    entered(organisation, {"name": "C"})
    DBTaskResult.objects.all().delete()
    long_ago = timezone.now() - timedelta(minutes=5)
    RateBudget.objects.update(desk_wake_at=long_ago)

    counts = sweeper.sweep(timezone.now())
    again = sweeper.sweep(timezone.now())

    assert (counts["woken"], again["woken"]) == (1, 0)
    assert DBTaskResult.objects.count() == 1


def test_stuck_and_old_tasks_are_cleared(db):
    wakeups.wake("a", timezone.now())
    wakeups.wake("b", timezone.now())
    old = timezone.now() - timedelta(hours=1)
    first, second = DBTaskResult.objects.order_by("enqueued_at")
    DBTaskResult.objects.filter(pk=first.pk).update(
        status=TaskResultStatus.RUNNING, started_at=old
    )
    DBTaskResult.objects.filter(pk=second.pk).update(
        status=TaskResultStatus.SUCCESSFUL, finished_at=old
    )

    counts = sweeper.sweep(timezone.now())

    assert (counts["stuck"], counts["pruned"]) == (1, 1)


@pytest.mark.slow
def test_after_an_outage_everything_is_delivered_by_itself(
    organisation, sandbox, connected
):
    sandbox.control.push_fault("reset_before_reading", count=None, method="POST")
    sandbox.control.push_fault("reset_before_reading", count=None, method="GET")
    for number in range(6):
        entered(organisation, {"name": f"C{number}"}, token=f"token-{number:05}")
    worker = Worker(sandbox.base_url)
    try:
        held = Hold.objects.filter(reason=HoldReason.OUTAGE)
        assert wait_until(held.exists)
        sandbox.control.clear_faults()
        assert wait_until(settled)
    finally:
        worker.stop()

    assert sorted(sandbox.control.creates_per_name().values()) == [1] * 6
    assert Submission.objects.filter(status=Status.CREATED).count() == 6


@pytest.mark.slow
def test_an_unverified_key_is_checked_and_then_used(organisation, sandbox, settings):
    from clients_app.crypto import Secret
    from clients_app.organisation.api_keys import replace_api_key

    url = settings.HEFFL_API_URL
    settings.HEFFL_API_URL = "http://127.0.0.1:9/api/v1"
    change = replace_api_key(
        organisation, Secret(sandbox.key), user=None, unverified=True
    )
    settings.HEFFL_API_URL = url
    entered(organisation, {"name": "C"})
    assert Hold.objects.get().reason == HoldReason.KEY_UNVERIFIED
    worker = Worker(sandbox.base_url)
    try:
        assert wait_until(settled)
    finally:
        worker.stop()

    change.credential.refresh_from_db()
    assert change.credential.verified_at is not None


def test_an_idle_worker_looks_once_for_all_threads_and_takes_no_lock(
    organisation, django_assert_num_queries
):
    glance = engine.Glance()

    with django_assert_num_queries(1) as queries:
        seen = [glance.sees(["*"]), glance.sees(["desk"])]

    assert seen == [False, False]
    assert queries.captured_queries[0]["sql"].startswith("SELECT")


def test_a_glance_tells_the_queues_apart(organisation):
    wakeups.wake("key", timezone.now())
    glance = engine.Glance()

    assert (glance.sees(["*"]), glance.sees(["desk"])) == (True, False)


@pytest.mark.slow
def test_a_worker_without_tables_says_what_to_do(tmp_path):
    worker = Worker("http://127.0.0.1:9/api/v1", DATABASE_URL=f"sqlite:///{tmp_path}/x")

    _, errors = worker.process.communicate(timeout=120)

    assert worker.process.returncode == 1
    assert b"python manage.py migrate" in errors
    assert b"Traceback" not in errors
