"""create_organisation: makes an organisation, its owner and, if given, its API key.

Passwords and keys come from the environment, never from the command line.
"""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from environs import Env

from clients_app import credentials
from clients_app.models import ApprovalMode
from clients_app.organisation import people


class Command(BaseCommand):
    help = (
        "Make an organisation and its owner. PORTAL_OWNER_PASSWORD holds the owner's "
        "password (not needed for somebody who signs in here already), HEFFL_API_KEY, "
        "if set, the organisation's API key."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")
        parser.add_argument("--slug", required=True, help="its part of the address")
        parser.add_argument("--owner", required=True, metavar="EMAIL")
        parser.add_argument(
            "--signup",
            default="",
            choices=ApprovalMode.values,
            help="turn the public signup on, with this approval; off without it",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError, which says what is wrong; nothing was made then."""
        env = Env()
        given = env.str("HEFFL_API_KEY", "")
        try:
            organisation, change = people.create_organisation(
                name=options["name"],
                slug=options["slug"],
                owner_email=options["owner"],
                owner_password=env.str("PORTAL_OWNER_PASSWORD", "") or None,
                api_key=credentials.clean_key(given) if given.strip() else None,
                signup_mode=options["signup"],
            )
        except credentials.KeyFormatError as error:
            raise CommandError(f"HEFFL_API_KEY: {error}") from None
        except people.PasswordMissing as error:
            raise CommandError(f"{error} Give it in PORTAL_OWNER_PASSWORD.") from None
        except people.OrganisationError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"Made the organisation {organisation.slug}.")
        if change is None or change.credential is None:
            self.stdout.write(
                "It has no API key yet: its owner adds one under Settings, Heffl."
            )
            return
        words = credentials.describe(change.credential)
        if change.credential.verified_at:
            self.stdout.write(f"Heffl accepts its API key {words}.")
        else:
            self.stderr.write(
                f"Heffl could not be reached. The API key {words} is stored unverified: "
                "nothing is sent until a check has passed."
            )
        if change.also_used_elsewhere:
            self.stderr.write("Another organisation here uses the same API key.")
