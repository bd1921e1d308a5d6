"""The address a person asked to change to, and no address that nobody confirmed.

An unconfirmed address used to stand beside the ones people sign in with, where a reset of
the password could be asked for with it. The one that a person signs in with counts as
confirmed; django-allauth made rows for some without saying so.
"""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps


def keep_confirmed(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    EmailAddress = apps.get_model("account", "EmailAddress")
    unconfirmed = EmailAddress.objects.filter(verified=False)
    own = unconfirmed.filter(email=models.F("user__email"))
    confirmed = EmailAddress.objects.filter(verified=True)
    for address in own.iterator():
        if not confirmed.filter(email=address.email).exists():
            others = confirmed.filter(user_id=address.user_id, primary=True)
            address.primary = address.primary or not others.exists()
            address.verified = True
            address.save(update_fields=["verified", "primary"])
    unconfirmed.delete()


class Migration(migrations.Migration):
    dependencies = [
        ("account", "0009_emailaddress_unique_primary_email"),
        ("clients_app", "0005_file_readings"),
    ]

    operations = [
        migrations.CreateModel(
            name="AddressChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(max_length=254)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("asked_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("user", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="address_change", to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.RunPython(keep_confirmed, migrations.RunPython.noop),
    ]
