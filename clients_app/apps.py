"""The app's entry in INSTALLED_APPS; loading it registers checks and listeners."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate


class ClientsAppConfig(AppConfig):
    name = "clients_app"
    verbose_name = "Heffl Portal"

    def ready(self) -> None:
        """Register the system checks, and the listeners to sign-ins and to connections."""
        from clients_app import checks  # noqa: F401 - registers on import
        from clients_app.accounts import (  # noqa: F401 - so do these
            changes,
            factors,
            sessions,
            trail,
        )
        from clients_app.database import sqlite_file, sqlite_turns
        from clients_app.models import search_index

        def mend(using: str, **_more: Any) -> None:
            search_index.mend(using)

        connection_created.connect(sqlite_turns.take_turns)
        connection_created.connect(sqlite_file.watch)
        post_migrate.connect(mend, sender=self, weak=False)
