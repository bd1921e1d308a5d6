from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("clients_app", "0002_search_and_triggers")]

    operations = [
        migrations.CreateModel(
            name="SignInPlace",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mark", models.CharField(max_length=64, unique=True)),
                ("tries", models.PositiveIntegerField(default=0)),
                ("tried_at", models.FloatField(default=0)),
                ("free_at", models.FloatField(default=0)),
                ("known_until", models.FloatField(default=0)),
                ("forget_at", models.FloatField(db_index=True)),
            ],
        ),
    ]
