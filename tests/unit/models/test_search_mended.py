"""The search index survives what SQLite does to a table that a migration changes."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from clients_app.history.pages import page_of
from clients_app.models import Submission, search_index
from clients_app.models.listing import NEWEST_FIRST, Filters
from tests.factories import OrganisationFactory, SubmissionFactory

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        "connection.vendor != 'sqlite'", reason="only SQLite rebuilds tables"
    ),
]


def found(organisation, word):
    return [
        row.display_name
        for row in page_of(organisation, Filters(q=word), NEWEST_FIRST, None).rows
    ]


def test_every_migration_together_leaves_the_index_working():
    assert not search_index.mend("default")


def test_a_lost_trigger_comes_back_with_what_was_added_meanwhile():
    organisation = OrganisationFactory()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {search_index.TRIGGERS[0]}")
    SubmissionFactory(organisation=organisation, display_name="Meanwhile LLC")
    assert found(organisation, "meanwhile") == []

    call_command("migrate", verbosity=0)

    assert found(organisation, "meanwhile") == ["Meanwhile LLC"]
    assert Submission.objects.count() == 1
