"""`after_restore`: run after any restore of a backup, before anything is sent."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from clients_app.delivery import restore


class Command(BaseCommand):
    """Turn every open submission into UNCERTAIN and hold sending until confirmed."""

    help = (
        "After a backup was restored: look every open client up in Heffl before sending "
        "anything. Then confirm with --confirm."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--confirm", action="store_true", help="let sending go on again"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["confirm"]:
            released = restore.confirm()
            self.stdout.write(
                "Sending goes on." if released else "Sending was not held."
            )
            return
        count = restore.begin()
        self.stdout.write(
            f"{count} open clients will be looked up in Heffl. Nothing is sent until you "
            "run `after_restore --confirm`."
        )
