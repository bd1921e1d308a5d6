"""Power cuts: what would be on the disk if everything not yet synced were lost.

strace writes down every write and sync of SQLite's log, in order with what leaves the
process. At each POST and at each answered page the log is cut to what had been synced by
then, and the database as it would come up is read: the attempt, or the submission, is there.
On PostgreSQL its own log does this; the worker refuses a server that does not sync.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from django.db import connection

from clients_app.models import ApiCredential, Role
from heffl_portal.sqlite_driver import install
from tests.factories import MembershipFactory
from tests.soak.crash import Traced, available
from tests.soak.ground import PATIENT, Ground
from tests.soak.report import Result

WRITE = re.compile(r"pwrite64\(\d+<([^>]*)>, .*, (\d+), (\d+)(?:\)|$| <)")
SYNC = re.compile(r"f(?:data)?sync\(\d+<([^>]*)>")
POSTED = re.compile(r"sendto\(.*POST /api/")
THANKED = re.compile(r'write\(2<[^>]*>, "thanks ([^"\\]*)')


@dataclass
class Moment:
    """What had left the process when only so many bytes of the log were safe."""

    what: str
    safe: int


def moments_of(trace: Path, wal: str) -> list[Moment]:
    """Read a trace; return the moments at which something was promised."""
    found: list[Moment] = []
    written = safe = 0
    for line in trace.read_text(errors="replace").splitlines():
        if match := WRITE.search(line):
            if match[1] == wal:
                written = max(written, int(match[2]) + int(match[3]))
        elif match := SYNC.search(line):
            if match[1] == wal:
                safe = written
        elif POSTED.search(line):
            found.append(Moment("post", safe))
        elif match := THANKED.search(line):
            found.append(Moment(match[1].strip(), safe))
    return found


def _checkpoint() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        cursor.execute("PRAGMA wal_autocheckpoint=0")


def _rows_after(base: Path, log: Path, safe: int, query: str, folder: Path) -> int:
    """Count rows in the database as it would come up with that much of the log."""
    install()
    import sqlite3

    copy = folder / "cut.sqlite3"
    for rest in ("", "-wal", "-shm"):
        Path(f"{copy}{rest}").unlink(missing_ok=True)
    shutil.copy(base, copy)
    Path(f"{copy}-wal").write_bytes(log.read_bytes()[:safe])
    with contextlib.closing(sqlite3.connect(copy)) as found:
        return int(found.execute(query).fetchone()[0])


def _cut(ground: Ground, count: int, *, synchronous: str = "") -> tuple[int, int, int]:
    """Deliver and enter so many. Return moments, and how many kept what was promised:
    attempts at a POST, submissions at a page."""
    where = ground.organisation("power")
    (key,) = ApiCredential.objects.values_list("fingerprint", flat=True)
    MembershipFactory(
        organisation=where, role=Role.FRONTDESK, user__email="desk@power.test"
    )
    path = Path(connection.settings_dict["NAME"])
    wal = Path(f"{path}-wal")
    trace = ground.folder / "power.log"
    base = ground.folder / "base.sqlite3"
    rules = ["-e", "trace=pwrite64,fdatasync,fsync,sendto,write", "-e", "signal=none"]
    kept_attempts = kept_rows = seen = 0
    with ground.nursery(
        SOAK_SYNCHRONOUS=synchronous,
        SOAK_KEEP_LOG="1",
        SOAK_TIMEOUTS=json.dumps(PATIENT),
    ) as nursery:
        for number in range(count):
            ground.enter(where, f"Client {number}")
            _checkpoint()
            shutil.copy(path, base)
            Traced(nursery, key, trace, *rules).end()
            for moment in moments_of(trace, str(wal)):
                if moment.what == "post":
                    seen += 1
                    query = (
                        "SELECT count(*) FROM clients_app_deliveryattempt WHERE"
                        " submission_id = (SELECT id FROM clients_app_submission"
                        f" WHERE display_name = 'Client {number}')"
                    )
                    there = _rows_after(base, wal, moment.safe, query, ground.folder)
                    kept_attempts += there == 1
        _checkpoint()
        shutil.copy(path, base)
        names = [f"Page{n}" for n in range(count)]
        page = Traced(nursery, key, trace, *rules, job=("post", where.slug, *names))
        page.end()
        for place, moment in enumerate(
            m for m in moments_of(trace, str(wal)) if m.what != "post"
        ):
            seen += 1
            query = (
                "SELECT count(*) FROM clients_app_submission "
                f"WHERE display_name IN {(*names[: place + 1], '')!r}"
            )
            there = _rows_after(base, wal, moment.safe, query, ground.folder)
            kept_rows += there == place + 1
            ground.accepted[f"page-{place}"] = (where.slug, names[place])
    return seen, kept_attempts, kept_rows


def run(ground: Ground) -> Result:
    """Cut the power at every promise, and once more with SQLite in a hurry."""
    result = Result("power", connection.vendor)
    why_not = available()
    if why_not or connection.vendor != "sqlite":
        result.notes.append(f"left out: {why_not or 'PostgreSQL syncs by itself'}")
        return result
    count = 5 if ground.short else 100
    seen, attempts, rows = _cut(ground, count)
    result.accepted, result.points = 2 * count, seen
    result.lost = seen - attempts - rows
    result.notes.append(
        f"the attempt was on the disk at {attempts} of {seen - count} POSTs, the "
        f"submission at {rows} of {count} answered pages"
    )
    if seen != 2 * count:
        result.faults.append(f"{seen} moments seen instead of {2 * count}")
    ground.clear()
    seen, attempts, rows = _cut(ground, 5, synchronous="NORMAL")
    result.control("synchronous=NORMAL", attempts + rows < seen == 10)
    return result
