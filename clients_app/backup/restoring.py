"""Restoring a backup: into an empty database, brought to this version, and held."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from django.conf import settings
from django.db import connection

from clients_app import credentials, webhooks
from clients_app.accounts import factors
from clients_app.backup import engines, manifest, schema
from clients_app.backup.errors import BackupError, plainly
from clients_app.backup.manifest import Manifest
from clients_app.delivery import restore as after
from clients_app.models import AuditSeal


@dataclass(frozen=True)
class Restored:
    """What came of a restore: what was in the file, and what is to be done about it.

    `migrated` migrations were applied to bring it to this version; `opened` clients will be
    looked up in Heffl; `closed` says what this key ring does not open.
    """

    manifest: Manifest
    migrated: int
    opened: int
    closed: list[str] = field(default_factory=list)


def restore(path: Path) -> Restored:
    """Fill the empty database of the settings with a backup, and hold all sending.

    Raises BackupError; then the database is as empty as before.
    """
    engine = engines.engine()
    with plainly():
        told = manifest.read(path)
        _require_fit(path, told)
        engine.require_empty()
        manifest.check(path)
        with engine.filling(path, told):
            migrated = schema.migrate()
            closed = _what_stays_closed()
            opened = after.begin()
    return Restored(told, migrated, opened, closed)


def _require_fit(path: Path, told: Manifest) -> None:
    made = told.contents.engine
    if made != connection.vendor:
        raise BackupError(
            f"{path} is a backup of {engines.NAMES.get(made, made)}, and DATABASE_URL leads "
            f"to {engines.NAMES[connection.vendor]}."
        )
    unknown = schema.unknown(told.contents.migrations)
    if unknown:
        raise BackupError(
            f"{path} is of a newer version ({told.version}) than this program "
            f"({settings.VERSION}), which does not know its migrations "
            f"{', '.join(unknown)}. Restore it with that version or a later one."
        )


def _what_stays_closed() -> list[str]:
    """Say which secrets in the restored database this key ring does not open."""
    used = Counter(credentials.kids_in_use())
    used += Counter(factors.kids_in_use()) + Counter(webhooks.kids_in_use())
    last = AuditSeal.objects.order_by("-position").values_list("kid", flat=True).first()
    used += Counter(filter(None, [last]))  # it vouches for those before it
    missing = sorted(set(used) - set(settings.PORTAL_KEYRING.keys))
    if missing:
        return [
            f"The key ring lacks the key '{kid}', which {used[kid]} secrets in the backup "
            "need. Put its entry back into PORTAL_KEYRING."
            for kid in missing
        ]
    broken = (
        len(credentials.unreadable()) + factors.unreadable() + webhooks.unreadable()
    )
    if not broken:
        return []
    return [
        f"{broken} secrets in the backup do not open, although the key ring has the keys "
        f"that they name ({', '.join(sorted(used))}): those keys are others than then."
    ]
