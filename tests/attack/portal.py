"""A whole portal to attack: web server, worker and stand-in over a database of their own.

Everything runs with production's defaults, the second factor of owners and admins too; only
the host is this machine, so that no certificate is needed.
"""

from __future__ import annotations

import base64
import contextlib
import hmac
import os
import re
import secrets
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import requests

from benchmarks._stage import free_port, wait_for_port
from scripts.run import WEB_SERVER

ROOT = Path(__file__).resolve().parent.parent.parent
ROLES = ("owner", "admin", "reviewer", "frontdesk")
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE = 60.0
"""Seconds that an answer may take before an attack counts as won."""


@dataclass(frozen=True)
class Finding:
    """What one attack came to. `before` is the figure of the version before the guard."""

    attack: str
    before: str
    after: str
    held: bool


@dataclass
class Portal:
    """A running portal. `people` are pairs of address and password, by role."""

    url: str
    slug: str
    folder: Path
    web: int
    environment: dict[str, str]
    people: dict[str, tuple[str, str]] = field(default_factory=dict)
    _sessions: dict[str, requests.Session] = field(default_factory=dict)

    def manage(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a management command as an operator would; `more` are variables."""
        return subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
        )

    def processor(self) -> float:
        """Return the seconds of processor that the web processes have used so far."""
        return sum(_used(pid) for pid in family(self.web))

    def memory(self) -> int:
        """Return the bytes that the web processes hold in memory, shared ones once each."""
        return sum(_resident(pid) for pid in family(self.web))

    def session(self, role: str) -> requests.Session:
        """Return a session signed in by hand, with a second factor where it is needed.

        The same one for every call, so that no code has to be typed twice.
        """
        if role not in self._sessions:
            self._sessions[role] = self._signed_in(role)
        return self._sessions[role]

    def post(
        self, session: requests.Session, path: str, data: dict[str, str]
    ) -> requests.Response:
        """Send a form as its page would, with the page's own CSRF token."""
        token = csrf_token(session.get(self.url + path, timeout=PATIENCE).text)
        return session.post(
            self.url + path,
            data | {"csrfmiddlewaretoken": token},
            headers={"Referer": self.url + path},
            timeout=PATIENCE,
        )

    def _signed_in(self, role: str) -> requests.Session:
        session = self.enter(*self.people[role])
        home = session.get(f"{self.url}/", timeout=PATIENCE)
        if f"/o/{self.slug}/" not in home.url:
            raise RuntimeError(f"{role} could not sign in: led to {home.url}")
        return session

    def enter(self, email: str, password: str) -> requests.Session:
        """Return a new session of whoever has this password, as far as it leads."""
        session = requests.Session()
        answer = self.post(
            session, "/accounts/login/", {"login": email, "password": password}
        )
        if "/reauthenticate/" in answer.url:
            where = answer.url.removeprefix(self.url)
            answer = self.post(session, where, {"password": password})
        if "/2fa/totp/activate/" in answer.url:
            self._enrol(session, answer)
        return session

    def _enrol(self, session: requests.Session, page: requests.Response) -> None:
        """Set up an authenticator app with the seed that the page shows."""
        seed = re.search(r"\b[A-Z2-7]{32}\b", page.text)
        if seed is None:
            raise RuntimeError("the page that sets up a second factor shows no seed")
        session.post(
            page.url,
            {
                "code": totp_code(seed[0]),
                "csrfmiddlewaretoken": csrf_token(page.text),
            },
            headers={"Referer": page.url},
            timeout=PATIENCE,
        )


def csrf_token(page: str) -> str:
    """Return the token that a page carries; "" where it has none."""
    found = re.search(r'name="csrfmiddlewaretoken"[^>]*value="([^"]+)"', page)
    return found[1] if found else ""


def totp_code(seed: str) -> str:
    """Return the code that an authenticator app shows for a seed now (RFC 6238)."""
    moment = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(seed), moment, "sha1")
    (number,) = struct.unpack_from(">I", digest, digest[-1] & 15)
    return f"{(number & 0x7FFFFFFF) % 1_000_000:06}"


def family(pid: int) -> list[int]:
    """Return a process and everything it has started."""
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            for task in Path(f"/proc/{one}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def _used(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


def _resident(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024


def environment_of(folder: Path, port: int, api_url: str) -> dict[str, str]:
    """Return what production would set, with secrets made for the moment."""
    given = {
        name: value
        for name, value in os.environ.items()
        if name not in {"DEBUG", "MFA_REQUIRED_ROLES", "HTTPS_ONLY", "PORTAL_URL"}
        and not name.endswith("_FILE")
    }
    return given | {
        "DJANGO_SETTINGS_MODULE": "heffl_portal.settings",
        "DATABASE_URL": os.environ.get("ATTACKED_DATABASE_URL")
        or f"sqlite:///{folder}/portal.sqlite3",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "PORTAL_KEYRING": "attack:" + base64.b64encode(os.urandom(32)).decode(),
        "PORTAL_VAR_DIR": str(folder),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "HEFFL_API_URL": api_url,
        "EMAIL_URL": f"file://{folder}/mail",
        "TMPDIR": str(folder / "tmp"),
        "PORT": str(port),
    }


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Portal]:
    """Start a portal in an empty folder, with people of each role; stop it afterwards."""
    (folder / "tmp").mkdir()
    port, remote = free_port(), free_port()
    key = f"heffl_user_test_{secrets.token_hex(16)}"
    api_url = f"http://127.0.0.1:{remote}/api/v1"
    portal = Portal(
        f"http://127.0.0.1:{port}",
        "attacked",
        folder,
        web=0,
        environment=environment_of(folder, port, api_url),
    )
    with contextlib.ExitStack() as stack:
        stand_in = ("-m", "heffl_sandbox", "--port", str(remote), "--key", key)
        stack.enter_context(_process(portal, "sandbox", *stand_in))
        wait_for_port(remote, PATIENCE)
        _furnish(portal, key)
        stack.enter_context(_process(portal, "worker", "manage.py", "deliver"))
        portal.web = stack.enter_context(_process(portal, "web", *WEB_SERVER)).pid
        wait_for_port(port, PATIENCE)
        yield portal


def _furnish(portal: Portal, key: str) -> None:
    """Make tables, an organisation with an open signup page, and its people."""
    portal.people = {
        role: (f"{role}@attacked.example", secrets.token_urlsafe(12)) for role in ROLES
    }
    owner, password = portal.people["owner"]
    steps: list[tuple[tuple[str, ...], dict[str, str]]] = [
        (("migrate", "--verbosity", "0"), {}),
        (("createcachetable", "--verbosity", "0"), {}),
        (("collectstatic", "--no-input", "--verbosity", "0"), {}),
        (
            ("create_organisation", "Attacked Trading", "--slug", portal.slug)
            + ("--owner", owner, "--signup", "suspicious"),
            {"PORTAL_OWNER_PASSWORD": password, "HEFFL_API_KEY": key},
        ),
    ]
    for role in ROLES[1:]:
        email, password = portal.people[role]
        member = ("add_member", portal.slug, email, "--role", role)
        steps.append((member, {"PORTAL_MEMBER_PASSWORD": password}))
    for command, more in steps:
        done = portal.manage(*command, **more)
        if done.returncode:
            raise RuntimeError(f"{command[0]}: {done.stderr}")


@contextlib.contextmanager
def _process(
    portal: Portal, name: str, *command: str
) -> Iterator[subprocess.Popen[bytes]]:
    with (portal.folder / f"{name}.log").open("ab") as log:
        started = subprocess.Popen(  # noqa: S603 - our own commands
            [sys.executable, *command],
            cwd=ROOT,
            env=portal.environment,
            stdout=log,
            stderr=log,
        )
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(45)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()
