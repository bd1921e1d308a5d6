"""The Django project around clients_app: settings, addresses, logging."""

__version__ = "0.2.0"
