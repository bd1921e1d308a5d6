"""Give the submissions that are there already their marks, a batch at a time.

Every batch is stored for itself: what is interrupted goes on where it stopped.
"""

import itertools

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from clients_app.questions.matching import client_keys

BATCH = 2_000


def fill(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    using = schema_editor.connection.alias
    submissions = apps.get_model("clients_app", "Submission").objects.using(using)
    key_table = apps.get_model("clients_app", "ClientKey")
    rows = submissions.order_by("pk").values_list(
        "pk", "organisation_id", "type", "answers"
    )
    last = 0
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last = batch[-1][0]
        keys = (
            key_table(organisation_id=organisation, key=key, submission_id=pk)
            for pk, organisation, client_type, answers in batch
            for key in client_keys(client_type, answers)
        )
        while some := list(itertools.islice(keys, 5_000)):
            key_table.objects.using(using).bulk_create(some, ignore_conflicts=True)


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("clients_app", "0011_client_keys")]
    operations = [migrations.RunPython(fill, migrations.RunPython.noop, elidable=True)]
