"""Put the search index back, whose triggers 0005 lost on SQLite by rebuilding the table."""

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from clients_app.models import search


def install(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "sqlite":
        search.install(schema_editor)


class Migration(migrations.Migration):
    dependencies = [("clients_app", "0006_signup_robots_and_mail")]
    operations = [migrations.RunPython(install, migrations.RunPython.noop)]
