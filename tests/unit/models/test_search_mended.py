"""The search index survives what SQLite does to a table that a migration changes."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.core.management import call_command
from django.db import connection

from clients_app.history.pages import page_of
from clients_app.models import Submission, search_index
from clients_app.models.listing import NEWEST_FIRST, Filters
from tests.factories import OrganisationFactory, SubmissionFactory

SEARCH = "clients_app.migrations.0002_search_and_triggers"
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


def test_clients_of_before_the_index_are_found():
    organisation = OrganisationFactory()
    with connection.cursor() as cursor:
        for name in search_index.TRIGGERS:
            cursor.execute(f"DROP TRIGGER {name}")
    SubmissionFactory(organisation=organisation, display_name="Earlier LLC")
    with connection.schema_editor() as editor:
        search_index.remove(editor)
        for statement in import_module(SEARCH).SQLITE_SEARCH:
            editor.execute(statement, params=None)
    assert found(organisation, "earlier") == []

    call_command("migrate", verbosity=0)

    assert found(organisation, "earlier") == ["Earlier LLC"]


def test_an_index_that_no_migration_has_made_is_left_to_it():
    with connection.schema_editor() as editor:
        search_index.remove(editor)
    try:
        assert not search_index.mend("default")
    finally:
        with connection.schema_editor() as editor:
            search_index.install(editor)
