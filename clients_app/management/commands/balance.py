"""`balance`: is every accepted client accounted for?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from clients_app.delivery.ledger import balance

HEAD = ("organisation", "day", "accepted", "created", "waiting", "person", "closed")


class Command(BaseCommand):
    """Print accepted = created + waiting + needs a person + closed; exit 1 if it fails."""

    help = "Account for every accepted client, per organisation and day."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("{:<24} {:<10} {:>9} {:>8} {:>8} {:>7} {:>7}".format(*HEAD))
        wrong = 0
        for line in balance():
            note = "" if line.adds_up else "  does not add up"
            wrong += not line.adds_up
            self.stdout.write(
                f"{line.organisation:<24} {line.day} {line.accepted:>9} "
                f"{line.created:>8} {line.waiting:>8} {line.needs_person:>7} "
                f"{line.closed:>7}{note}"
            )
        if wrong:
            self.stderr.write(f"{wrong} lines do not add up.")
            sys.exit(1)
        self.stdout.write("Everything adds up.")
