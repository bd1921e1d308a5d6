"""System checks: what a start or `manage.py check` should say about this installation."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.db import connection

from clients_app import health

FIXED_IN = (3, 51, 3)
"""The first SQLite that cannot corrupt a write-ahead log when it resets it."""

# What is neither kept for the superuser nor in use by others; -1 limits nothing.
_CONNECTIONS = """
SELECT least(
    current_setting('max_connections')::int
        - current_setting('superuser_reserved_connections')::int
        - coalesce(current_setting('reserved_connections', true)::int, 0)
        - (SELECT count(*) FROM pg_stat_activity
           WHERE backend_type = 'client backend' AND usename <> current_user),
    (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
    (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())
)
"""


@register(Tags.database)
def sqlite_is_sound(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn when the SQLite in use can corrupt its write-ahead log (before 3.51.3)."""
    if connection.vendor != "sqlite" or not databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT sqlite_version()")
        version = cursor.fetchone()[0]
    if tuple(map(int, version.split("."))) >= FIXED_IN:
        return []
    return [
        checks.Warning(
            f"SQLite {version} can corrupt its write-ahead log.",
            hint="Install the pinned requirements: pysqlite3 brings a fixed version.",
            id="portal.W001",
        )
    ]


@register(Tags.database)
def postgresql_is_durable(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Refuse a PostgreSQL that may forget what it has acknowledged."""
    if connection.vendor != "postgresql" or not databases:
        return []
    names = ("fsync", "full_page_writes", "synchronous_commit")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(names)]
        )
        off = [name for name, setting in cursor.fetchall() if setting == "off"]
    if not off:
        return []
    return [
        checks.Error(
            f"PostgreSQL runs with {', '.join(sorted(off))} off: it may lose clients.",
            hint="Turn it on in postgresql.conf and restart the server.",
            id="portal.E001",
        )
    ]


@register(Tags.database)
def connections_suffice(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn when PostgreSQL allows fewer connections than there are threads."""
    if connection.vendor != "postgresql" or not databases:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_CONNECTIONS)
        allowed = int(cursor.fetchone()[0])
    wanted = settings.DATABASE_CONNECTIONS
    if allowed >= wanted:
        return []
    return [
        checks.Warning(
            f"PostgreSQL allows this role {allowed} connections; {wanted} may be in use "
            "at once.",
            hint="Raise max_connections, or the CONNECTION LIMIT of the role or the "
            "database, or lower WEB_WORKERS and DELIVERY_THREADS. Until then pages wait "
            "for one another, and may answer 503.",
            id="portal.W003",
        )
    ]


@register(Tags.database)
def key_ring_clock_and_disk(databases: Any = None, **kwargs: Any) -> list[CheckMessage]:
    """Warn of what /readyz would say about key ring, clock and disk."""
    if not databases:
        return []
    found = health.state()
    return [
        checks.Warning(
            f"{part}: {found[part]}.",
            hint="docs/operations.md, Watch, says what to do.",
            id="portal.W004",
        )
        for part in ("keyring", "clock", "disk")
        if found[part] != health.OK
    ]


@register(Tags.security, deploy=True)
def second_factor_is_required(**kwargs: Any) -> list[CheckMessage]:
    """Warn when nobody needs a second factor in production."""
    if settings.MFA_REQUIRED_ROLES:
        return []
    return [
        checks.Warning(
            "MFA_REQUIRED_ROLES is empty: nobody needs a second factor.",
            hint="Leave it unset (owner,admin) or name the roles that must have one.",
            id="portal.W002",
        )
    ]
