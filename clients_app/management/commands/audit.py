"""`audit verify`: is the audit trail as it was written?"""

from __future__ import annotations

import re
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from clients_app.audit import chain, guards

_SEAL = re.compile(r"[0-9]{1,18}:[0-9a-f]{16,64}")


class Command(BaseCommand):
    """Check the audit trail; exit 1 and name the first place that does not hold."""

    help = "Check the chain over the audit trail (verify) or seal what waits (seal)."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="compare every event with its seal")
        verify.add_argument(
            "--expect",
            default="",
            help="a seal from the worker's log, as NUMBER:DIGEST",
        )
        actions.add_parser("seal", help="seal everything that waits, now")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for an `--expect` that is no seal."""
        if options["action"] == "seal":
            self.stdout.write(f"{chain.seal_due(everything=True)} events sealed.")
            return
        expect = options["expect"]
        if expect and not _SEAL.fullmatch(expect):
            raise CommandError("--expect is NUMBER:DIGEST, as the worker's log has it.")
        verdict = chain.verify(expect)
        self.stdout.write(
            f"{verdict.events} events under {verdict.seals} seals hold; "
            f"{verdict.unsealed} wait for a seal. Head: {verdict.head or 'none'}."
        )
        problems = [verdict.broken] if verdict.broken else []
        problems += verdict.strays
        if verdict.late:
            problems.append("events are unsealed for long: does the worker run?")
        problems += guards.problems()
        for problem in problems:
            self.stderr.write(f"The audit trail does not hold: {problem}.")
        if problems:
            sys.exit(1)
