"""Restore drill: a backup, more deliveries, the backup put back, and nothing made twice.

And a backup of every earlier schema, restored by this version: over a newer database it is
refused, into an empty one it comes back whole and held.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from django.db import connection, connections

from clients_app.models import Status, Submission
from scripts import postgresql
from tests import old_schema
from tests.databases import (
    MIGRATIONS,
    Place,
    ask,
    build,
    engine_of,
    manage,
    tables,
)
from tests.fleet import database_url
from tests.soak.ground import Ground
from tests.soak.report import Result

NO_HOLD = {"DJANGO_SETTINGS_MODULE": "tests.fast_settings", "TEST_SABOTAGE": "no_hold"}


def _backed_up(url: str, folder: Path) -> Path:
    done = manage("backup", folder, url=url)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def _emptied() -> None:
    """Take everything out of the database that this runs on, as when its disk is lost."""
    if connection.vendor == "sqlite":
        connections.close_all()
        for rest in ("", "-wal", "-shm"):
            path = Path(f"{connection.settings_dict['NAME']}{rest}")
            path.unlink(missing_ok=True)
        return
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
    connections.close_all()


def _drill(ground: Ground, *, held: bool) -> Result:
    before, after = (5, 10) if ground.short else (50, 50)
    where = ground.organisation("drill")
    for number in range(before + after):
        ground.enter(where, f"Client {number}")
    ground.recover_some(before)
    url, faults = database_url(), []
    copy = _backed_up(url, ground.folder / "backup")
    ground.recover()
    connections.close_all()
    if manage("restore", copy, url=url).returncode != 1:
        faults.append("a backup was restored over a database in use")
    _emptied()
    done = manage("restore", copy, url=url, **({} if held else NO_HOLD))
    if done.returncode:
        faults.append(f"it could not be restored: {done.stderr}")
    opened: set[str] = set()
    if held:
        unsent = Submission.objects.exclude(status=Status.CREATED)
        opened = set(unsent.values_list("status", flat=True))
        manage("after_restore", "--confirm", url=url)
    ground.recover()
    result = ground.count("restore")
    result.faults += faults
    if held and opened != {Status.UNCERTAIN}:
        result.faults.append(f"after the restore there was {sorted(opened)}")
    return result


def _earlier(place: Place, folder: Path, migration: str) -> list[str]:
    """Restore a backup of an earlier schema; return what was not as it should be."""
    earlier, newer, empty = (place.url(name) for name in ("earlier", "newer", "empty"))
    for url, at in ((earlier, migration), (newer, MIGRATIONS[-1])):
        place.make(url)
        build(url, at)
    copy, before, faults = _backed_up(earlier, folder), tables(newer), []
    if manage("restore", copy, url=newer).returncode != 1 or tables(newer) != before:
        faults.append("over a newer database")
    if (done := manage("restore", copy, url=empty)).returncode:
        return [*faults, f"into an empty database: {done.stderr}"]
    if sorted(tables(empty)) != sorted(before):
        faults.append("other tables than this version has")
    statuses = [
        row[0] for row in ask(empty, "SELECT status FROM clients_app_submission")
    ]
    if len(statuses) != len(old_schema.STATUSES):
        faults.append("clients are missing")
    if statuses.count("UNCERTAIN") != old_schema.OPEN or "QUEUED" in statuses:
        faults.append("not held")
    if manage("audit", "verify", url=empty).returncode:
        faults.append("the audit trail does not hold")
    return faults


def _mixes(place: Place, folder: Path) -> bool:
    """Say whether pg_restore alone, over a newer schema, leaves something of both."""
    earlier, newer = place.url("earlier"), place.url("newer")
    for url, at in ((earlier, MIGRATIONS[0]), (newer, MIGRATIONS[-1])):
        place.make(url)
        build(url, at)
    copy = _backed_up(earlier, folder)
    programs = postgresql.binaries()
    assert programs is not None
    subprocess.run(
        [programs / "pg_restore", "--clean", "--if-exists", f"--dbname={newer}", copy],
        capture_output=True,
        check=False,
    )
    return set(tables(newer)) != set(tables(earlier))


def run(ground: Ground) -> Result:
    """Restore at this schema and at every earlier one; as the control without the hold."""
    result = _drill(ground, held=True)
    result.p50 = result.p95 = result.p99 = result.settled_median = None
    url = database_url()
    place = Place(ground.folder, "" if engine_of(url) == "sqlite" else url)
    try:
        for migration in MIGRATIONS[:-1][:: len(MIGRATIONS) if ground.short else 1]:
            faults = _earlier(place, ground.folder / migration, migration)
            result.faults += [f"{migration}: {fault}" for fault in faults]
            result.points += 1
        if engine_of(url) != "sqlite" and not ground.short:
            result.control("pg_restore --clean", _mixes(place, ground.folder / "mixed"))
    finally:
        place.remove()
    ground.clear()
    result.control("without after_restore", _drill(ground, held=False).duplicates > 0)
    return result
