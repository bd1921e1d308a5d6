"""The database is taken away, the audit trail tampered with, and the ground pulled away."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import requests

from scripts import postgresql
from tests import outages
from tests.attack.portal import PATIENCE, Finding, Portal

EVENT = (
    "INSERT {how} INTO clients_app_auditevent"
    " (id, at, actor_label, action, object_type, object_id, detail)"
    " VALUES ({id}, '2026-01-01 00:00:00+00:00', '', 'key.removed', '', '', '{{}}')"
)
OFF = "DROP TRIGGER clients_app_auditevent_{name}"
NO_DELETE = "clients_app_auditevent_no_delete"
# What is done to the trail, and what `audit verify` must say of it.
TAMPERING = {
    "an event with id 0": ((OFF.format(name="in_order"), EVENT.format(how="", id=0)), "event 0"),
    "an event with id -7": ((OFF.format(name="in_order"), EVENT.format(how="", id=-7)), "event -7"),
    "a sealed event replaced": (
        (OFF.format(name="no_replace"), OFF.format(name="in_order"),
         EVENT.format(how="OR REPLACE", id=1)),
        "event 1 was altered",
    ),
    "a trigger dropped": ((OFF.format(name="no_update"),), "no_update is missing"),
    "a trigger emptied": (
        (f"DROP TRIGGER {NO_DELETE}",
         f"CREATE TRIGGER {NO_DELETE} BEFORE DELETE ON clients_app_auditevent"
         " FOR EACH ROW BEGIN SELECT 1; END"),
        "no_delete was altered",
    ),
    "a trigger that swallows events": (
        ("CREATE TRIGGER quiet BEFORE INSERT ON clients_app_auditevent"
         " BEGIN SELECT RAISE(IGNORE); END",),
        "quiet is not the portal's",
    ),
}  # fmt: skip
REFUSED = (
    EVENT.format(how="", id=0),
    EVENT.format(how="", id=-7),
    EVENT.format(how="OR REPLACE", id=1),
    EVENT.format(how="", id=10**9),
)


def attacks(portal: Portal) -> Iterator[Finding]:
    """Take PostgreSQL away, tamper with the trail, and look at what /readyz says."""
    programs = postgresql.binaries()
    if programs is not None:
        yield _postgresql_away(portal, programs)
    yield _refused(portal)
    yield _named(portal)
    yield _wrong_ring(portal)
    yield _hosts(portal)
    yield _clock(portal)


def _postgresql_away(portal: Portal, programs: Path) -> Finding:
    names = ("SECRET_KEY", "PORTAL_KEYRING", "PORTAL_VAR_DIR", "ALLOWED_HOSTS")
    given = {name: portal.environment[name] for name in names}
    with postgresql.server(programs) as server:
        outages.migrated(server.url, **given)
        served = outages.Portal(server.url, **given)
        try:
            served.answers()
            server.stop(at_once=True)
            away = served.answers()
            server.start()
            served.answers()
            back = served.answers()
        finally:
            served.stop()
    wanting = [name for name in away if outages.needs_database(name)]
    right = sum(away[name]["status"] == 503 for name in wanting)
    broken = sum(answer["status"] == 500 for answer in away.values())
    well = not {500, 503} & {answer["status"] for answer in back.values()}
    return Finding(
        attack="PostgreSQL stopped: pages asked by a stranger and a signed-in owner",
        before="5 of 18 are 503, 13 are 500",
        after=f"{right} of {len(wanting)} are 503, {broken} are 500, "
        + ("all are back with it" if well else "not all come back"),
        held=right == len(wanting) and not broken and well,
    )


@contextlib.contextmanager
def _copy(portal: Portal) -> Iterator[Path]:
    """Give a copy of the portal's database, every event sealed."""
    portal.manage("audit", "seal")
    folder = Path(tempfile.mkdtemp(dir=portal.folder))
    with (
        contextlib.closing(sqlite3.connect(portal.folder / "portal.sqlite3")) as here,
        contextlib.closing(sqlite3.connect(folder / "copy.sqlite3")) as there,
    ):
        here.backup(there)
    yield folder / "copy.sqlite3"
    shutil.rmtree(folder)


def _refused(portal: Portal) -> Finding:
    held = 0
    with _copy(portal) as copy, contextlib.closing(sqlite3.connect(copy)) as database:
        for statement in REFUSED:
            try:
                with database:
                    database.execute(statement)
            except sqlite3.DatabaseError:
                held += 1
    return Finding(
        attack="audit events inserted out of order, or in place of others",
        before=f"0 of {len(REFUSED)} refused",
        after=f"{held} of {len(REFUSED)} refused",
        held=held == len(REFUSED),
    )


def _named(portal: Portal) -> Finding:
    named = 0
    for statements, words in TAMPERING.values():
        with _copy(portal) as copy:
            with contextlib.closing(sqlite3.connect(copy)) as database, database:
                for statement in statements:
                    database.execute(statement)
            done = portal.manage("audit", "verify", DATABASE_URL=f"sqlite:///{copy}")
            named += done.returncode == 1 and words in done.stderr
    return Finding(
        attack="the audit trail or its triggers tampered with past the guards",
        before=f"2 of {len(TAMPERING)} named by `audit verify`",
        after=f"{named} of {len(TAMPERING)} named by `audit verify`",
        held=named == len(TAMPERING),
    )


def _wrong_ring(portal: Portal) -> Finding:
    wrong = "attack:" + base64.b64encode(os.urandom(32)).decode()
    done = portal.manage("check", "--database", "default", PORTAL_KEYRING=wrong)
    said = "does not open what it sealed" in done.stderr
    return Finding(
        attack="a key ring of the right name with other bytes",
        before="nothing is said",
        after="said at the start and by /readyz" if said else "nothing is said",
        held=said,
    )


def _hosts(portal: Portal) -> Finding:
    answers = [
        requests.get(
            portal.url + path, headers={"Host": "elsewhere.example"}, timeout=PATIENCE
        ).status_code
        for path in ("/healthz", "/readyz", "/metrics")
    ]
    return Finding(
        attack="/healthz, /readyz and /metrics under a foreign Host",
        before="400, 400, 400",
        after=", ".join(map(str, answers)),
        held=answers == [200, 200, 200],
    )


def _clock(portal: Portal) -> Finding:
    """Have the last event written two hours from now; the portal is of no use after it."""
    at = f"{datetime.now(UTC) + timedelta(hours=2):%Y-%m-%d %H:%M:%S}"
    path = portal.folder / "portal.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as database, database:
        database.execute(
            "INSERT INTO clients_app_auditevent"
            " (at, actor_label, action, object_type, object_id, detail)"
            " VALUES (?, '', 'test', '', '', '{}')",
            [at],
        )
    answer = requests.get(f"{portal.url}/readyz", timeout=PATIENCE)
    said = str(answer.json()["clock"])
    return Finding(
        attack="a clock put back by two hours",
        before="200, ready",
        after=f"{answer.status_code}, clock: {said}",
        held=answer.status_code == 503 and "behind" in said,
    )
