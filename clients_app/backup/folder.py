"""The directory that backups lie in: private, with whole files only, the oldest removed.

A file is written under a name that begins with a dot and gets its own once it was checked.
While it is written it is locked, so that a later run can tell what is left of one that was
killed from what another is writing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from clients_app.backup import manifest
from clients_app.backup.errors import BackupError

SUFFIXES = {"sqlite": "sqlite3", "postgresql": "dump"}
_OWN = re.compile(r"portal-\d{8}T\d{6}\.\d{6}Z\.(sqlite3|dump)")
_DEAD = re.compile(rf"\.{_OWN.pattern}\.partial")


def name_for(now: datetime, engine: str) -> str:
    """Return the name of a backup made at a moment (UTC). Names sort by age."""
    return f"portal-{now:%Y%m%dT%H%M%S.%f}Z.{SUFFIXES[engine]}"


def make_private(directory: Path) -> str:
    """See that only this user reads a directory, which is made if need be.

    Returns a note where an existing one was closed. Raises BackupError for one that others
    use, too: closing it would shut them out.
    """
    try:
        directory.mkdir(mode=0o700, parents=True)
        directory.chmod(0o700)
        return ""
    except FileExistsError:
        if not directory.is_dir():
            raise BackupError(f"{directory} is no directory.") from None
    mode = stat.S_IMODE(directory.stat().st_mode)
    if not mode & 0o077:
        return ""
    if _is_shared(directory):
        raise BackupError(
            f"{directory} can be read by others (mode {mode:04o}) and is not for backups "
            "alone. Name a directory of its own, and it is made so that only this user "
            "reads it."
        )
    directory.chmod(0o700)
    return f"{directory} could be read by others (mode {mode:04o}); now it is private."


def _is_shared(directory: Path) -> bool:
    """Say whether a directory is somebody else's, or holds more than files of this user."""
    found = directory.stat()
    if found.st_uid != os.geteuid() or found.st_mode & stat.S_ISVTX:
        return True
    with os.scandir(directory) as entries:
        return any(
            entry.is_dir(follow_symlinks=False)
            or entry.stat(follow_symlinks=False).st_uid != os.geteuid()
            for entry in entries
        )


def sync(directory: Path) -> None:
    """See that new and removed names are on the disk."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def partial(target: Path) -> Iterator[tuple[Path, int]]:
    """Lend a private, empty file beside `target` (its path and descriptor) to write to.

    It is removed at the end, unless `publish` has given it its name.
    """
    path = target.with_name(f".{target.name}.partial")
    _remove_dead(path)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(handle, 0o600)
        with contextlib.suppress(OSError):  # some network file systems know no locks
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path, handle
    finally:
        os.close(handle)
        _remove(path)


def publish(path: Path, target: Path) -> None:
    """Give a finished file its name, for good."""
    path.replace(target)
    sync(target.parent)


def _remove(path: Path) -> None:
    for rest in ("", "-journal", "-wal", "-shm"):
        Path(f"{path}{rest}").unlink(missing_ok=True)


def _remove_dead(own: Path) -> None:
    """Remove what runs that were killed have left; what is locked is being written."""
    for path in own.parent.iterdir():
        if path == own or _DEAD.fullmatch(path.name):
            with contextlib.suppress(OSError), path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _remove(path)


def remove_oldest(
    directory: Path, keep: int, newest: Path, database: str
) -> list[Path]:
    """Leave `keep` backups of a database, `newest` always. Returns what was removed.

    Whatever else lies there stays: other names, other databases, files without a manifest.
    """
    own = sorted(
        path
        for path in directory.iterdir()
        if _OWN.fullmatch(path.name) and path != newest and _is_of(path, database)
    )
    removed = own[: max(0, len(own) - (keep - 1))]
    for path in removed:
        path.unlink()
    if removed:
        sync(directory)
    return removed


def _is_of(path: Path, database: str) -> bool:
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            return False
        return manifest.read(path).contents.database == database
    except (OSError, BackupError):
        return False
