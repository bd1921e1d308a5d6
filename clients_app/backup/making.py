"""Making a backup: written under another name, read back, named, and the oldest removed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from clients_app.backup import engines, folder, manifest
from clients_app.backup.errors import plainly


@dataclass(frozen=True)
class Made:
    """A backup that was made, what is in it, and what came of the directory."""

    path: Path
    rows: int
    tables: int
    size: int
    removed: list[Path] = field(default_factory=list)
    note: str = ""


def back_up(directory: Path, now: datetime, keep: int | None = None) -> Made:
    """Back the database up into a directory. Raises BackupError; then nothing has changed.

    With `keep`, so many backups of this database are left, the new one among them.
    """
    engine = engines.engine()
    with plainly():
        note = folder.make_private(directory)
        directory = directory.resolve()
        target = directory / folder.name_for(now, connection.vendor)
        with folder.partial(target) as (path, handle):
            contents = engine.dump(path, handle)
            engine.verify(path, contents)
            manifest.seal(path, contents, settings.VERSION, now.isoformat())
            told = manifest.check(path)
            folder.publish(path, target)
        removed = []
        if keep is not None:
            removed = folder.remove_oldest(directory, keep, target, contents.database)
    return Made(
        target,
        sum(contents.rows.values()),
        len(contents.rows),
        told.size,
        removed,
        note,
    )
