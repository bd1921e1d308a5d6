"""The app's entry in INSTALLED_APPS; loading it registers the system checks."""

from django.apps import AppConfig


class ClientsAppConfig(AppConfig):
    """clients_app: everything the portal does."""

    name = "clients_app"
    verbose_name = "Heffl Portal"

    def ready(self) -> None:
        """Register the system checks."""
        from clients_app import checks  # noqa: F401 - registers on import
