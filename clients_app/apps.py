"""The app's entry in INSTALLED_APPS; loading it registers checks and listeners."""

from django.apps import AppConfig


class ClientsAppConfig(AppConfig):
    """clients_app: everything the portal does."""

    name = "clients_app"
    verbose_name = "Heffl Portal"

    def ready(self) -> None:
        """Register the system checks and the listeners to sign-ins."""
        from clients_app import accounts, checks  # noqa: F401 - register on import
