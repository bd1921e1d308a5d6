"""Several processes that send requests by their numbers, and what came of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from tests.fuzz.asked import Asked, to_bytes
from tests.fuzz.bend import Bender, Seed
from tests.fuzz.stage import Stage
from tests.fuzz.wire import NO_ANSWER, Answer, Line

CHUNK = 50
BATCH = 1_500
"""Requests after which what they broke is put back."""
BIG = 500_000
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@dataclass(frozen=True)
class Outcome:
    """What came of one request. `fault` says what is wrong with it, "" when nothing is."""

    number: int
    route: str
    status: int
    seconds: float
    fault: str
    reached: bool
    signed_out: str = ""


class Asker:
    """Sends requests over one connection."""

    def __init__(self, url: str) -> None:
        self.line = Line(url)

    def send(
        self,
        asked: Asked,
        things: Mapping[str, str],
        jars: Mapping[str, Mapping[str, str]],
    ) -> tuple[Answer, str]:
        """Send a request; return the answer and what is wrong with it."""
        named = {**things, "run_id": run_id(things, asked.number)}
        data = to_bytes(asked, named, jars[asked.role])
        answer = self.line.ask(data, asked.method, last=asked.is_broken)
        return answer, fault_of(asked, answer, len(data))


def run_id(things: Mapping[str, str], number: int) -> str:
    """Return the name under which the portal's log has a request."""
    return f"fuzz-{things['run']}-{number:06}"


def fault_of(asked: Asked, answer: Answer, size: int) -> str:
    """Return what is wrong with an answer, "" when it may be so."""
    if answer.status == NO_ANSWER:
        return "" if asked.is_broken or size > BIG else "no answer"
    if answer.status < 500 or (answer.status == 503 and "readyz" in asked.path):
        return ""
    # The web server's own words for what it does not speak.
    odd = asked.is_broken or asked.method not in METHODS
    return "" if odd and answer.status in (501, 505) else f"{answer.status}"


def has_reached(answer: Answer) -> bool:
    """Say whether a view did its work, rather than refuse it or ask who is there."""
    away = answer.location.startswith(("/accounts/login", "/accounts/reauthenticate"))
    return (200 <= answer.status < 400 and not away) or answer.status == 422


_bender: Bender
_asker: Asker


def _begin(url: str, seeds: Sequence[Seed], seed: str) -> None:
    global _bender, _asker  # noqa: PLW0603 - one of each in a process
    _bender, _asker = Bender(seeds, seed), Asker(url)


def _ask(
    numbers: range, things: dict[str, str], jars: dict[str, dict[str, str]]
) -> list[Outcome]:
    outcomes = []
    for number in numbers:
        asked = _bender.asked(number)
        answer, fault = _asker.send(asked, things, jars)
        reached = has_reached(answer)
        away = answer.location.startswith("/accounts/login")
        outcomes.append(
            Outcome(
                number, asked.route, answer.status, answer.seconds, fault, reached,
                asked.role if away else "",
            )
        )  # fmt: skip
    return outcomes


def outcomes(
    stage: Stage, seed: str, amount: int, *, clients: int = 4
) -> Iterator[list[Outcome]]:
    """Give the outcomes of so many requests, a batch at a time; what broke is mended."""
    begin = (stage.portal.url, stage.seeds, seed)
    with ProcessPoolExecutor(clients, initializer=_begin, initargs=begin) as pool:
        for first in range(0, amount, BATCH):
            if first:
                stage.mend()
            end = min(first + BATCH, amount)
            parts = [range(at, min(at + CHUNK, end)) for at in range(first, end, CHUNK)]
            waiting = [
                pool.submit(_ask, part, stage.things, stage.jars) for part in parts
            ]
            yield [one for each in waiting for one in each.result()]
