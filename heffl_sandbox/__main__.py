"""Starts the local Heffl from the command line and stops it cleanly."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence

from heffl_sandbox.faults import REGISTRY
from heffl_sandbox.server import DEFAULT_KEY, Sandbox, start
from heffl_sandbox.store import StoreError, tail_of


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m heffl_sandbox",
        description="A local stand-in for Heffl, for trying the portal and for tests.",
        epilog=f"Without --key the key is {DEFAULT_KEY}",
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8100, help="0 picks a free one")
    parser.add_argument("--data", metavar="FILE", help="keep everything in this file")
    parser.add_argument(
        "--key", action="append", nargs="+", default=[], help="a key that works"
    )
    parser.add_argument("--workspace", metavar="NAME", default="Sandbox")
    parser.add_argument("--rate", default="60/60", help="calls/seconds for each key")
    parser.add_argument("--no-rate-limit", action="store_true")
    parser.add_argument("--window", choices=("sliding", "fixed"), default="sliding")
    parser.add_argument(
        "--latency", type=float, default=0.0, metavar="SECONDS", help="of each answer"
    )
    parser.add_argument("--list-faults", action="store_true", help="and nothing else")
    return parser


def _start(options: argparse.Namespace) -> Sandbox:
    keys = [key for group in options.key for key in group] or [DEFAULT_KEY]
    return start(
        host=options.host,
        port=options.port,
        data=options.data,
        keys=keys,
        workspace=options.workspace,
        rate=None if options.no_rate_limit else options.rate,
        window=options.window,
        latency=options.latency,
    )


def _fail(message: str) -> int:
    sys.stderr.write(f"{message}\n")
    return 1


def _run(options: argparse.Namespace) -> int:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        sandbox = _start(options)
    except (StoreError, ValueError) as error:
        return _fail(str(error))
    except OSError as error:
        # The library adds the address in brackets, which the sentence has already.
        reason = (error.strerror or str(error)).split(" (while")[0]
        place = f"{options.host} port {options.port}"
        return _fail(f"The sandbox cannot listen on {place}: {reason}.")
    with sandbox:
        tails = [tail_of(key) for group in options.key for key in group]
        shown = ", ".join(f"…{tail}" for tail in tails or [tail_of(DEFAULT_KEY)])
        line = f"Heffl sandbox on {sandbox.base_url} (keys ending in {shown})\n"
        sys.stdout.write(line)
        sys.stdout.flush()
        stop.wait()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; return the exit code."""
    options = _parser().parse_args(arguments)
    if options.list_faults:
        lines = [f"{name:24} {fault.summary}\n" for name, fault in REGISTRY.items()]
        sys.stdout.writelines(lines)
        return 0
    return _run(options)


if __name__ == "__main__":
    sys.exit(main())
