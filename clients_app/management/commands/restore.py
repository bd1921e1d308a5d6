"""`restore FILE`: a backup into the empty database that DATABASE_URL names, held."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from clients_app import backup
from clients_app.backup.signals import stoppable


class Command(BaseCommand):
    """Restore a backup whole, at this version's tables and with sending held, or not at all."""

    help = (
        "Restore a backup into an empty database, or one that is not there yet. Look every "
        "open client up in Heffl before sending anything, as after_restore does."
    )
    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="as `backup` printed its path")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with the reason when nothing was restored."""
        try:
            with stoppable():
                restored = backup.restore(options["file"])
        except backup.BackupError as error:
            raise CommandError(f"Nothing was restored. {error}") from None
        told = restored.manifest
        rows = told.contents.rows
        self.stdout.write(
            f"Restored {sum(rows.values())} rows in {len(rows)} tables, as they were at "
            f"{told.made_at[:19]} UTC in version {told.version}."
        )
        if restored.migrated:
            self.stdout.write(
                f"Migrations applied to bring them to this version: {restored.migrated}."
            )
        for closed in restored.closed:
            self.stderr.write(closed)
        self.stdout.write(
            f"{restored.opened} open clients will be looked up in Heffl. Nothing is sent "
            "until you run `after_restore --confirm`."
        )
