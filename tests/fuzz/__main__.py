"""`make fuzz`: 50,000 requests that no browser makes, and not one fault.

    python -m tests.fuzz                          ten minutes on two cores
    python -m tests.fuzz --postgresql             over the other database
    python -m tests.fuzz --seed 7 --requests 500  the same requests each time
    python -m tests.fuzz --repeat FILE            one request that a run has kept

Exits with 1 when an answer is a 500 or none at all, when the log tells of a fault, when the
portal no longer answers, or when one of the slowest takes more than a second alone.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
from pathlib import Path

from tests.attack.portal import ROOT
from tests.fuzz import report
from tests.fuzz.asked import Asked
from tests.fuzz.stage import standing

KEPT = ROOT / "var" / "fuzz"


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def read_options() -> argparse.Namespace:
    """Return what the command line asks for."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seed", default=str(secrets.randbelow(1_000_000)))
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--repeat", type=Path, metavar="FILE")
    return parser.parse_args()


def main() -> int:
    """Run, print what came of it, and return the exit code."""
    options = read_options()
    say(f"seed {options.seed}")
    with (
        tempfile.TemporaryDirectory(prefix="portal-fuzz-") as folder,
        standing(Path(folder), on_postgresql=options.postgresql) as stage,
    ):
        if options.repeat:
            asked = Asked.from_json(options.repeat.read_text())
            words = report.Repeater(stage).fault(asked)
            say(words or "Nothing is wrong with it.")
            return 1 if words else 0
        say(f"{len(stage.routes)} addresses, {len(stage.seeds)} requests to begin with")
        result = report.run(
            stage, options.seed, options.requests, clients=options.clients
        )
        report.explain(stage, result, KEPT)
        slow = report.slow_ones(stage, result)
        say(
            "\nanswers: "
            + ", ".join(f"{n} × {s}" for s, n in result.statuses.most_common())
        )
        say(f"led to the sign-in: {dict(result.signed_out)}")
        say("never reached: " + (", ".join(result.missed) or "none"))
        say(f"{result.line()}, {result.sent / result.seconds:.0f} a second")
        for each in slow:
            say(each)
        return 0 if result.good and not slow else 1


if __name__ == "__main__":
    sys.exit(main())
