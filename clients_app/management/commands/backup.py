"""`backup DIR [--keep N]`: the whole database in one file, checked after it was written."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import filesizeformat

from clients_app import backup
from clients_app.backup.signals import stoppable


class Command(BaseCommand):
    """Make a backup while the portal runs, and print its path as the last line."""

    help = "Back the database up into a directory that only this user can read."
    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("directory", type=Path, help="made if it is not there")
        parser.add_argument(
            "--keep",
            type=int,
            metavar="N",
            help="afterwards leave the N newest backups of this database",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError with the reason when no backup was made."""
        keep = options["keep"]
        if keep is not None and keep < 1:
            raise CommandError("--keep takes a number from 1 on.")
        try:
            with stoppable():
                made = backup.back_up(options["directory"], datetime.now(UTC), keep)
        except backup.BackupError as error:
            raise CommandError(f"No backup was made. {error}") from None
        if made.note:
            self.stdout.write(made.note)
        for path in made.removed:
            self.stdout.write(f"Removed {path}")
        size = filesizeformat(made.size).replace("\xa0", " ")
        self.stdout.write(f"{made.rows} rows in {made.tables} tables, {size}, checked.")
        self.stdout.write(str(made.path))
