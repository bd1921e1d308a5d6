"""Runs the soak suites, each in a process of its own with an end, and prints one table.

    python -m tests.soak                          everything, about 45 minutes on 2 cores
    python -m tests.soak --only storm --database sqlite
    python -m tests.soak --short                  a few minutes, the sizes of `make test`
    python -m tests.soak --table                  the table of what was run last

Results are appended to var/soak.jsonl, so that the table can be made of pieces; each suite
leaves its log as var/soak-SUITE-DATABASE.log.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import importlib
import json
import os
import platform
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from benchmarks._stage import free_port
from scripts import postgresql
from tests.soak.report import Result, keep, kept, table

ROOT = Path(__file__).resolve().parent.parent.parent
RESULTS = ROOT / "var" / "soak.jsonl"
BOTH = ("sqlite", "postgresql")
# What production leaves to its defaults, whatever is set here.
UNSET = (
    "DEBUG",
    "HTTPS_ONLY",
    "MFA_REQUIRED_ROLES",
    "PORTAL_KEYRING_FILE",
    "SECRET_KEY_FILE",
)
# suite → databases, seconds that it may take
SUITES: dict[str, tuple[tuple[str, ...], int]] = {
    "answers": (("sqlite",), 300),
    "moments": (BOTH, 420),
    "crash": (BOTH, 420),
    "power": (("sqlite",), 180),
    "storm": (BOTH, 2700),
    "load": (BOTH, 600),
    "restore": (BOTH, 900),
    "model": (BOTH, 600),
    "hosts": (("postgresql",), 300),
}


def prepare(folder: Path, database: str) -> None:
    """Set the environment of one suite before Django loads."""
    ring = base64.b64encode(os.urandom(32)).decode()
    for name in UNSET:
        os.environ.pop(name, None)
    os.environ.update(
        DJANGO_SETTINGS_MODULE="tests.soak.settings",
        DATABASE_URL=database,
        SECRET_KEY=secrets.token_urlsafe(48),
        PORTAL_KEYRING=f"soak:{ring}",
        PORTAL_VAR_DIR=str(folder),
        ALLOWED_HOSTS="localhost,127.0.0.1",
        HEFFL_API_URL="http://127.0.0.1:9/api/v1",
        HEFFL_RATE_LIMIT="100000/60",
        EMAIL_URL="memory://",
    )


def play(suite: str, database: str, *, short: bool) -> Result:
    """Run one suite in this process, on a database made for it."""
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="portal-soak-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.callback(_show_faults, folder)
        running = None
        url = f"sqlite:///{folder}/portal.sqlite3"
        if database == "postgresql":
            programs = postgresql.binaries()
            if programs is None:
                raise OSError("PostgreSQL is not installed")
            port = free_port() if suite == "hosts" else None
            running = stack.enter_context(postgresql.server(programs, port))
            url = running.url
        prepare(folder, url)
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        from tests.soak.ground import ground

        call_command("migrate", verbosity=0)
        module = importlib.import_module(f"tests.soak.{suite}")
        host = "0.0.0.0" if suite == "hosts" else "127.0.0.1"  # noqa: S104 - machines of the test
        with ground(folder, short=short, host=host) as stage:
            stage.server = running
            result: Result = module.run(stage)
        connections.close_all()
    result.suite, result.database, result.short = suite, database, short
    result.seconds = round(time.monotonic() - began, 1)
    result.at = f"{datetime.now(UTC):%Y-%m-%d %H:%M}"
    return result


def _show_faults(folder: Path) -> None:
    """Copy what workers and web servers wrote of faults, and what is no log line at all."""
    for log in [folder / "workers.log", *folder.rglob("web.log")]:
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        odd = [
            line
            for line in lines
            if not line.startswith("{") or '"level": "error"' in line
        ]
        sys.stderr.write("\n".join(odd[-200:]) + "\n")


def child(suite: str, database: str, short: bool, answer: Path) -> int:
    """Run one suite and leave its result in a file."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        result = play(suite, database, short=short)
    except Exception as error:  # noqa: BLE001 - the table has to say so
        traceback.print_exc()
        result = Result(suite, database, short=short)
        result.faults.append(f"broke off: {type(error).__name__}: {error}"[:300])
    answer.write_text(json.dumps(asdict(result)))
    return 0


def run(suite: str, database: str, *, short: bool) -> Result:
    """Run one suite in a process of its own, and end whatever it leaves."""
    log = RESULTS.parent / f"soak-{suite}-{database}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, log.open("wb") as writing:
        answer = Path(folder) / "result.json"
        command = [sys.executable, "-m", "tests.soak", "--child", suite]
        command += ["--database", database, "--answer", str(answer)]
        process = subprocess.Popen(
            [*command, *(["--short"] if short else [])],
            cwd=ROOT,
            start_new_session=True,
            stdout=writing,
            stderr=writing,
        )
        try:
            process.wait(SUITES[suite][1])
        except subprocess.TimeoutExpired:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(40)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if answer.exists():
            return Result(**json.loads(answer.read_text()))
    result = Result(suite, database, short=short)
    result.faults.append("took too long, or was killed")
    return result


def heading() -> str:
    """Return when and where this was measured."""
    cores = len(os.sched_getaffinity(0))
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {cores} cores ({platform.machine()}), "
        f"Python {platform.python_version()}"
    )


def main() -> int:
    """Run what is asked for; return 1 when anything is not as promised."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", default="", help=", ".join(SUITES))
    parser.add_argument("--database", default="", choices=("", *BOTH))
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--table", action="store_true", help="run nothing")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--child", default="", help=argparse.SUPPRESS)
    parser.add_argument("--answer", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        return child(options.child, options.database, options.short, options.answer)
    wanted = [name for name in options.only.split(",") if name] or list(SUITES)
    unknown = sorted(set(wanted) - set(SUITES))
    if unknown:
        parser.error(f"there is no suite {unknown[0]}; there are {', '.join(SUITES)}")
    done: list[Result] = []
    for suite in [] if options.table else wanted:
        for database in SUITES[suite][0]:
            if options.database in ("", database):
                sys.stdout.write(f"{datetime.now(UTC):%H:%M:%S} {suite} {database}\n")
                sys.stdout.flush()
                result = run(suite, database, short=options.short)
                keep(result, options.results)
                done.append(result)
                if not result.good:
                    sys.stdout.write(f"  NOT AS PROMISED {result}\n")
    shown = kept(options.results) if options.table else done
    sys.stdout.write(f"\n{heading()}\n\n{table(shown, list(SUITES))}")
    return 0 if all(result.good for result in shown) else 1


if __name__ == "__main__":
    sys.exit(main())
