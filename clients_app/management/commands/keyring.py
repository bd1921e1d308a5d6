"""keyring: makes a key for the ring, seals everything anew, and says what is still old.

Changing the ring without a pause: `new`, put the entry second everywhere, then first
everywhere, `rotate`, `check`, then drop the old entry.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clients_app import audit, credentials, webhooks
from clients_app.accounts import factors as second_factors
from clients_app.accounts import seals
from clients_app.crypto import KeyRingError, new_entry
from clients_app.delivery import wakeups

NEXT_STEPS = """\
This is a new entry for PORTAL_KEYRING. Keep it as you keep a password.
A first ring: PORTAL_KEYRING is this entry alone.
Changing a ring in use: write it second, after a comma, on every machine and restart;
then write it first and restart; then run `keyring rotate`, and when `keyring check`
finds nothing old, drop the old entry."""


class Command(BaseCommand):
    help = "Make a key (new), seal everything with the first key (rotate), or check."
    requires_system_checks: list[str] = []  # noqa: RUF012 - as Django declares it

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        new = actions.add_parser("new", help="print a new ring entry")
        new.add_argument("kid", nargs="?", help="its id; by default this month")
        actions.add_parser("rotate", help="seal every secret with the ring's first key")
        actions.add_parser("check", help="count secrets per key; 1 when some are old")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for a bad id; `check` exits with 1 on any problem."""
        match options["action"]:
            case "new":
                self._new(options["kid"])
            case "rotate":
                self._rotate()
            case _:
                self._check()

    def _new(self, kid: str | None) -> None:
        kid = kid or f"{timezone.now():%Y-%m}"
        if kid in settings.PORTAL_KEYRING.keys:
            raise CommandError(
                f"The ring has a key '{kid}' already. Choose another id."
            )
        try:
            entry = new_entry(kid)
        except KeyRingError as error:
            raise CommandError(f"{error}.") from None
        self.stdout.write(entry)
        self.stderr.write(NEXT_STEPS)

    def _rotate(self) -> None:
        keys, renewed = credentials.reseal_all()
        now = timezone.now()
        for mark in renewed:
            wakeups.rewake(mark, now)
            wakeups.rewake(mark, now, desk=True)
        factors = second_factors.reseal_second_factors()
        hooks = webhooks.reseal_secrets()
        # From here on, a seal that is bound to nobody opens for nobody.
        closing = not second_factors.bound_to_nobody() and not seals.all_are_bound()
        if keys or factors or hooks or closing:
            audit.record(
                "keyring.rotated",
                organisation=None,
                actor_label="command",
                detail={
                    "keys": keys,
                    "second_factors": factors,
                    "webhooks": hooks,
                    seals.ALL_BOUND: closing or seals.all_are_bound(),
                },
            )
        self.stdout.write(
            f"Sealed with '{settings.PORTAL_KEYRING.sealing_kid}': "
            f"{keys} API keys, {factors} second factors, {hooks} webhook secrets."
        )

    def _check(self) -> None:
        ring = settings.PORTAL_KEYRING
        counts = Counter(credentials.kids_in_use())
        counts += Counter(second_factors.kids_in_use()) + Counter(
            webhooks.kids_in_use()
        )
        for kid in [*ring.keys, *sorted(set(counts) - set(ring.keys))]:
            self.stdout.write(f"{kid}: {counts[kid]} secrets")
        problems = [
            f"The API key of '{credential.organisation.slug}' does not open."
            for credential in credentials.unreadable()
        ]
        broken = second_factors.unreadable()
        if broken:
            problems.append(f"{broken} second factors do not open.")
        if loose := second_factors.bound_to_nobody():
            problems.append(
                f"{loose} second factors are not bound to their person yet. "
                "Run `keyring rotate`."
            )
        if broken := webhooks.unreadable():
            problems.append(f"{broken} webhook secrets do not open.")
        old = [kid for kid in counts if kid in ring.keys and kid != ring.sealing_kid]
        problems += [
            f"The old key '{kid}' is still in use. Run `keyring rotate`." for kid in old
        ]
        for problem in problems:
            self.stderr.write(problem)
        if problems:
            sys.exit(1)
