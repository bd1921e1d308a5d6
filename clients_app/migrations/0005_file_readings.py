"""A table for what became of reading a file: the rows as read, and what the worker still does.

Files that are there already have no row in it: they are read into one when next looked at.
"""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("clients_app", "0004_audit_in_order_and_beats"),
    ]

    operations = [
        migrations.CreateModel(
            name="FileReading",
            fields=[
                ("file_import", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name="reading", serialize=False, to="clients_app.fileimport")),
                ("large", models.BooleanField(default=False)),
                ("headers", models.JSONField(default=list)),
                ("empty_rows", models.PositiveIntegerField(default=0)),
                ("table", models.BinaryField(null=True)),
                ("checked", models.JSONField(null=True)),
                ("awaits", models.CharField(blank=True, choices=[("", "nothing"), ("read", "to be read"), ("check", "to have its rows checked")], max_length=5)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("language", models.CharField(default="en", max_length=10)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("taken_by", models.CharField(blank=True, max_length=16)),
                ("taken_until", models.DateTimeField(null=True)),
                ("percent", models.PositiveSmallIntegerField(default=0)),
                ("problem", models.TextField(blank=True)),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("awaits", ""), _negated=True), fields=["asked_at"], name="reading_awaited")],
                "constraints": [models.CheckConstraint(condition=models.Q(("awaits__in", ["", "read", "check"])), name="reading_step_known")],
            },
        ),
    ]
