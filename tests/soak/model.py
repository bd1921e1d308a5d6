"""Model: the classifier and the delivery of a few rows under thousands of random histories.

The rule that must never break: after the first byte of a POST left, the same submission is
sent again only if the answer said that it was not taken (429, a refused key, a wrong address),
or after three clean looks that did not find it.
"""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from unittest import mock

from django.db import connection
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from clients_app import credentials
from clients_app.delivery import holds, outbox, relay
from clients_app.delivery import reconcile as looks
from clients_app.heffl.contract import ClientPage, RemoteClient
from clients_app.heffl.outcome import (
    Exchange,
    Outcome,
    Reading,
    Verdict,
    judge_creation,
)
from clients_app.heffl.outcome import (
    Phase as Step,
)
from clients_app.models import ApiCredential, Hold, RateBudget, Status, Submission
from tests.soak.ground import LONG_AGO, Ground
from tests.soak.report import Result

CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
BODIES = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b'{"id":"clt_1","number":"C1","name":"x","type":"company"}',
            b'{"id":"clt_1"}',
            b'{"id":7}',
            b"[]",
            b'{"code":"FORBIDDEN","message":"no"}',
            b'{"error":{"code":"VALIDATION_ERROR"}}',
            b"<html>blocked</html>",
        ]
    ),
)
HEADERS = st.dictionaries(
    st.sampled_from(
        ["retry-after", "ratelimit-reset", "ratelimit-limit", "ratelimit-remaining"]
        + ["date", "content-type", "location"]
    ),
    st.one_of(
        st.text(max_size=12),
        st.integers(-5, 10**13).map(str),
        st.sampled_from(["application/json", "text/html"]),
    ),
    max_size=4,
)
EXCHANGES = st.builds(
    Exchange,
    phase=st.sampled_from(list(Step)),
    fault=st.sampled_from(
        ["", "", "", "reset", "deadline", "closed", "tls_certificate"]
    ),
    received_at=st.just(datetime(2026, 1, 1, tzinfo=UTC)),
    duration=st.floats(0, 60),
    status=st.one_of(
        st.sampled_from([200, 201, 429, 401, 403, 404, 307, 400, 422, 500, 503, None]),
        st.integers(100, 999),
    ),
    headers=HEADERS,
    body=BODIES,
)
MAY_GO_AGAIN = {425, 429}
NOT_TAKEN = {401, 403, 404, 405, 410, 415, 501}


def may_be_sent_again(exchange: Exchange) -> bool:
    """Say, from the specification alone, whether nothing can have been created."""
    if exchange.fault or exchange.status is None:
        return not exchange.phase.bytes_may_have_left
    status = exchange.status
    return status in MAY_GO_AGAIN or status in NOT_TAKEN or 300 <= status < 400


def classify(examples: int) -> Counter[str]:
    """Judge so many made-up exchanges. Raises AssertionError on the first wrong one."""
    seen: Counter[str] = Counter()

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=CHECKS,
        phases=[Phase.generate],
    )
    @given(EXCHANGES)
    def judged(exchange: Exchange) -> None:
        outcome = judge_creation(exchange)
        seen[outcome.verdict] += 1
        again = {
            Verdict.SAFE,
            Verdict.RATE_LIMITED,
            Verdict.KEY_REFUSED,
            Verdict.CONFIGURATION,
        }
        if outcome.verdict in again:
            assert may_be_sent_again(exchange), (outcome, exchange)
        if outcome.verdict is Verdict.CREATED:
            assert exchange.status in (200, 201)
            assert outcome.client
            assert outcome.client.id
        if outcome.wait is not None:
            assert 0 < outcome.wait <= 300

    judged()
    return seen


@dataclass
class Remote:
    """A Heffl in memory: what exists, and what the next calls do."""

    clients: dict[str, RemoteClient] = field(default_factory=dict)
    made: Counter[str] = field(default_factory=Counter)
    next: tuple[str, bool] = ("created", True)
    readable: bool = True

    def create_client(self, body: bytes, *, time_left: float | None = None) -> Outcome:
        """Take one POST as `next` says: (verdict, whether the client comes to be)."""
        import json

        name = json.loads(body)["name"]
        verdict, happens = self.next
        client = None
        if happens:
            self.made[name] += 1
            client = RemoteClient(
                id=f"clt_{len(self.clients)}",
                number=f"N{len(self.clients)}",
                name=name,
                type="company",
                created_at=timezone.now(),
            )
            self.clients[client.id] = client
        if verdict == "created":
            return Outcome(Verdict.CREATED, Step.DONE, "created", 200, client=client)
        if verdict == "death":
            raise _Death
        step = Step.CONNECTING if verdict == "safe" else Step.READING
        return Outcome(Verdict(verdict), step, verdict, wait=1.0)

    def search(self, *_: object) -> Reading[ClientPage]:
        """Return what exists, newest first."""
        return self._page()

    def list_clients(self, **_: object) -> Reading[ClientPage]:
        """Return the same."""
        return self._page()

    def get_client(self, client_id: str) -> Reading[RemoteClient]:
        """Return one."""
        return Reading(True, None, Step.DONE, "ok", self.clients.get(client_id))

    def _page(self) -> Reading[ClientPage]:
        if not self.readable:
            return Reading(False, Verdict.SAFE, Step.DONE, "http_500", status=500)
        items = tuple(reversed(self.clients.values()))
        page = ClientPage(
            items=items, next_cursor=None, has_more=False, total=len(items)
        )
        return Reading(True, None, Step.DONE, "ok", page, status=200)


class _Death(BaseException):
    pass


class Delivery(RuleBasedStateMachine):
    """One organisation's deliveries, whatever happens to them, over one database."""

    ground: ClassVar[Ground]

    def __init__(self) -> None:
        super().__init__()
        Submission.objects.all().delete()
        Hold.objects.all()._raw_delete("default")
        RateBudget.objects.all()._raw_delete("default")
        self.ground.accepted.clear()
        self.where = ApiCredential.objects.select_related("organisation").get()
        self.remote = Remote()
        self.entered = 0
        self.patched = mock.patch.object(
            credentials, "api_for", return_value=self.remote
        )
        self.patched.start()

    def teardown(self) -> None:
        self.patched.stop()

    @rule()
    def enter(self) -> None:
        if self.entered < 4:
            self.ground.enter(self.where.organisation, f"Client {self.entered}")
            self.entered += 1

    @rule(
        next_=st.sampled_from(
            [
                ("created", True),
                ("uncertain", True),
                ("uncertain", False),
                ("death", True),
                ("death", False),
                ("safe", False),
                ("rate_limited", False),
                ("key_refused", False),
                ("configuration", False),
                ("refused", False),
                ("firewall", False),
            ]
        )
    )
    def send(self, next_: tuple[str, bool]) -> None:
        self.remote.next = next_
        with contextlib.suppress(_Death):
            relay.deliver_next(self.where.fingerprint)

    @rule()
    def die_before_the_outcome(self) -> None:
        self.remote.next = ("created", True)
        with (
            mock.patch.object(outbox, "record_outcome", side_effect=_Death),
            contextlib.suppress(_Death),
        ):
            relay.deliver_next(self.where.fingerprint)

    @rule()
    def sweep(self) -> None:
        outbox.take_back_lost(timezone.now() + LONG_AGO)

    @rule(readable=st.booleans())
    def look(self, readable: bool) -> None:
        self.remote.readable = readable
        due = Submission.objects.filter(reconcile_at__isnull=False)
        due.update(reconcile_at=timezone.now())
        for row in looks.due(timezone.now() + timedelta(seconds=1)):
            looks.reconcile(row)

    @rule()
    def time_passes(self) -> None:
        for hold in Hold.objects.filter(released_at__isnull=True):
            holds.release(hold.fingerprint, hold.reason, timezone.now())  # type: ignore[arg-type]
        Submission.objects.filter(status=Status.QUEUED).update(
            not_before=timezone.now()
        )
        RateBudget.objects.update(paused_until=None)

    @invariant()
    def nothing_twice_nothing_lost(self) -> None:
        assert all(count == 1 for count in self.remote.made.values()), self.remote
        rows = list(Submission.objects.only("status", "heffl_id", "display_name"))
        assert len(rows) == self.entered
        for row in rows:
            if row.status == Status.CREATED:
                assert self.remote.clients[row.heffl_id].name == row.display_name
            if row.status in (Status.NEEDS_FIX, Status.QUEUED):
                assert not self.remote.made[row.display_name], row.status


def machine(ground: Ground) -> type[RuleBasedStateMachine]:
    """Return the state machine over this database."""
    return type("DeliveryHere", (Delivery,), {"ground": ground})


def walk(ground: Ground, runs: int, steps: int) -> None:
    """Run the machine so often. Raises AssertionError with the shortest bad history."""
    run_state_machine_as_test(
        machine(ground),
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=CHECKS,
            phases=[Phase.generate],
        ),
    )


def run(ground: Ground) -> Result:
    """Judge, walk, and break a guard of each."""
    result = Result("model", connection.vendor)
    ground.organisation("model")
    examples, runs, steps = (500, 4, 20) if ground.short else (20_000, 1_000, 50)
    if not ground.short and connection.vendor == "postgresql":
        runs = 400  # the rules are the same; each step takes twice as long
    seen = classify(examples)
    began = time.monotonic()
    walk(ground, runs, steps)
    result.points = examples + runs * steps
    result.notes.append(
        f"{examples} exchanges judged ({len(seen)} verdicts), {runs} histories of up to "
        f"{steps} steps in {time.monotonic() - began:.0f} s: no rule broken"
    )
    result.control("503 called safe", _breaks(_judge_wrongly))
    result.control("the dead are sent again", _breaks(lambda: _walk_wrongly(ground)))
    return result


def _judge_wrongly() -> None:
    from clients_app.heffl import outcome

    with mock.patch.dict(outcome.BY_STATUS, {503: Verdict.SAFE, 500: Verdict.SAFE}):
        classify(300)


def _walk_wrongly(ground: Ground) -> None:
    def again(now: datetime) -> int:
        return Submission.objects.filter(
            status=Status.SENDING, lease_until__lt=now
        ).update(status=Status.QUEUED, lease_until=None, not_before=now)

    with mock.patch.object(outbox, "take_back_lost", again):
        walk(ground, 12, 30)


def _breaks(action: Any) -> bool:
    try:
        action()
    except (AssertionError, ExceptionGroup):
        return True
    return False
