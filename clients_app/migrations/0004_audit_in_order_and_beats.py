"""The audit trail takes new rows at its end alone; processes have a table for their beats.

The SQL stands here as it was, and is no longer changed; clients_app.models.audit_guard
makes the same anew.
"""

from django.apps.registry import Apps as StateApps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

EVENTS, SEALS = "clients_app_auditevent", "clients_app_auditseal"
REFUSAL = "the audit trail is append-only"
LAST_SEALED = (
    f"coalesce((SELECT last_event FROM {SEALS} ORDER BY position DESC LIMIT 1), 0)"
)

REFUSE = f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
LAST_ID = f"SELECT id FROM {EVENTS} WHERE id <> new.id ORDER BY id DESC LIMIT 1"
GIVEN = f"SELECT seq FROM sqlite_sequence WHERE name = '{EVENTS}'"
BEFORE = f"FROM {SEALS} WHERE rowid <> new.rowid ORDER BY position DESC LIMIT 1"
SQLITE = [
    *(
        f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} FOR EACH ROW"
        f" WHEN EXISTS (SELECT 1 FROM {table} WHERE rowid > 0"
        f" AND ({same} OR rowid = new.rowid)) {REFUSE}"
        for table, same in ((EVENTS, "id = new.id"), (SEALS, "position = new.position"))
    ),
    f"CREATE TRIGGER {EVENTS}_in_order AFTER INSERT ON {EVENTS} FOR EACH ROW"
    f" WHEN new.id < 1 OR new.id <= {LAST_SEALED} OR new.id < coalesce(({LAST_ID}), 0)"
    f" OR new.id > 1 + max(coalesce(({LAST_ID}), 0), coalesce(({GIVEN}), 0)) {REFUSE}",
    f"CREATE TRIGGER {SEALS}_in_order AFTER INSERT ON {SEALS} FOR EACH ROW"
    f" WHEN new.rowid < 1 OR EXISTS (SELECT 1 FROM {SEALS} WHERE rowid > new.rowid)"
    f" OR new.position <> 1 + coalesce((SELECT position {BEFORE}), 0)"
    f" OR new.last_event <= coalesce((SELECT last_event {BEFORE}), 0)"
    f" OR NOT EXISTS (SELECT 1 FROM {EVENTS} WHERE id = new.last_event) {REFUSE}",
]

WRONG = {
    EVENTS: (
        f"NEW.id < 1 OR NEW.id <= {LAST_SEALED}"
        f" OR NEW.id > (SELECT last_value FROM {EVENTS}_id_seq)"
    ),
    SEALS: (
        f"NOT EXISTS (SELECT 1 FROM {SEALS} WHERE position = NEW.position)"
        f" AND (NEW.position <> 1 + coalesce((SELECT max(position) FROM {SEALS}), 0)"
        f" OR NEW.last_event <= {LAST_SEALED}"
        f" OR NOT EXISTS (SELECT 1 FROM {EVENTS} WHERE id = NEW.last_event))"
    ),
}
POSTGRESQL = [
    # An event with an id that was never given out must not stop those to come.
    f"SELECT setval('{EVENTS}_id_seq', (SELECT max(id) FROM {EVENTS}))"
    f" WHERE EXISTS (SELECT 1 FROM {EVENTS}"
    f" WHERE id > (SELECT last_value FROM {EVENTS}_id_seq))",
]
for table, wrong in WRONG.items():
    POSTGRESQL += [
        f"CREATE FUNCTION {table}_in_order() RETURNS trigger AS"
        f" $$ BEGIN IF {wrong} THEN RAISE EXCEPTION '{REFUSAL}'; END IF; RETURN NEW; END $$"
        " LANGUAGE plpgsql",
        f"CREATE TRIGGER {table}_in_order BEFORE INSERT ON {table}"
        f" FOR EACH ROW EXECUTE FUNCTION {table}_in_order()",
    ]

MADE = {"sqlite": SQLITE, "postgresql": POSTGRESQL}
TAKEN_AWAY = {
    "sqlite": [
        f"DROP TRIGGER {table}_{what}"
        for table in (EVENTS, SEALS)
        for what in ("no_replace", "in_order")
    ],
    "postgresql": [
        f"DROP FUNCTION {table}_in_order CASCADE" for table in (EVENTS, SEALS)
    ],
}


def make(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in MADE[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def take_away(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in TAKEN_AWAY[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("clients_app", "0003_sign_in_places")]
    operations = [
        migrations.RunPython(make, take_away),
        migrations.CreateModel(
            name="Beat",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                (
                    "role",
                    models.CharField(
                        choices=[("web", "Web"), ("worker", "Worker")], max_length=8
                    ),
                ),
                ("seen_at", models.DateTimeField()),
                ("clock_ahead", models.FloatField(default=0.0)),
            ],
        ),
    ]
