"""What a run came to: counts, faults with the least request that repeats them, the slowest."""

from __future__ import annotations

import copy
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.fuzz.asked import Asked, shown
from tests.fuzz.bend import Bender
from tests.fuzz.crowd import Asker, Outcome, outcomes, run_id
from tests.fuzz.stage import Stage

SLOW = 1.0
"""Seconds within which every request is answered that is sent alone."""
SLOWEST = 10
MOST_FAULTS = 20
AGAIN = 900_000
"""Numbers from here on are those of requests that are sent once more."""


@dataclass
class Result:
    """What came of a run."""

    seed: str
    statuses: Counter[int] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)
    unnamed: list[str] = field(default_factory=list)
    signed_out: Counter[str] = field(default_factory=Counter)
    slowest: list[Outcome] = field(default_factory=list)
    reached: set[str] = field(default_factory=set)
    missed: list[str] = field(default_factory=list)
    seconds: float = 0.0
    alive: bool = True

    @property
    def sent(self) -> int:
        """Return how many requests were sent."""
        return sum(self.statuses.values())

    @property
    def tracebacks(self) -> int:
        """Return how many faults show in the log alone."""
        return len(self.unnamed) + sum("log:" in each for each in self.faults.values())

    @property
    def good(self) -> bool:
        """Say whether nothing is wrong."""
        return self.alive and not self.faults and not self.unnamed

    def line(self) -> str:
        """Return the run as one line."""
        fives = sum(amount for status, amount in self.statuses.items() if status == 500)
        return (
            f"{self.sent} requests, seed {self.seed}: {fives} × 500, "
            f"{self.tracebacks} tracebacks, {len(self.faults)} faults"
        )


def run(stage: Stage, seed: str, amount: int, *, clients: int = 4) -> Result:
    """Send so many requests and judge every answer and every line of the log."""
    result, started = Result(seed), time.monotonic()
    for complaint in stage.complaints():
        result.unnamed.append(complaint.words)
    for batch in outcomes(stage, seed, amount, clients=clients):
        for one in batch:
            result.statuses[one.status] += 1
            if one.fault:
                result.faults[one.number] = one.fault
            if one.signed_out:
                result.signed_out[one.signed_out] += 1
            if one.reached:
                result.reached.add(one.route)
        mine = sorted([*result.slowest, *batch], key=lambda each: -each.seconds)
        result.slowest = mine[:SLOWEST]
        _read_log(stage, result)
    result.missed = sorted(set(stage.routes) - result.reached)
    result.alive = stage.alive()
    result.seconds = time.monotonic() - started
    return result


def _read_log(stage: Stage, result: Result) -> None:
    named = run_id(stage.things, 0)[:-6]
    for complaint in stage.complaints():
        number = complaint.request.removeprefix(named)
        if number.isdigit():
            known = result.faults.get(int(number), "log:")
            result.faults[int(number)] = f"{known} {complaint.words}"
        else:
            result.unnamed.append(complaint.words)


class Repeater:
    """Sends a request once more, alone."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.asker = Asker(stage.portal.url)
        self._next = AGAIN

    def fault(self, asked: Asked) -> str:
        """Return what is wrong with a request that is sent now; "" when nothing is."""
        self._next += 1
        again = copy.deepcopy(asked)
        again.number = self._next
        _answer, fault = self.asker.send(again, self.stage.things, self.stage.jars)
        complaints = [one.words for one in self.stage.complaints()]
        return " ".join([fault, *complaints]).strip()

    def seconds(self, asked: Asked) -> float:
        """Return how long the answer takes when nothing else is asked: the best of three."""
        took = []
        for _each in range(3):
            self._next += 1
            again = copy.deepcopy(asked)
            again.number = self._next
            answer, _fault = self.asker.send(again, self.stage.things, self.stage.jars)
            took.append(answer.seconds)
        return min(took)


def smaller(asked: Asked) -> Iterator[Asked]:
    """Give requests that are the same but for one thing left out."""

    def without(change: Callable[[Asked], object]) -> Asked:
        less = copy.deepcopy(asked)
        change(less)
        return less

    for name in ("files", "headers", "cookies", "query", "form"):
        for place in range(len(getattr(asked, name)) - 1, -1, -1):
            yield without(lambda one, n=name, p=place: getattr(one, n).pop(p))  # type: ignore[misc]
    for name in ("tail", "framing"):
        if getattr(asked, name):
            yield without(lambda one, n=name: setattr(one, n, ""))  # type: ignore[misc]
    if asked.role:
        yield without(lambda one: setattr(one, "role", ""))


def least(asked: Asked, is_faulty: Callable[[Asked], object]) -> Asked:
    """Return the smallest request found that is still faulty."""
    going = True
    while going:
        going = False
        for less in smaller(asked):
            if is_faulty(less):
                asked, going = less, True
                break
    return asked


def explain(stage: Stage, result: Result, folder: Path) -> None:
    """Print each fault with the least request that repeats it, kept in a file."""
    bender, repeater = Bender(stage.seeds, result.seed), Repeater(stage)
    folder.mkdir(parents=True, exist_ok=True)
    told: set[str] = set()
    for number, words in sorted(result.faults.items()):
        if words in told or len(told) >= MOST_FAULTS:
            continue
        told.add(words)
        asked = bender.asked(number)
        repeats = bool(repeater.fault(asked))
        if repeats:
            asked = least(asked, repeater.fault)
        path = folder / f"{result.seed}-{number}.json"
        path.write_text(asked.to_json())
        note = "" if repeats else " (not when it is sent alone)"
        _say(f"\nfault {number}{note}: {words}")
        _say(f"  {json.dumps(shown(asked), ensure_ascii=True)[:1_500]}")
        _say(f'  repeat it: make fuzz ARGS="--repeat {path}"')
    for words in dict.fromkeys(result.unnamed):
        _say(f"\nin the log, of no request: {words[:600]}")


def slow_ones(stage: Stage, result: Result) -> list[str]:
    """Print the slowest answers; return those that are slow alone, too."""
    bender, repeater = Bender(stage.seeds, result.seed), Repeater(stage)
    slow = []
    _say("\nThe slowest, in the crowd and alone:")
    for one in result.slowest:
        asked = bender.asked(one.number)
        alone = repeater.seconds(asked)
        words = (
            f"{asked.method} {asked.path[:60]} ({', '.join(asked.bent) or 'as it is'})"
        )
        _say(
            f"  {one.seconds:6.2f} s {alone:6.2f} s  {one.status}  {one.number}: {words}"
        )
        if alone > SLOW:
            slow.append(f"request {one.number} takes {alone:.2f} s: {words}")
    return slow


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
