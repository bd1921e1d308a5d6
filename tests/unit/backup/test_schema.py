"""Migrations as a restore needs them: it runs all of them in one transaction."""

from __future__ import annotations

import pytest
from django.db.migrations.loader import MigrationLoader

from clients_app.backup import schema

pytestmark = pytest.mark.once


def test_every_migration_may_run_within_a_transaction():
    found = MigrationLoader(None).disk_migrations

    assert [key for key, migration in found.items() if not migration.atomic] == []
    assert len(found) > 20


def test_a_migration_is_known_by_its_name_and_by_those_it_replaces():
    known = [("clients_app", "0001_tables"), ("clients_app", "0003_search")]

    assert schema.unknown([*known, ("auth", "0001_initial")]) == []
    assert schema.unknown([*known, ("clients_app", "9999_not_yet")]) == [
        "clients_app 9999_not_yet"
    ]
