"""Eighteen migrations became two: old databases start with them, and they stand alone."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from clients_app import migrations
from clients_app.history.pages import page_of
from clients_app.models import FileImport, ImportedRow, audit_guard, search_index
from clients_app.models.listing import NEWEST_FIRST, Filters
from scripts import schema
from tests.factories import SubmissionFactory

FOLDER = Path(migrations.__path__[0])
OWN = {"clients_app", "heffl_portal", "heffl_sandbox", "scripts", "tests"}
SQUASHED = ["0001_tables", "0002_search_and_triggers"]
# What a database that was made before the squash says it has applied.
BEFORE = [
    "0001_initial",
    "0002_cache_table",
    "0003_search",
    "0004_heffl_id",
    "0005_signup_page",
    "0006_signup_robots_and_mail",
    "0007_search_again",
    "0008_signup_settings",
    "0009_webhooks_and_tallies",
    "0010_field_readings",
    "0011_client_keys",
    "0012_fill_client_keys",
    "0013_members_and_audit_chain",
    "0014_incidents_and_digests",
    "0015_drift_signs",
    "0016_imports",
    "0017_privacy",
    "0018_limit_seen_at",
]


def applied():
    rows = MigrationRecorder.Migration.objects.filter(app="clients_app")
    return sorted(rows.values_list("name", flat=True))


def planned():
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [(step.app_label, step.name) for step, _backwards in plan]


def say_applied(names):
    """Have the database say `names` where it says the two, or those that they replace."""
    rows = MigrationRecorder.Migration.objects.filter(app="clients_app")
    rows.filter(name__in=[*SQUASHED, *BEFORE]).delete()
    for name in names:
        MigrationRecorder(connection).record_applied("clients_app", name)


def imported(source):
    """Return the top-level packages that a module's source imports."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0] if not node.level else ".")
    return found


@pytest.mark.django_db
def test_a_database_of_before_the_squash_starts_with_all_it_holds(client, organisation):
    row = SubmissionFactory(organisation=organisation, display_name="Desert Rose LLC")
    later = set(applied()) - {*SQUASHED, *BEFORE}
    say_applied(BEFORE)

    assert applied() == sorted([*BEFORE, *later])
    assert planned() == []
    assert client.get("/readyz").json()["migrations"] == "ok"
    made = schema.lines(connection)
    call_command("migrate", verbosity=0, interactive=False)

    assert schema.lines(connection) == made
    assert applied() == sorted([*BEFORE, *SQUASHED, *later])
    assert planned() == []
    assert client.get("/readyz").json()["status"] == "ready"
    found = page_of(organisation, Filters(q="desert"), NEWEST_FIRST, None).rows
    assert [each.pk for each in found] == [row.pk]


@pytest.mark.once
def test_a_renamed_model_keeps_the_table_and_column_of_before():
    assert FileImport._meta.db_table == "clients_app_csvimport"
    assert ImportedRow._meta.get_field("file_import").column == "csv_import_id"


@pytest.mark.django_db
def test_a_database_without_the_old_names_is_not_ready(client):
    MigrationRecorder.Migration.objects.filter(app="clients_app").delete()

    assert [("clients_app", name) for name in SQUASHED] == planned()[:2]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["migrations"].startswith("not applied")


@pytest.mark.once
def test_the_two_replace_every_old_one_and_each_only_once():
    loader = MigrationExecutor(None).loader
    replaced = [
        name
        for squashed in SQUASHED
        for _app, name in loader.get_migration("clients_app", squashed).replaces
    ]

    assert sorted(replaced) == BEFORE


@pytest.mark.django_db(transaction=True)
def test_index_and_guards_made_anew_are_those_of_the_migrations():
    drops, makes = audit_guard.guard_statements(connection.vendor)
    migrated = schema.lines(connection)
    with connection.schema_editor() as editor:
        search_index.remove(editor)
        for statement in drops:
            editor.execute(statement)
    bare = schema.lines(connection)
    with connection.schema_editor() as editor:
        search_index.install(editor)
        for statement in makes:
            editor.execute(statement)

    assert len(bare) < len(migrated)
    assert schema.lines(connection) == migrated


@pytest.mark.django_db
def test_the_cache_has_the_table_that_django_would_make(monkeypatch, capsys):
    # Django makes it for the tests' database by itself, so its being there says nothing.
    monkeypatch.setattr(connection.introspection, "table_names", lambda *_a, **_k: [])
    call_command("createcachetable", dry_run=True)
    wanted = capsys.readouterr().out.replace(";\n", "\n")

    migration = import_module(f"clients_app.migrations.{SQUASHED[1]}")
    made = migration.MADE[connection.vendor]
    assert wanted == "".join(f"{sql}\n" for sql in made if "portal_cache" in sql)


@pytest.mark.once
@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda p: p.stem)
def test_a_migration_imports_no_living_code(path):
    assert not imported(path.read_text()) & {*OWN, "."}


@pytest.mark.once
@pytest.mark.parametrize(
    "source",
    [
        "from clients_app.models import search",
        "import clients_app.crypto as crypto",
        "def make():\n    from heffl_portal import env",
        "from ..models import search",
    ],
)
def test_an_import_of_living_code_is_seen(source):
    assert imported(source) & {*OWN, "."}
