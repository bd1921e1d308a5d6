"""Finds a PostgreSQL for the tests: one that is running, or one made for them alone."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import sql

from scripts import packages

OLDEST = 140000  # what Django 5.2 supports
BINARIES = (
    "/usr/lib/postgresql/*/bin",
    "/opt/homebrew/opt/postgresql*/bin",
    "/usr/local/opt/postgresql*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


def usable(url: str) -> bool:
    """Say whether a server answers there that lets this user make databases.

    It must be PostgreSQL 14 or newer and speak UTF-8. Waits three seconds at most.
    """
    query = "SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user"
    try:
        with psycopg.connect(url, connect_timeout=3) as connection:
            row = connection.execute(query).fetchone()
            utf8 = connection.info.parameter_status("server_encoding") == "UTF8"
            return bool(
                row and row[0] and utf8 and connection.info.server_version >= OLDEST
            )
    except psycopg.Error:
        return False


def running() -> str | None:
    """Return the address of a usable server on this machine, or None."""
    user = quote(getpass.getuser())
    candidates = (
        "postgresql:///postgres",
        f"postgresql://{user}@127.0.0.1:5432/postgres",
        "postgresql://postgres@127.0.0.1:5432/postgres",
    )
    return next((url for url in candidates if usable(url)), None)


def binaries() -> Path | None:
    """Return the directory of the newest PostgreSQL's programs, or None."""
    found = [
        path
        for pattern in BINARIES
        for path in Path("/").glob(pattern.lstrip("/"))
        if (path / "initdb").exists()
    ]
    if found:
        return max(found, key=lambda path: [int(n) for n in _numbers(path)])
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def _numbers(path: Path) -> list[str]:
    digits = "".join(c if c.isdigit() else " " for c in path.parent.name)
    return digits.split()


def _identity() -> dict[str, Any]:
    """Return whom to run the server as: PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = names.get("postgres") or names["nobody"]
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Server:
    """A server of its own in a temporary directory; `url` leads to its first database.

    With a `port` it also listens for its neighbours on the network.
    """

    def __init__(self, programs: Path, home: Path, port: int | None = None) -> None:
        self.home = home
        place = quote(str(home), safe="") + (f":{port}" if port else "")
        self.url = f"postgresql://portal@{place}/postgres"
        self._programs = programs
        self._port = port
        identity = _identity()
        if identity:
            os.chown(home, identity["user"], identity["group"])
        self._quiet: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.DEVNULL,
            "stderr": subprocess.DEVNULL,
            "cwd": home,
            **identity,
        }
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """Make its files. Raises CalledProcessError."""
        initdb = [f"{self._programs}/initdb", "-D", str(self.home / "data")]
        initdb += ["-A", "trust", "-U", "portal", "-E", "UTF8"]
        if subprocess.run(
            [*initdb, "--locale=C.UTF-8"], check=False, **self._quiet
        ).returncode:
            subprocess.run(initdb, check=True, **self._quiet)
        if self._port:
            with (self.home / "data" / "pg_hba.conf").open("a") as rules:
                rules.write("host all portal samenet trust\n")

    def start(self) -> None:
        """Start it and wait until it answers. Raises OSError."""
        self._process = subprocess.Popen(
            [f"{self._programs}/postgres", "-D", str(self.home / "data")]
            + ["-k", str(self.home), "-p", str(self._port or 5432)]
            + ["-c", f"listen_addresses={'*' if self._port else ''}"],
            start_new_session=True,
            **self._quiet,
        )
        deadline = time.monotonic() + 30
        while not usable(self.url):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise OSError("the server made for the tests did not start")
            time.sleep(0.1)

    def stop(self, *, at_once: bool = False) -> None:
        """Stop it: connections are closed in order, or at once as in a crash."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT if at_once else signal.SIGINT)
            self._process.wait(30)


@contextlib.contextmanager
def server(programs: Path, port: int | None = None) -> Iterator[Server]:
    """Run a server of its own in a temporary directory, and remove it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="portal-pg-", dir="/tmp"))  # noqa: S108 - a short path for its socket
    running = Server(programs, home, port)
    try:
        running.make()
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(home, ignore_errors=True)


@contextlib.contextmanager
def made(programs: Path) -> Iterator[str]:
    """Run a server of its own in a temporary directory; give its address."""
    with server(programs) as running:
        yield running.url


@contextlib.contextmanager
def found_or_made() -> Iterator[tuple[str | None, str]]:
    """Give a server's address, or None and why there is none.

    In this order: TEST_DATABASE_URL, one running here, one made from installed programs,
    one made after installing them.
    """
    with contextlib.ExitStack() as stack:
        yield _choose(stack)


def _choose(stack: contextlib.ExitStack) -> tuple[str | None, str]:
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        usable_there = usable(given)
        fault = (
            "" if usable_there else "TEST_DATABASE_URL does not lead to a usable server"
        )
        return (given if usable_there else None), fault
    url = running()
    if url:
        return url, ""
    programs = binaries()
    if programs is None and packages.can_install():
        packages.install("postgresql")
        programs = binaries()
    if programs is None:
        return (
            None,
            "no PostgreSQL; install it, or name one: TEST_DATABASE_URL=postgresql://…",
        )
    try:
        return stack.enter_context(made(programs)), ""
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        return None, f"PostgreSQL is installed but did not start ({error})"


def with_database(url: str, name: str) -> str:
    """Return the address of another database on the server that a URL leads to."""
    parts = urlsplit(url)  # which, put together again, loses the // of a local socket
    options = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}/{name}{options}"


def drop(url: str, name: str) -> None:
    """Drop a database that the tests may have left, whoever is connected.

    Says nothing when that does not work.
    """
    with (
        contextlib.suppress(psycopg.Error),
        psycopg.connect(url, autocommit=True, connect_timeout=3) as connection,
    ):
        connection.execute(
            sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                sql.Identifier(name)
            )
        )
