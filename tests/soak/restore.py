"""Restore drill: a backup, more deliveries, the backup put back, and nothing made twice."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from django.core.management import call_command
from django.db import connection, connections

from clients_app.models import Status, Submission
from scripts import backup, postgresql
from tests.soak.ground import Ground
from tests.soak.report import Result


def _backed_up(ground: Ground) -> Path:
    if connection.vendor == "sqlite":
        path = Path(connection.settings_dict["NAME"])
        return backup.back_up(path, ground.folder / "backup", datetime.now(UTC))
    dump = ground.folder / f"dump-{os.urandom(4).hex()}"
    _program("pg_dump", "--format=custom", f"--file={dump}")
    return dump


def _put_back(copy: Path) -> None:
    connections.close_all()
    if connection.vendor == "sqlite":
        path = Path(connection.settings_dict["NAME"])
        for rest in ("-wal", "-shm"):
            Path(f"{path}{rest}").unlink(missing_ok=True)
        shutil.copy(copy, path)
    else:
        _program("pg_restore", "--clean", "--if-exists", "--dbname=", str(copy))


def _program(name: str, *arguments: str) -> None:
    found = connection.settings_dict
    programs = postgresql.binaries()
    assert programs is not None
    dsn = f"host={found['HOST']} user={found['USER']} dbname={found['NAME']}"
    if found["PORT"]:
        dsn += f" port={found['PORT']}"
    given = [f"--dbname={dsn}" if each == "--dbname=" else each for each in arguments]
    if name == "pg_dump":
        given.append(f"--dbname={dsn}")
    subprocess.run([programs / name, *given], check=True, capture_output=True)


def _drill(ground: Ground, *, after_restore: bool) -> Result:
    before, after = (5, 10) if ground.short else (50, 50)
    where = ground.organisation("drill")
    for number in range(before + after):
        ground.enter(where, f"Client {number}")
    ground.recover_some(before)
    copy = _backed_up(ground)
    ground.recover()
    _put_back(copy)
    opened: set[str] = set()
    if after_restore:
        call_command("after_restore", stdout=io.StringIO())
        done = Submission.objects.exclude(status=Status.CREATED)
        opened = set(done.values_list("status", flat=True))
        call_command("after_restore", "--confirm", stdout=io.StringIO())
    ground.recover()
    result = ground.count("restore")
    if after_restore and opened != {Status.UNCERTAIN}:
        result.faults.append(f"after the restore there was {sorted(opened)}")
    return result


def run(ground: Ground) -> Result:
    """Restore with `after_restore`, and as the control without it."""
    result = _drill(ground, after_restore=True)
    result.p50 = result.p95 = result.p99 = result.settled_median = None
    ground.clear()
    result.control(
        "without after_restore", _drill(ground, after_restore=False).duplicates > 0
    )
    return result
