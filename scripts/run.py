"""`make run`: the web server, the delivery worker and the stand-in for Heffl, together.

Everything it makes lies in var/: secrets (made once, readable by this user only), the
database, the stand-in's data and the logs. Loads no Django itself.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import http.client
import json
import os
import secrets
import signal
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.supervisor import (
    Child,
    Interrupted,
    StartFailed,
    Supervisor,
    die_with_parent,
    say,
)

BASE_DIR = Path(__file__).resolve().parent.parent
SANDBOX_PORT = 8100
WEB_SERVER = ("-m", "heffl_portal.web_server")
"""What Python runs to serve the pages."""
PEOPLE = {
    "owner@demo.test": "owner",
    "frontdesk@demo.test": "front desk",
    "reviewer@demo.test": "reviewer",
}


@dataclass(frozen=True)
class Place:
    """Where this run keeps its data, and the address it serves."""

    var: Path
    port: int

    @property
    def logs(self) -> Path:
        return self.var / "log"


def read_port(text: str) -> int:
    """Return the port in PORT. Raises StartFailed when it is none."""
    if text.isascii() and text.isdigit() and 1 <= int(text) <= 65535:
        return int(text)
    raise StartFailed("PORT must be a number from 1 to 65535.")


def port_fault(port: int) -> str | None:
    """Say why nothing can listen on a loopback port, or None when it is free."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            return "is in use by another program"
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return "is not open to this user"
        except OSError:
            return "is in use by another program"
    return None


def check_port(port: int) -> None:
    """Raise StartFailed when the portal's port cannot be had."""
    if fault := port_fault(port):
        raise StartFailed(
            f"port {port} {fault}; stop that program or choose another port, "
            f"for example: PORT={port + 1 if 1023 < port < 65535 else 8001} make run"
        )


def make_place(var: Path, port: int) -> Place:
    """Make the data directory. Raises StartFailed when it cannot be written."""
    place = Place(var, port)
    os.umask(0o077)  # personal data: for this user only
    try:
        place.logs.mkdir(parents=True, exist_ok=True)
        for directory in (var, place.logs):
            trial = directory / f".trial-{os.getpid()}"
            trial.touch()
            trial.unlink()
    except OSError as error:
        raise StartFailed(
            f"the directory {error.filename or var} cannot be written "
            f"({error.strerror}). Make it writable for this user, or name another with "
            "PORTAL_VAR_DIR=/path make run."
        ) from None
    return place


@contextlib.contextmanager
def only_run(place: Place) -> Iterator[None]:
    """Hold the data directory for this run. Raises StartFailed when another has it."""
    with (place.var / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartFailed(
                f"another `make run` is using {place.var}. Stop it first, or give this "
                "one a directory of its own with PORTAL_VAR_DIR=/path make run."
            ) from None
        yield


def keep_secret(path: Path, make: Callable[[], str]) -> bool:
    """Write a secret to a file of mode 0600, once. Return whether it was made now.

    A file that others may read is closed to them. Raises StartFailed when the file is
    there but cannot be read.
    """
    try:
        if path.exists():
            if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                path.chmod(0o600)
                say(f"{path} was open to other users; it no longer is.")
            path.read_bytes()
            return False
        fresh = path.with_name(f".{path.name}-{os.getpid()}")
        number = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(number, "w") as target:
            target.write(make() + "\n")
            target.flush()
            os.fsync(target.fileno())
        fresh.replace(path)
    except OSError as error:
        raise StartFailed(
            f"the secret in {path} cannot be read or made ({error.strerror}). "
            "It must belong to the user who runs `make run`."
        ) from None
    return True


def make_secrets(place: Place) -> None:
    """Make Django's key and the key ring, unless the environment brings them.

    Raises StartFailed rather than make a new key ring for a database that has lost its own.
    """
    given = os.environ
    if not {"SECRET_KEY", "SECRET_KEY_FILE"} & given.keys():
        keep_secret(place.var / "secret_key", lambda: secrets.token_urlsafe(64))
    if {"PORTAL_KEYRING", "PORTAL_KEYRING_FILE"} & given.keys():
        return
    keyring = place.var / "keyring"
    database = place.var / "portal.sqlite3"
    if not keyring.exists() and database.exists():
        raise StartFailed(
            f"{keyring} is missing, but {database} holds API keys that only it opens. "
            f"Put the file back, or move {place.var} away to begin anew."
        )
    keep_secret(
        keyring, lambda: "main:" + base64.b64encode(secrets.token_bytes(32)).decode()
    )


def easy_password() -> str:
    """Return a password of some 50 bits that can be read out and typed."""
    consonants, vowels = "bdfghjklmnprstvz", "aeiou"
    pairs = [secrets.choice(consonants) + secrets.choice(vowels) for _ in range(8)]
    return "-".join("".join(pairs[place : place + 2]) for place in range(0, 8, 2))


def make_demo(place: Place) -> bool:
    """Make the demo's sign-ins and the stand-in's key. Return whether any is new."""
    signins = keep_secret(
        place.var / "demo_signins",
        lambda: json.dumps({email: easy_password() for email in PEOPLE}, indent=1),
    )
    key = keep_secret(
        place.var / "sandbox_key", lambda: "heffl_user_demo_" + secrets.token_hex(16)
    )
    return signins or key


def sandbox_port(place: Place) -> int:
    """Return the stand-in's port: that of the last run if it is free, else any other."""
    kept = place.var / "sandbox_port"
    wanted = SANDBOX_PORT
    with contextlib.suppress(OSError, ValueError):
        wanted = int(kept.read_text())
    if not 1024 <= wanted <= 65535 or wanted == place.port or port_fault(wanted):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            wanted = int(probe.getsockname()[1])
    kept.write_text(f"{wanted}\n")
    return wanted


def listening(port: int) -> bool:
    """Say whether something answers on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def readiness(place: Place) -> tuple[bool, str]:
    """Ask /readyz. Return whether the portal is ready, and what is amiss if not."""
    hosts = os.environ.get("ALLOWED_HOSTS", "").split(",")
    host = next((h.strip() for h in hosts if h.strip().strip("*.")), "localhost")
    connection = http.client.HTTPConnection("127.0.0.1", place.port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": host.lstrip(".")})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 200:
            return True, ""
        parts = json.loads(body)
        amiss = [f"{k}: {v}" for k, v in parts.items() if isinstance(v, str)]
        return False, "; ".join(text for text in amiss if not text.endswith(": ok"))
    except (OSError, ValueError, http.client.HTTPException):
        return False, ""
    finally:
        connection.close()


class Run:
    """One run of everything, from the checks to the end of the last process."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self.api_url = os.environ.get("HEFFL_API_URL", "").strip()
        self.sandbox_port = 0
        self.environment = {
            **os.environ,
            "PORT": str(place.port),
            "PORTAL_VAR_DIR": str(place.var),
            "MFA_REQUIRED_ROLES": os.environ.get("MFA_REQUIRED_ROLES", ""),
            "PYTHONUNBUFFERED": "1",
        }
        self.supervisor = Supervisor(self.environment)

    @property
    def demo(self) -> bool:
        """Say whether this run brings its own stand-in and demo organisation."""
        return not self.api_url

    def _child(self, name: str, *arguments: str, stops_last: bool = False) -> Child:
        return Child(
            name=name,
            command=[sys.executable, *arguments],
            log=self.place.logs / f"{name}.log",
            stops_last=stops_last,
        )

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises StartFailed, Interrupted."""
        make_secrets(self.place)
        prepare = ["-m", "scripts.prepare"]
        if self.demo:
            fresh = make_demo(self.place)
            self._start_sandbox()
            prepare += ["--demo", "--renew"] if fresh else ["--demo"]
        self.supervisor.run_to_end(self._child("prepare", *prepare))
        self.supervisor.start(self._child("worker", "manage.py", "deliver"))
        self.supervisor.start(self._child("web", *WEB_SERVER))
        self._wait_until_ready()

    def _start_sandbox(self) -> None:
        self.sandbox_port = sandbox_port(self.place)
        key = (self.place.var / "sandbox_key").read_text().strip()
        address = f"http://127.0.0.1:{self.sandbox_port}/api/v1"
        self.environment["HEFFL_API_URL"] = address
        arguments = ["-m", "heffl_sandbox", "--port", str(self.sandbox_port)]
        arguments += ["--data", str(self.place.var / "sandbox.sqlite3"), "--key", key]
        if rate := os.environ.get("HEFFL_RATE_LIMIT"):
            arguments += ["--rate", rate]
        self.supervisor.start(self._child("sandbox", *arguments, stops_last=True))
        self.supervisor.wait_for(
            lambda: listening(self.sandbox_port),
            patience=15,
            complaint="the local stand-in for Heffl did not start within 15 seconds.",
        )

    def _wait_until_ready(self) -> None:
        amiss = ""

        def ready() -> bool:
            nonlocal amiss
            done, amiss = readiness(self.place)
            return done

        try:
            self.supervisor.wait_for(ready, patience=30, complaint="")
        except StartFailed as failure:
            if str(failure):
                raise
            what = f" It says: {amiss}." if amiss else ""
            raise StartFailed(
                f"the portal was not ready within 30 seconds.{what} "
                f"Its logs are in {self.place.logs}."
            ) from None

    def banner(self) -> str:
        """Return what a person needs to know to begin."""
        lines = ["", "Heffl Portal is running.", ""]
        lines += [f"  Address       http://localhost:{self.place.port}/"]
        if self.demo:
            signins = json.loads((self.place.var / "demo_signins").read_text())
            for place, (email, password) in enumerate(signins.items()):
                label = "Sign in as" if place == 0 else ""
                role = PEOPLE.get(email, "")
                lines += [f"  {label:<13} {email:<21} {password:<21} {role}".rstrip()]
            lines += [
                f"  Signup page   http://localhost:{self.place.port}/s/demo/",
                f"  Heffl         http://127.0.0.1:{self.sandbox_port}/ "
                "(a local stand-in; nothing leaves this machine)",
            ]
        else:
            lines += [f"  Heffl         {self.api_url}"]
        lines += [
            f"  Data          {self.place.var}",
            f"  Logs          {self.place.logs}",
        ]
        if not self.demo:
            lines += [
                "",
                "HEFFL_API_URL is given, so there is no demo organisation. To make one:",
                "  PORTAL_OWNER_PASSWORD=… HEFFL_API_KEY=… .venv/bin/python manage.py "
                "create_organisation NAME --slug SLUG --owner EMAIL",
            ]
        return "\n".join([*lines, "", "Ctrl-C stops it.", ""])


def run() -> None:
    """Start, print the banner, supervise, stop. Raises StartFailed."""
    if os.environ.get("MAKELEVEL"):
        die_with_parent(os.getppid())
    port = read_port(os.environ.get("PORT", "").strip() or "8000")
    check_port(port)
    var = Path(os.environ.get("PORTAL_VAR_DIR") or BASE_DIR / "var").absolute()
    place = make_place(var, port)
    os.chdir(BASE_DIR)
    with only_run(place):
        one = Run(place)
        one.supervisor.listen()
        try:
            one.start()
            say(one.banner())
            one.supervisor.supervise()
            say("Stopping. Ctrl-C again does not wait for calls under way.")
        finally:
            one.supervisor.stop()
    say("Stopped.")


def main() -> int:
    """Run; on a known fault print one paragraph. Return the exit code."""
    try:
        run()
    except Interrupted:
        say("Stopped before everything was running.")
        return 128 + signal.SIGINT
    except StartFailed as failure:
        text = str(failure)
        if not text.startswith("Heffl Portal cannot"):
            text = f"Heffl Portal cannot start: {text}"
        with contextlib.suppress(OSError):
            sys.stderr.write(text + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
