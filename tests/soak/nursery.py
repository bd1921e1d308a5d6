"""A process that has loaded everything and forks workers from it in milliseconds.

    worker THREADS       the delivery worker, until it is killed
    one FINGERPRINT      waits for SIGUSR1, makes one delivery, ends
    post SLUG NAMES…     waits for SIGUSR1, fills in the form for each, ends

Each line on stdin starts one child and is answered with its process id. All children die
with this process.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PR_SET_PDEATHSIG = 1


class Nursery:
    """The nursery as seen from the suite that uses it."""

    def __init__(
        self, log: Path, before: Sequence[str] = (), **environment: str
    ) -> None:
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [*before, sys.executable, "-m", "tests.soak.nursery"],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.soak.settings",
                "HEFFL_RATE_LIMIT": "100000/60",
                **environment,
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        self._alive: set[int] = set()

    def spawn(self, *command: object) -> int:
        """Start a child and return its process id."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(" ".join(map(str, command)) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer.strip().isdigit():
            raise RuntimeError(f"the nursery failed; its log: {self._log.name}")
        self._alive.add(int(answer))
        return int(answer)

    def kill(self, pid: int) -> None:
        """End a child as a power cut would."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        self._alive.discard(pid)

    def stop(self) -> None:
        """End all children and the nursery."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
        self._log.close()
        for pid in self._alive:
            wait_gone(pid, 5)

    def __enter__(self) -> Nursery:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait until a process has ended; False when it has not."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.005)
    return False


def _work(threads: int) -> None:
    from clients_app.delivery.engine import Engine
    from clients_app.management.commands.deliver import CHORES, check_key

    engine = Engine(threads, check_key, CHORES)
    engine.start()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    engine.stop()


def _one(fingerprint: str) -> None:
    from clients_app.delivery import relay

    signal.sigwait({signal.SIGUSR1})
    relay.deliver_next(fingerprint)


def _post(slug: str, *names: str) -> None:
    """Fill in the real page; say "thanks NAME" once it has answered."""
    from django.test import Client
    from django.urls import reverse

    from clients_app.models import User

    client = Client(SERVER_NAME="localhost")
    client.force_login(
        User.objects.get(email=f"desk@{slug}.test"),
        backend="allauth.account.auth_backends.AuthenticationBackend",
    )
    page = reverse("submission-create", args=[slug])
    signal.sigwait({signal.SIGUSR1})
    for name in names:
        answer = client.post(
            page,
            {
                "type": "company",
                "name": name,
                "submission_token": f"{name}-{os.getpid()}".ljust(16, "x"),
            },
        )
        if answer.status_code == 303:
            os.write(2, f"thanks {name}\n".encode())
        else:
            os.write(2, f"refused {name}: {answer.status_code}\n".encode())


JOBS = {"worker": lambda n: _work(int(n)), "one": _one, "post": _post}


def main() -> None:
    """Load everything, then fork on request until stdin ends."""
    import django

    django.setup()
    import heffl_portal.urls  # noqa: F401

    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.freeze()
    prctl = ctypes.CDLL(None).prctl
    # Blocked before the fork: a child can be told to begin before it waits for that.
    waited = {signal.SIGUSR1, signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited)
    for line in sys.stdin:
        job, *arguments = line.split()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                os.dup2(os.open(os.devnull, os.O_RDWR), 1)
                JOBS[job](*arguments)
                code = 0
            except Exception:  # noqa: BLE001 - its end is what the suite looks at
                import traceback

                traceback.print_exc()
            finally:
                os._exit(code)
        os.write(1, f"{pid}\n".encode())


if __name__ == "__main__":
    main()
