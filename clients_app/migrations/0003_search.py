"""The search index, and one index per sort order that serves every pair of filters."""

from django.apps.registry import Apps as StateApps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from clients_app.models import search


def install(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    search.install(schema_editor)


def remove(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    search.remove(schema_editor)


class Migration(migrations.Migration):
    dependencies = [("clients_app", "0002_cache_table")]
    operations = [
        migrations.AlterField(
            "submission", "number", models.CharField(blank=True, max_length=200)
        ),
        migrations.AlterField(
            "submission", "heffl_id", models.CharField(blank=True, max_length=200)
        ),
        migrations.RemoveIndex("submission", "submission_by_status"),
        migrations.RemoveIndex("submission", "submission_by_type"),
        migrations.RemoveIndex("submission", "submission_by_source"),
        migrations.AddIndex(
            "submission",
            models.Index(
                fields=[
                    "organisation",
                    "status",
                    "type",
                    "source",
                    "-created_at",
                    "-id",
                ],
                name="submission_some_added",
            ),
        ),
        migrations.AddIndex(
            "submission",
            models.Index(
                fields=["organisation", "status", "type", "source", "name_key", "id"],
                name="submission_some_name",
            ),
        ),
        migrations.AddIndex(
            "submission",
            models.Index(
                fields=["organisation", "status", "type", "source", "number", "id"],
                name="submission_some_number",
            ),
        ),
        migrations.RunPython(install, remove),
    ]
