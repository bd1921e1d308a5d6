"""Builds a database as an earlier version had it, with clients: `python -m tests.old_schema
0002_search_and_triggers`, on the database that DATABASE_URL names.

The rows are written with the models of that time, which the migrations know.
"""

from __future__ import annotations

import sys

import django
from django.utils import timezone

STATUSES = (
    "QUEUED",
    "SENDING",
    "UNCERTAIN",
    "PENDING",
    "NEEDS_FIX",
    "CREATED",
    "REVIEW",
)
OPEN = 3
SLUG = "old-times"


def migrate(name: str) -> None:
    """Apply the portal's migrations up to one, and all of the others'."""
    from django.apps import apps
    from django.core.management import call_command
    from django.db.migrations.loader import MigrationLoader

    call_command("migrate", "clients_app", name, verbosity=0)
    others = MigrationLoader(None).migrated_apps - {"clients_app"}
    for app in apps.get_app_configs():
        if app.label in others:
            call_command("migrate", app.label, verbosity=0)


def fill(name: str) -> None:
    """Put an organisation, a person and a client in each status there."""
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    state = MigrationLoader(connection).project_state(("clients_app", name))
    models = state.apps
    organisation = models.get_model("clients_app", "Organisation")(
        name="Old Times", slug=SLUG
    )
    organisation.save()
    user = models.get_model("clients_app", "User")(email="ann@old.test", name="Ann")
    user.save()
    submission = models.get_model("clients_app", "Submission")
    for number, status in enumerate(STATUSES):
        submission(
            organisation=organisation,
            submission_token=f"token-{number:08}",
            type="company",
            answers={"name": f"Company {number}\t\\.\n'\"{status}"},
            display_name=f"Company {number}",
            name_key=f"company {number}",
            match_key=f"{number:064x}",
            search_text=f"company {number}",
            source="frontdesk",
            lane=0,
            status=status,
            created_by=user,
            heffl_id=f"old-{number}" if status == "CREATED" else "",
            delivered_at=timezone.now() if status == "CREATED" else None,
            lease_until=timezone.now() if status == "SENDING" else None,
        ).save()
    event = models.get_model("clients_app", "AuditEvent")
    event(organisation_id=organisation.pk, action="submission.created").save()


def main() -> None:
    """Build the database that DATABASE_URL names at the migration given."""
    django.setup()
    migrate(sys.argv[1])
    fill(sys.argv[1])


if __name__ == "__main__":
    main()
