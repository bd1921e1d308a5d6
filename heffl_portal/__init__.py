"""The Django project around clients_app: settings, addresses, logging."""

__version__ = "0.1.0"
