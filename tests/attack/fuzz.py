"""Everything at once that no browser asks: a short run of the fuzzer of tests/fuzz."""

from __future__ import annotations

from collections.abc import Iterator

from tests.attack.portal import Finding, Portal
from tests.fuzz import report
from tests.fuzz.stage import Stage

REQUESTS = 2_000
SEED = "attack"


def attacks(portal: Portal) -> Iterator[Finding]:
    """Send requests that are bent in several places, as everybody, and count the faults."""
    stage = Stage(portal)
    stage.furnish()
    result = report.run(stage, SEED, REQUESTS, clients=2)
    fives = result.statuses[500]
    yield Finding(
        attack=f"{REQUESTS:,} requests of the fuzzer",
        before="51 × 500, 66 tracebacks",
        after=f"{fives} × 500, {result.tracebacks} tracebacks",
        held=result.good,
    )
