"""`purge`: remove personal data that was kept long enough."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from clients_app import privacy
from clients_app.models import Organisation


class Command(BaseCommand):
    """Apply every organisation's retention now; the worker does it daily by itself."""

    help = "Remove personal data of clients that was kept long enough."

    def handle(self, *args: Any, **options: Any) -> None:
        """Print a line per organisation: its slug, and how many clients were cleared."""
        for organisation in Organisation.objects.order_by("slug"):
            removed, _all = privacy.purge(organisation)
            self.stdout.write(f"{organisation.slug:<24} {removed:>9}")
