"""The audit trail: who did what, written in the transaction of what it tells, and chained."""

from clients_app.audit.events import record, record_all

__all__ = ["record", "record_all"]
