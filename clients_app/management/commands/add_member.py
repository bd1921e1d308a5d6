"""add_member: adds a person to an organisation, and makes their sign-in when they have none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from environs import Env

from clients_app.models import Organisation, Role
from clients_app.organisation import people


class Command(BaseCommand):
    help = (
        "Add a person to an organisation. PORTAL_MEMBER_PASSWORD holds their password; "
        "somebody who signs in here already keeps their own."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="the organisation's part of the address")
        parser.add_argument("email")
        parser.add_argument("--role", required=True, choices=Role.values)

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError, which says what is wrong; nothing was changed then."""
        organisation = Organisation.objects.filter(slug=options["slug"]).first()
        if organisation is None:
            raise CommandError(f"There is no organisation '{options['slug']}'.")
        try:
            people.add_member(
                organisation,
                options["email"],
                options["role"],
                password=Env().str("PORTAL_MEMBER_PASSWORD", "") or None,
                actor_label="command",
            )
        except people.PasswordMissing as error:
            raise CommandError(f"{error} Give it in PORTAL_MEMBER_PASSWORD.") from None
        except people.OrganisationError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"Added {options['email']} to {organisation.slug} as {options['role']}."
        )
