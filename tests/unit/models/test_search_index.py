"""The search index is whole after all migrations: one that rebuilds a table drops triggers."""

import pytest
from django.db import connection

pytestmark = pytest.mark.django_db


def test_every_change_of_a_client_reaches_the_index():
    if connection.vendor != "sqlite":
        pytest.skip("an index of PostgreSQL cannot be lost this way")
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        names = {row[0] for row in cursor.fetchall()}

    assert {
        "submission_search_added",
        "submission_search_changed",
        "submission_search_removed",
    } <= names
