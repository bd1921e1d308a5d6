"""Faults × moments: every fault of the stand-in, with the worker dying at every step."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from unittest import mock

from clients_app import audit, credentials
from clients_app.delivery import outbox, relay
from clients_app.heffl.api import HefflAPI
from clients_app.heffl.transport import Flight
from clients_app.models import ApiCredential, Status, Submission
from heffl_sandbox.faults import REGISTRY
from tests.sabotage import apps as sabotage
from tests.soak.ground import Ground
from tests.soak.report import Result

QUICK: dict[str, dict[str, object]] = {
    "stall": {"seconds": 2.0},
    "slow": {"seconds": 0.2},
    "stalled_body": {"seconds": 2.0},
    "dripping_headers": {"seconds": 2.0},
    "dripping_body": {"seconds": 2.0},
    "rate_limited": {"reset": "1", "limit": "100000"},  # what holds here
    "huge_body": {},
}


class Death(BaseException):
    """The worker's end, which no handler may catch."""


def _die(*_args: object, **_kwargs: object) -> None:
    raise Death


def _die_after(function: object) -> object:
    def then_die(*args: object, **kwargs: object) -> None:
        function(*args, **kwargs)  # type: ignore[operator]
        raise Death

    return then_die


@contextlib.contextmanager
def _nothing() -> Iterator[None]:
    yield


MOMENTS: dict[str, Callable[[], contextlib.AbstractContextManager[object]]] = {
    "no death": _nothing,
    "before the claim": lambda: mock.patch.object(outbox, "claim", _die),
    "in the claim": lambda: mock.patch.object(
        outbox, "_wake_for_next", _die_after(outbox._wake_for_next)
    ),
    "after the claim": lambda: mock.patch.object(credentials, "api_for", _die),
    "before the first byte": lambda: mock.patch.object(
        Flight, "start_sending", _die_after(Flight.start_sending)
    ),
    "after the answer": lambda: mock.patch.object(
        HefflAPI, "create_client", _die_after(HefflAPI.create_client)
    ),
    "before the outcome": lambda: mock.patch.object(outbox, "record_outcome", _die),
    "in the outcome": lambda: mock.patch.object(audit, "record", _die),
    "after the outcome": lambda: mock.patch.object(
        outbox, "record_outcome", _die_after(outbox.record_outcome)
    ),
}


def run(ground: Ground) -> Result:
    """Try every pair (in short: each fault at one moment) and count."""
    where = ground.organisation("moments")
    (key,) = ApiCredential.objects.values_list("fingerprint", flat=True)
    points = 0
    stuck: list[str] = []
    moments = list(MOMENTS)
    for number, fault in enumerate(REGISTRY):
        slow = fault in {"stall", "stalled_body", "dripping_headers", "dripping_body"}
        if ground.short and (slow or number % 5):
            continue
        chosen = [moments[number % len(moments)]] if ground.short else moments
        for moment in chosen:
            points += 1
            name = f"{fault} {moment}"
            ground.control.clear_faults()
            ground.control.push_fault(fault, params=QUICK.get(fault, {}), method="POST")
            ground.enter(where, name)
            with MOMENTS[moment](), contextlib.suppress(Death):
                relay.deliver_next(key)
            if slow:
                time.sleep(0.05)
            ground.control.clear_faults()
            if not ground.recover():
                stuck.append(name)
    result = ground.count("moments")
    result.points = points
    result.faults += [f"stuck: {name}" for name in stuck]
    result.notes.append(
        f"{points} pairs of a fault and a moment of death; "
        f"{Submission.objects.exclude(status=Status.CREATED).count()} with a person"
    )
    result.p50 = result.p95 = result.p99 = result.settled_median = None
    _control(ground, result)
    _control_of_keys(ground, result)
    return result


def _control(ground: Ground, result: Result) -> None:
    """Send what may have arrived once more, without a look: duplicates."""
    ground.clear()
    where = ground.organisation("control")
    key = ApiCredential.objects.values_list("fingerprint", flat=True)[0]

    def send_again(row: Submission, *_: object) -> dict[str, object]:
        return {"status": Status.QUEUED, "not_before": row.created_at}

    with mock.patch.object(outbox, "unclear", send_again):
        ground.control.push_fault("reset_after_body", created=True, method="POST")
        ground.enter(where, "twice")
        relay.deliver_next(key)
        ground.recover()
    result.control("unclear is sent again", ground.count("moments").duplicates > 0)


def _control_of_keys(ground: Ground, result: Result) -> None:
    """Take whatever waits with whichever key is asked for: somebody else's client."""
    ground.clear()
    first, second = ground.organisation("first"), ground.organisation("second")
    key = ApiCredential.objects.get(organisation=second).fingerprint
    ground.enter(first, "of the first")
    with (
        mock.patch.object(outbox, "_due_rows", outbox._due_rows),
        mock.patch.object(outbox, "_take_row", outbox._take_row),
    ):
        sabotage.any_key()
        relay.deliver_next(key)
    result.control("any key for any row", ground.count("moments").cross_tenant > 0)
