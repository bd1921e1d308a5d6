"""Storm: many organisations, faults on a third of all calls, workers killed all the time."""

from __future__ import annotations

import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable

from django.db import connection
from django.db.utils import DatabaseError, InterfaceError

from clients_app.models import Status, Submission
from tests.fleet import PATIENCE
from tests.soak.ground import Ground
from tests.soak.report import Result

Params = dict[str, object]
POSTS: tuple[
    tuple[float, str, bool, Params], ...
] = (  # share, fault, created although it fails, parameters
    (0.05, "reset_after_body", True, {}),
    (0.04, "reset_after_body", False, {}),
    (0.03, "server_error", True, {}),
    (0.02, "bad_gateway", False, {}),
    (0.03, "truncated_body", True, {}),
    (0.02, "fin_in_headers", True, {}),
    (0.01, "not_json", True, {}),
    # It names the limit that holds here: the portal keeps to a lower one at once.
    (0.06, "rate_limited", False, {"reset": "1", "limit": "100000"}),
    (0.03, "slow", True, {"seconds": 0.3}),
    (0.005, "stall", True, {"seconds": 3.0}),
    (0.002, "unauthorized", False, {}),
    (0.002, "no_number", True, {}),
)
STORMS = 5
"""How many storms a broken guard may survive before it counts as unbroken."""
READS: tuple[tuple[float, str, Params], ...] = (
    (0.05, "server_error", {}),
    (0.05, "truncated_body", {}),
)


def faults(ground: Ground) -> None:
    """Script faults for about 30 % of the creates and 10 % of the reads."""
    for number, (share, fault, created, params) in enumerate(POSTS):
        ground.control.push_fault(
            fault,
            count=None,
            probability=share,
            created=created,
            params=params,
            method="POST",
            path="/api/v1/clients",
            seed=number,
        )
    for number, (share, fault, more) in enumerate(READS):
        ground.control.push_fault(
            fault,
            count=None,
            probability=share,
            params=more,
            method="GET",
            seed=100 + number,
        )


def blow(
    ground: Ground,
    *,
    organisations: int,
    submissions: int,
    kill_every: float,
    seconds: float,
    seed: int,
    sabotage: str = "",
    patience: float = 20.0,
    outages: Callable[[float], object] | None = None,
    seen: Callable[[], bool] = lambda: False,
    workers: int = 4,
) -> Result:
    """Submit and deliver everything in a storm, then let it settle, and count.

    It is over at once when `seen`, asked once a second, says so.
    """
    dice = random.Random(seed)
    where = [ground.organisation(f"storm{seed}-{n}") for n in range(organisations)]
    faults(ground)
    until = time.monotonic() + seconds
    kills = entered = 0
    with ground.nursery(TEST_SABOTAGE=sabotage) as nursery:
        alive = [nursery.spawn("worker", 4) for _ in range(workers)]
        next_kill = time.monotonic() + kill_every
        next_look = 0.0
        while time.monotonic() < until:
            if entered < submissions:
                ground.enter(dice.choice(where), f"Client {seed} {entered}")
                entered += 1
            else:
                time.sleep(0.05)
            if outages:
                outages(entered / submissions)
            if time.monotonic() >= next_kill:
                place = dice.randrange(workers)
                nursery.kill(alive[place])
                alive[place] = nursery.spawn("worker", 4)
                kills += 1
                next_kill = time.monotonic() + kill_every
            if time.monotonic() >= next_look:
                next_look = time.monotonic() + 1.0
                if seen():
                    return ground.count("storm")
                if entered == submissions and _blown() >= 0.97 * submissions:
                    break
        settled = ground.settle(max(patience, until - time.monotonic()))
    result = ground.count("storm")
    result.notes.append(
        f"{organisations} organisations, {kills} × kill -9, seed {seed}"
    )
    if not settled:
        result.faults.append("not everything settled in time")
    return result


def _blown() -> int:
    """Return how many are through the storm: sent, whatever came of it."""
    try:
        waiting = (Status.QUEUED, Status.SENDING)
        return Submission.objects.exclude(status__in=waiting).count()
    except (DatabaseError, InterfaceError):
        connection.close()
        return 0


def run(ground: Ground) -> Result:
    """Run the storm and its controls; a PostgreSQL of its own is stopped ten times."""
    short = ground.short
    stops = 1 if short else 10
    server = ground.server
    done = 0

    def outages(share: float) -> None:
        nonlocal done
        if server is not None and done < stops and share > (done + 0.5) / stops:
            server.stop(at_once=True)
            server.start()
            connection.close()
            done += 1

    result = blow(
        ground,
        organisations=2 if short else 20,
        submissions=20 if short else 10_000,
        kill_every=1.0 if short else 0.5,
        seconds=10 if short else 1500,
        seed=1,
        outages=outages,
        patience=PATIENCE if short else 900.0,
    )
    if server is not None:
        result.notes.append(f"{done} × immediate stop of PostgreSQL")
    if not short and (result.review_percent or 0) > 1:
        result.faults.append("more than 1 % came to a person")
    if not short:  # a storm takes its time; see moments and test_kill.py
        for number, (sabotage, shows) in enumerate(CONTROLS.items()):
            _control(ground, result, sabotage, shows, seed=10 + number)
    return result


def _lost(ground: Ground) -> bool:
    """Say whether a row that was accepted is gone."""
    there = Submission.objects.values_list("submission_token", flat=True)
    return not ground.accepted.keys() <= set(there)


def _twice(ground: Ground) -> bool:
    """Say whether a client was made twice."""
    made = Counter(
        (each["workspace"], each["name"]) for each in ground.control.clients()
    )
    return any(times > 1 for times in made.values())


def _at_another(ground: Ground) -> bool:
    """Say whether a client was made at an organisation that did not enter it."""
    made = {(each["workspace"], each["name"]) for each in ground.control.clients()}
    return not made <= set(ground.accepted.values())


CONTROLS = {"resend_lost": _twice, "forget_lost": _lost, "any_key": _at_another}


def _control(
    ground: Ground,
    result: Result,
    sabotage: str,
    shows: Callable[[Ground], bool],
    *,
    seed: int,
) -> None:
    """Let it blow with a guard broken until what that must lead to was seen."""
    seen = False

    def look() -> bool:
        nonlocal seen
        with contextlib.suppress(DatabaseError, InterfaceError):
            seen = seen or shows(ground)
        return seen

    for part in range(STORMS):
        ground.clear()
        blow(
            ground,
            organisations=3,
            submissions=150,
            kill_every=0.6,
            seconds=90,
            seed=seed + 10 * part,
            sabotage=sabotage,
            patience=20.0,
            seen=look,
        )
        if look():
            break
    result.control(sabotage, seen)
