"""`make test`: every test on SQLite and again on PostgreSQL, and a real browser.

Three of these go on at a time; what each says is shown whole and in order. A part that this
machine cannot run is left out and named in the last lines; REQUIRE_ALL=1 makes that a
failure. With --quick (`make quick`) it is what a minute allows: SQLite alone, in thirds
side by side, without a browser and without what is marked `slow`. Either way the slowest
tests are named at the end.
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
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from scripts import chromium, postgresql

BASE_DIR = Path(__file__).resolve().parent.parent
NO_TESTS = 5  # pytest's exit code when the arguments select nothing
AT_A_TIME = 3
NO_DATABASE = ("tests/unit/heffl", "tests/unit/sandbox")  # once is enough
BROWSER = ((", pages", "tests/browser"), (", flows", "tests/end_to_end"))
SLOWEST = 10


@dataclass
class Part:
    """One pytest run: what it is called, what it selects, and what came of it."""

    name: str
    select: str
    paths: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    ignore: tuple[str, ...] = ()
    waits: bool = False
    """It mostly waits: it may go on beside the others."""
    code: int | None = None
    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    _process: subprocess.Popen[bytes] | None = None
    slowest: list[tuple[float, str]] = field(default_factory=list)
    """Seconds, and what took them."""
    _output: IO[bytes] | None = None
    _durations: IO[str] | None = None
    _shown: int = 0
    _headed: bool = False

    def start(self, arguments: list[str]) -> None:
        """Start pytest; what it prints waits for `show`."""
        # Compiled once, all parts and the many processes they start load the tests faster.
        not_for_tests = {"DATABASE_URL", "PYTHONDONTWRITEBYTECODE"}
        environment = {k: v for k, v in os.environ.items() if k not in not_for_tests}
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed in `stop`
        self._durations = tempfile.NamedTemporaryFile("r", encoding="utf-8")  # noqa: SIM115 - closed in `stop`
        environment |= {
            "PYTHONUNBUFFERED": "1",
            "TEST_DURATIONS": self._durations.name,
            **self.environment,
        }
        colour = "yes" if sys.stdout.isatty() else "no"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", f"--color={colour}"]
            + ["-p", "tests.parts"]
            + [f"--ignore={path}" for path in self.ignore]
            + ["-m", self.select, *arguments, *self.paths],
            cwd=BASE_DIR,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
        )

    @property
    def running(self) -> bool:
        """Say whether it goes on; sets `code` once it does not."""
        if self._process is not None and self.code is None:
            self.code = self._process.poll()
        return self._process is not None and self.code is None

    def show(self) -> bool:
        """Print what came since the last time; False once it has ended and all is said."""
        going = self.running
        if self._output is None:
            return self.code is None
        if not self._headed:
            self._headed = True
            sys.stdout.write(f"\n== {self.name}\n")
        # By place: the child writes where the file's one position is.
        text = os.pread(self._output.fileno(), 1 << 24, self._shown)
        self._shown += len(text)
        sys.stdout.write(text.decode(errors="replace"))
        sys.stdout.flush()
        if not going:
            self._count()
        return going

    def _count(self) -> None:
        if self._output is None or self._durations is None:
            return
        for line in self._durations.read().splitlines():
            seconds, _, test = line.partition("\t")
            self.slowest.append((float(seconds), test))
        told = os.pread(self._output.fileno(), 1 << 24, 0).decode(errors="replace")
        told = re.sub(r"\x1b\[[\d;]*m", "", told)
        last = next((x for x in told.splitlines()[::-1] if " in " in x), "")
        if took := re.search(r"\bin ([\d.]+)s\b", last):
            self.seconds = float(took[1])
        for number, word in re.findall(r"\b(\d+) (passed|failed|error|skipped)", last):
            self.counts["failed" if word == "error" else word] += int(number)

    def stop(self) -> None:
        """End the run, if it still goes on."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(10)
            self._process.kill()
        for file in (self._output, self._durations):
            if file is not None:
                file.close()
        self._output = self._durations = None

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


def names_tests(argument: str) -> bool:
    """Say whether an argument for pytest is a file, a folder or a test in one."""
    return (BASE_DIR / argument.partition("::")[0]).exists()


def run_all(parts: list[Part], arguments: list[str]) -> None:
    """Run the parts, three at a time, and show what they say in their order."""
    waiting = list(parts)
    for part in parts:
        while True:
            busy = sum(each.running and not each.waits for each in parts)
            for each in list(waiting):
                if each.waits or busy < AT_A_TIME:
                    waiting.remove(each)
                    each.start(arguments)
                    busy += not each.waits
            if not part.show():
                break
            time.sleep(0.2)


def run_parts(arguments: list[str]) -> tuple[list[Part], dict[str, str]]:
    """Run everything this machine can. Return the parts run, and those not and why."""
    plain = "not soak and not browser"
    named = any(map(names_tests, arguments))  # then just these, wherever they are
    aside = () if named else NO_DATABASE
    parts = [Part("SQLite", plain, ignore=aside)]
    left_out: dict[str, str] = {}
    browser, fault = chromium.find_or_install()
    with postgresql.found_or_made() as (server, why_not):
        name = f"portal_{os.getpid()}"
        if server is None:
            left_out["PostgreSQL"] = why_not
        else:
            url = postgresql.with_database(server, name)
            # a query that hangs fails and is named
            waits = {"DATABASE_URL": url, "PGOPTIONS": "-c statement_timeout=60000"}
            parts.append(
                Part(
                    "PostgreSQL", f"{plain} and not once",
                    environment=waits, ignore=NO_DATABASE,
                )
            )  # fmt: skip
        if browser is None:
            left_out["browser tests"] = fault
        else:
            chrome = {"CHROMIUM": browser}
            for name_of, folder in [("", "")] if named else BROWSER:
                paths = (folder,) if folder else ()
                part = Part(f"Chromium{name_of}", "browser and not soak", paths, chrome)
                parts.append(part)
        if aside:
            parts.append(Part("No database", plain, NO_DATABASE, waits=True))
        try:
            run_all(parts, arguments)
        finally:
            for part in parts:
                part.stop()
            if server is not None:
                postgresql.drop(server, f"test_{name}")
    return parts, left_out


def quick_parts(arguments: list[str]) -> list[Part]:
    """Run what a minute allows, in three thirds side by side, and return them."""
    selected = "not soak and not browser and not slow"
    if any(map(names_tests, arguments)):  # then just these
        parts = [Part("SQLite", selected)]
    else:
        parts = [
            Part(
                f"SQLite, third {n}", selected,
                environment={"TEST_SHARE": f"{n}/3"}, ignore=NO_DATABASE,
            )
            for n in (1, 2, 3)
        ]  # fmt: skip
        parts.append(Part("No database", selected, NO_DATABASE, waits=True))
    try:
        run_all(parts, arguments)
    finally:
        for part in parts:
            part.stop()
    return parts


def slowest(parts: list[Part]) -> str:
    """Return the table of what took longest in all parts."""
    found = [(*each, part.name) for part in parts for each in part.slowest]
    found = sorted(found, reverse=True)[:SLOWEST]
    width = max((len(name) for *_, name in found), default=0)
    lines = [f"{took:7.1f} s  {name:{width}}  {test}" for took, test, name in found]
    return "\n".join(["", "The slowest:", *lines, ""]) if lines else ""


def report(parts: list[Part], left_out: dict[str, str]) -> int:
    """Print the last lines; return the exit code."""
    required = os.environ.get("REQUIRE_ALL", "") not in {"", "0"}
    sys.stdout.write(slowest(parts) + "\n")
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
    arguments = [each for each in sys.argv[1:] if each != "--quick"]
    try:
        if "--quick" in sys.argv[1:]:
            return report(quick_parts(arguments), {})
        collect_static()
        return report(*run_parts(arguments))
    except subprocess.CalledProcessError:
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
