"""Keeps a few processes running: starts them, starts them again, stops them all.

No child outlives this process: each leads a process group of its own, which is ended with
it, and on Linux the kernel ends the child when this process is killed.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

BACKOFF = (0.1, 0.5, 1.0, 2.0, 4.0)  # seconds before the 1st, 2nd … start in a row
SETTLED = 30.0  # seconds after which a process counts as healthy again
STOP_TIME = 35.0  # one call to Heffl may take 30 seconds
LOG_SIZE = 10_000_000
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


class StartFailed(Exception):
    """A process ended before it was ready; the text is what it said last."""


class Interrupted(Exception):
    """Somebody asked to stop before everything was running."""


def die_with_parent(parent: int) -> None:
    """Have the kernel send this process SIGTERM when its parent ends (Linux only)."""
    if _libc is None:
        return
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)


def say(text: str) -> None:
    """Print a line for the person at the terminal, if one is still there."""
    with contextlib.suppress(OSError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


@dataclass
class Child:
    """One process to keep running, and its log file."""

    name: str
    command: list[str]
    log: Path
    stops_last: bool = False
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    due: float | None = None
    log_read: int = 0
    _rest: bytes = field(default=b"", repr=False)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process, in a group of its own, with its output added to the log."""
        if self.log.exists() and self.log.stat().st_size > LOG_SIZE:
            self.log.replace(self.log.with_suffix(".log.1"))
            self.log_read = 0
        parent = os.getpid()
        with self.log.open("ab") as output:
            if self.process is None:
                self.log_read = output.tell()
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment),
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(parent),
            )
        self.started = time.monotonic()
        self.due = None

    @property
    def running(self) -> bool:
        """Say whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def send(self, number: int) -> None:
        """Send the process a signal by its number, if it lives."""
        if self.process is not None and self.running:
            self.process.send_signal(number)

    def end_group(self) -> None:
        """Kill whatever is left of the process's group, and wait for the process itself."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def ending(self) -> str:
        """Say how the process ended: its exit code or the signal that killed it."""
        code = self.process.returncode if self.process else 0
        if code >= 0:
            return f"exit code {code}"
        try:
            return signal.Signals(-code).name
        except ValueError:
            return f"signal {-code}"

    def new_lines(self) -> list[str]:
        """Return the whole lines added to the log since the last call, a megabyte at most."""
        try:
            with self.log.open("rb") as source:
                source.seek(self.log_read)
                added = source.read(1_000_000)
        except OSError:
            return []
        self.log_read += len(added)
        *lines, self._rest = (self._rest + added).split(b"\n")
        return [line.decode(errors="replace") for line in lines]

    def last_words(self) -> str:
        """Return why the process ended, as far as its last lines tell."""
        lines = [line for line in self.new_lines() if line.strip()]
        for line in reversed(lines):
            if line.startswith("Heffl Portal cannot"):
                return line
        said = "\n".join(lines[-5:]) or "It said nothing."
        return f"The {self.name} process ended at its start. {said}"


def _worth_showing(line: str) -> str | None:
    """Return the text of a JSON log line that is a warning or an error."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    if not isinstance(entry, dict):
        return None
    if entry.get("level") not in {"warning", "error", "critical"}:
        return None
    what = entry.get("reason") or entry.get("exception") or ""
    return f"{entry.get('message', '')} {what}".strip()


class Supervisor:
    """Runs children and answers the signals that mean: stop."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = environment
        self.children: list[Child] = []
        self.stop_asked = 0
        self._wake, self._waker = os.pipe()
        for end in (self._wake, self._waker):
            os.set_blocking(end, False)

    def listen(self) -> None:
        """Take over the signals that mean: a child ended, or please stop."""
        signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask_to_stop)
        if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # not under nohup
            signal.signal(signal.SIGHUP, self._ask_to_stop)

    def _ask_to_stop(self, *_: object) -> None:
        self.stop_asked += 1

    def _wait(self, seconds: float) -> None:
        """Sleep until a signal arrives or the time is over."""
        select.select([self._wake], [], [], max(0.0, seconds))
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake, 1024)

    def start(self, child: Child) -> None:
        """Start a child and keep it running from now on."""
        self.children.append(child)
        child.start(self.environment)

    def run_to_end(self, child: Child) -> None:
        """Run a child that has an end. Raises StartFailed when it ends badly."""
        child.start(self.environment)
        try:
            while child.running:
                self._check_for_stop()
                self._wait(0.5)
        finally:
            child.end_group()
        if child.process is not None and child.process.returncode != 0:
            raise StartFailed(child.last_words())

    def _check_for_stop(self) -> None:
        if self.stop_asked:
            raise Interrupted

    def wait_for(
        self, question: Callable[[], bool], *, patience: float, complaint: str
    ) -> None:
        """Wait until the question is answered with yes.

        Raises StartFailed when a child ends first or the patience (seconds) runs out,
        Interrupted when somebody asks to stop.
        """
        deadline = time.monotonic() + patience
        while not question():
            self._check_for_stop()
            for child in self.children:
                if not child.running:
                    raise StartFailed(child.last_words())
            if time.monotonic() > deadline:
                raise StartFailed(complaint)
            self._wait(0.03)

    def supervise(self) -> None:
        """Keep every child running until somebody asks to stop."""
        while not self.stop_asked:
            now = time.monotonic()
            for child in self.children:
                self._tend(child, now)
                self._show(child)
            dues = [child.due for child in self.children if child.due is not None]
            self._wait(min([1.0, *(due - now for due in dues)]))

    def _tend(self, child: Child, now: float) -> None:
        if child.due is not None:
            if child.due <= now:
                child.start(self.environment)
            return
        if child.running:
            return
        child.end_group()  # what it left behind may hold its port
        if now - child.started > SETTLED:
            child.failures = 0
        delay = BACKOFF[min(child.failures, len(BACKOFF) - 1)]
        child.failures += 1
        child.due = now + delay
        say(
            f"The {child.name} process ended ({child.ending()}); "
            f"it is started again. Its log: {child.log}"
        )

    def _show(self, child: Child) -> None:
        texts = [text for line in child.new_lines() if (text := _worth_showing(line))]
        for text in texts[:5]:
            say(f"{child.name}: {text}")
        if len(texts) > 5:
            say(f"{child.name}: … and {len(texts) - 5} more lines in {child.log}")

    def stop(self) -> None:
        """End every child; who stops last waits for the others. Asked again: kill."""
        asked = self.stop_asked
        for last in (False, True):
            group = [child for child in self.children if child.stops_last == last]
            for child in group:
                child.send(signal.SIGTERM)
            deadline = time.monotonic() + STOP_TIME
            while any(child.running for child in group):
                if self.stop_asked > asked or time.monotonic() > deadline:
                    break
                self._wait(0.1)
            for child in group:
                child.end_group()
