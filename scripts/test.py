"""`make test`: every test on SQLite, again on PostgreSQL at the same time, then a browser.

A part that this machine cannot run is left out and named in the last lines;
REQUIRE_ALL=1 makes that a failure.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts import chromium, postgresql

BASE_DIR = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit code when the arguments select nothing
NO_DATABASE = ("tests/unit/heffl", "tests/unit/sandbox")  # once is enough


@dataclass
class Part:
    """One pytest run: what it is called, what it selects, and what came of it."""

    name: str
    select: str
    environment: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    code: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    _process: subprocess.Popen[str] | None = None
    _output: IO[str] | None = None

    def start(self, arguments: list[str], *, aside: bool) -> None:
        """Start pytest; aside: its output is kept until `finish` shows it."""
        environment = {k: v for k, v in os.environ.items() if k != "DATABASE_URL"}
        environment |= {"PYTHONUNBUFFERED": "1", **self.environment}
        if aside:
            self._output = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed in finish
        colour = "yes" if sys.stdout.isatty() else "no"
        sys.stdout.write(
            f"== {self.name}{' (shown when it is done)' if aside else ''}\n"
        )
        sys.stdout.flush()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", f"--color={colour}"]
            + [f"--ignore={path}" for path in self.ignore]
            + ["-m", self.select, *arguments],
            cwd=BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output or subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )

    def finish(self) -> None:
        """Wait for the end, show the output, and count what passed and failed."""
        process = self._process
        if process is None:
            return
        last = ""
        if self._output is not None:
            process.wait()
            sys.stdout.write(f"\n== {self.name}\n")
            self._output.seek(0)
        source = self._output or process.stdout
        for line in source or ():
            sys.stdout.write(line)
            sys.stdout.flush()
            if re.search(r"\bin [\d.]+s\b", line):
                last = re.sub(r"\x1b\[[\d;]*m", "", line)
        self.code = process.wait()
        if took := re.search(r"\bin ([\d.]+)s\b", last):
            self.seconds = float(took[1])
        for number, word in re.findall(r"(\d+) (passed|failed|error|skipped)", last):
            self.counts["failed" if word == "error" else word] += int(number)
        if source is not None:
            source.close()

    def stop(self) -> None:
        """End the run, if it still goes on."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process.kill()

    @property
    def good(self) -> bool:
        """Say whether nothing failed."""
        return self.code in {0, NO_TESTS}

    def summary(self) -> str:
        """Return the run's result as one line."""
        if self.code == NO_TESTS:
            return f"{self.name}: no tests selected"
        told = ", ".join(f"{self.counts[word]} {word}" for word in self.counts)
        ended = "" if self.good else f" (exit code {self.code})"
        return f"{self.name}: {told or 'did not finish'} in {self.seconds:.0f} s{ended}"


def collect_static() -> None:
    """Collect the static files, as an installation has them. Raises CalledProcessError."""
    keyring = "test:" + base64.b64encode(secrets.token_bytes(32)).decode()
    subprocess.run(
        [sys.executable, "-m", "scripts.prepare", "--static-only"],
        cwd=BASE_DIR,
        env={
            **os.environ,
            "SECRET_KEY": secrets.token_urlsafe(64),
            "PORTAL_KEYRING": keyring,
        },
        check=True,
    )


def run_parts(arguments: list[str]) -> tuple[list[Part], dict[str, str]]:
    """Run everything this machine can. Return the parts run, and those not and why."""
    parts = [Part("SQLite", "not soak and not browser")]
    left_out: dict[str, str] = {}
    browser, fault = chromium.find_or_install()
    if browser is None:
        left_out["browser tests"] = fault
    with postgresql.found_or_made() as (server, why_not):
        name = f"portal_{os.getpid()}"
        if server is None:
            left_out["PostgreSQL"] = why_not
        else:
            url = postgresql.with_database(server, name)
            parts.append(
                Part(
                    "PostgreSQL",
                    "not soak and not browser and not once",
                    # a query that hangs fails and is named
                    {"DATABASE_URL": url, "PGOPTIONS": "-c statement_timeout=60000"},
                    NO_DATABASE,
                )
            )
        aside = list(parts[1:])
        try:
            for part in aside:
                part.start(arguments, aside=True)
            parts[0].start(arguments, aside=False)
            parts[0].finish()
            if browser is not None:
                chrome = Part("Chromium", "browser and not soak", {"CHROMIUM": browser})
                parts.append(chrome)
                chrome.start(arguments, aside=False)
                chrome.finish()
            for part in aside:
                part.finish()
        finally:
            for part in parts:
                part.stop()
            if server is not None:
                postgresql.drop(server, f"test_{name}")
    return parts, left_out


def report(parts: list[Part], left_out: dict[str, str]) -> int:
    """Print the last lines; return the exit code."""
    required = os.environ.get("REQUIRE_ALL", "") not in {"", "0"}
    sys.stdout.write("\n")
    for part in parts:
        sys.stdout.write(part.summary() + "\n")
    for name, why in left_out.items():
        word = "FAILED, because REQUIRE_ALL is set" if required else "Skipped"
        sys.stdout.write(f"{word}: {name} ({why})\n")
    total = sum((part.counts for part in parts), Counter[str]())
    failed = total["failed"] + (len(left_out) if required else 0)
    sys.stdout.write(
        f"{total['passed']} passed, {failed} failed, {total['skipped']} skipped\n"
    )
    good = all(part.good for part in parts) and not failed
    if good and all(part.code == NO_TESTS for part in parts):
        return NO_TESTS
    return 0 if good else 1


def main() -> int:
    """Run the tests with the command line's arguments for pytest; return the exit code."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        collect_static()
        return report(*run_parts(sys.argv[1:]))
    except subprocess.CalledProcessError:
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
