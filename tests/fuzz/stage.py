"""A running portal, furnished, with somebody of every role signed in, and its log."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import subprocess
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import requests
from psycopg import sql

from scripts import postgresql
from tests.attack.portal import PATIENCE, ROLES, ROOT, Portal, running
from tests.fuzz.bend import Seed
from tests.fuzz.crawl import Crawler

ENTERING = ("stranger", "operator", "holder")
"""Who is signed in beside the members: an owner of elsewhere, an operator, and one whose
second factors are there to be changed."""
LOGS = ("web", "worker")
FAULTS = {"error", "critical"}


@dataclass(frozen=True)
class Complaint:
    """A line of a log that tells of a fault, and the request that it names, if any."""

    request: str
    words: str


@dataclass
class Stage:
    """What a fuzzer needs of a portal: what to ask for, as whom, and what it says of it."""

    portal: Portal
    sessions: dict[str, requests.Session] = field(default_factory=dict)
    things: dict[str, str] = field(default_factory=dict)
    routes: dict[str, list[str]] = field(default_factory=dict)
    seeds: list[Seed] = field(default_factory=list)
    jars: dict[str, dict[str, str]] = field(default_factory=dict)
    _read: dict[str, int] = field(default_factory=dict)

    def step(self, name: str, **more: str) -> None:
        """Run a step of tests.fuzz.furnish beside the portal."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.fuzz.furnish", name, str(self.portal.folder)],
            cwd=ROOT,
            env=self.portal.environment | more,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"furnish {name}: {done.stderr[-2_000:]}")
        told = json.loads((self.portal.folder / "things.json").read_text())
        self.routes = told["routes"]
        host = self.portal.url.removeprefix("http://")
        self.things = told["things"] | {"host": host, "run": secrets.token_hex(4)}

    def furnish(self) -> None:
        """Make what there is to ask for, sign everybody in, and read every page."""
        people = self.portal.people
        for role in (*ENTERING, "closed"):
            people[role] = (f"{role}@elsewhere.example", secrets.token_urlsafe(12))
        self.step("make", FUZZ_PEOPLE=json.dumps(people))
        for role in ROLES:
            self.sessions[role] = self.portal.session(role)
        for role in ENTERING:
            self.sessions[role] = self.portal.enter(*people[role])
        self.sessions[""] = requests.Session()
        self.sessions[""].get(f"{self.portal.url}/accounts/login/", timeout=PATIENCE)
        self.step("keep")
        self._fill_jars()
        crawler = Crawler(self.portal.url, self.sessions, self.things, self.routes)
        self.seeds = crawler.seeds()
        self.mend()

    def _fill_jars(self) -> None:
        self.jars = {
            role: {cookie.name: cookie.value or "" for cookie in session.cookies}
            for role, session in self.sessions.items()
        }

    def mend(self) -> None:
        """Put back what was changed, and have everybody prove anew who they are."""
        self.step("mend")
        for role in (*ROLES, *ENTERING):
            password = self.portal.people[role][1]
            self.portal.post(
                self.sessions[role], "/accounts/reauthenticate/", {"password": password}
            )
        self._fill_jars()

    def complaints(self) -> Iterator[Complaint]:
        """Give what the logs tell of faults since the last time."""
        for name in LOGS:
            path = self.portal.folder / f"{name}.log"
            with path.open("rb") as log:
                log.seek(self._read.get(name, 0))
                text = log.read()
            self._read[name] = self._read.get(name, 0) + len(text)
            for line in text.decode(errors="replace").splitlines():
                if found := complaint_of(line):
                    yield found

    def alive(self) -> bool:
        """Say whether the portal still answers."""
        try:
            answer = requests.get(f"{self.portal.url}/healthz", timeout=PATIENCE)
        except requests.RequestException:
            return False
        return answer.status_code == 200


def complaint_of(line: str) -> Complaint | None:
    """Return what a line of a log complains of, None when it tells of no fault."""
    if not line.strip():
        return None
    try:
        entry: Any = json.loads(line)
    except ValueError:
        entry = None
    if not isinstance(entry, dict):
        found = re.search(r"Traceback|Error\b|Exception\b", line)
        return Complaint("", line[:300]) if found else None
    if entry.get("level") not in FAULTS and "exception" not in entry:
        return None
    frames = " < ".join(list(entry.get("frames", ()))[::-1][:6])
    words = (
        f"{entry.get('logger')}: {entry.get('message')} {entry.get('exception', '')}"
    )
    return Complaint(str(entry.get("request_id", "")), f"{words} {frames}".strip())


@contextlib.contextmanager
def standing(folder: Path, *, on_postgresql: bool = False) -> Iterator[Stage]:
    """Start and furnish a portal in an empty folder; stop it afterwards."""
    with contextlib.ExitStack() as stack:
        if on_postgresql:
            url = stack.enter_context(_database())
            stack.callback(os.environ.pop, "ATTACKED_DATABASE_URL", None)
            os.environ["ATTACKED_DATABASE_URL"] = url
        stage = Stage(stack.enter_context(running(folder)))
        stage.furnish()
        yield stage


@contextlib.contextmanager
def _database() -> Iterator[str]:
    """Make an empty database on PostgreSQL, and drop it afterwards."""
    with postgresql.found_or_made() as (server, why_not):
        if server is None:
            raise RuntimeError(why_not)
        name = f"fuzz_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
            )
        try:
            yield postgresql.with_database(server, name)
        finally:
            postgresql.drop(server, name)
