"""Every table of the first release, with its indexes and constraints.

As `makemigrations` writes it, but with the columns in the order in which eighteen
migrations once added them: so a new database and one of before are the same. Theirs are
the names in `replaces`; see docs/adr/0039.
"""

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    replaces = [
        ("clients_app", "0001_initial"),
        ("clients_app", "0004_heffl_id"),
        ("clients_app", "0005_signup_page"),
        ("clients_app", "0006_signup_robots_and_mail"),
        ("clients_app", "0008_signup_settings"),
        ("clients_app", "0009_webhooks_and_tallies"),
        ("clients_app", "0010_field_readings"),
        ("clients_app", "0011_client_keys"),
        ("clients_app", "0013_members_and_audit_chain"),
        ("clients_app", "0014_incidents_and_digests"),
        ("clients_app", "0015_drift_signs"),
        ("clients_app", "0016_imports"),
        ("clients_app", "0017_privacy"),
        ("clients_app", "0018_limit_seen_at"),
    ]

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="Organisation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=160, verbose_name="name")),
                ("slug", models.SlugField(max_length=60, unique=True)),
                ("country", models.CharField(default="AE", max_length=2, verbose_name="country")),
                ("time_zone", models.CharField(default="Asia/Dubai", max_length=64)),
                ("signup_mode", models.CharField(blank=True, choices=[("send", "Send at once"), ("suspicious", "Hold suspicious ones"), ("hold", "Hold all")], max_length=12)),
                ("form_version", models.PositiveIntegerField(default=1)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("reference_field", models.CharField(blank=True, max_length=60)),
                ("digest", models.BooleanField(default=True)),
            ],
        ),
        migrations.CreateModel(
            name="RateBudget",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(max_length=64, unique=True)),
                ("recent", models.JSONField(default=list)),
                ("limit_seen", models.PositiveIntegerField(null=True)),
                ("paused_until", models.DateTimeField(null=True)),
                ("desk_seen_at", models.DateTimeField(null=True)),
                ("wake_at", models.DateTimeField(null=True)),
                ("desk_wake_at", models.DateTimeField(null=True)),
                ("failures_in_row", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
                ("last_answer_at", models.DateTimeField(null=True)),
                ("firewalls_in_row", models.PositiveIntegerField(default=0)),
                ("limit_seen_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("is_superuser", models.BooleanField(default=False, help_text="Designates that this user has all permissions without explicitly assigning them.", verbose_name="superuser status")),
                ("email", models.EmailField(max_length=254, unique=True, verbose_name="email")),
                ("name", models.CharField(blank=True, max_length=120, verbose_name="name")),
                ("is_active", models.BooleanField(default=True)),
                ("is_staff", models.BooleanField(default=False)),
                ("shortcuts", models.BooleanField(default=True)),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True, help_text="Specific permissions for this user.", related_name="user_set", related_query_name="user", to="auth.permission", verbose_name="user permissions"
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(django.db.models.functions.text.Lower("email"), name="user_email_ci_unique")],
            },
        ),
        migrations.CreateModel(
            name="AuditEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("organisation_id", models.BigIntegerField(null=True)),
                ("actor_id", models.BigIntegerField(null=True)),
                ("actor_label", models.CharField(blank=True, max_length=40)),
                ("action", models.CharField(max_length=40)),
                ("object_type", models.CharField(blank=True, max_length=40)),
                ("object_id", models.CharField(blank=True, max_length=64)),
                ("detail", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
                    models.Index(fields=["organisation_id", "-at", "-id"], name="audit_by_org_at"),
                    models.Index(fields=["organisation_id", "action", "-at", "-id"], name="audit_by_action"),
                    models.Index(condition=models.Q(("actor_id__isnull", False)), fields=["organisation_id", "actor_id", "-at", "-id"], name="audit_by_actor"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fingerprint", models.CharField(blank=True, max_length=64)),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("key_refused", "Heffl refuses the API key"),
                            ("key_unverified", "The API key has not been checked yet"),
                            ("key_unreadable", "The stored API key cannot be opened"),
                            ("configuration", "Heffl's address or certificate is wrong"),
                            ("outage", "Heffl is not answering"),
                            ("restored", "A backup was restored"),
                        ],
                        max_length=16,
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=200)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("probe_at", models.DateTimeField(null=True)),
                ("probes", models.PositiveIntegerField(default=0)),
                ("released_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("released_at__isnull", True)), fields=["fingerprint"], name="hold_open")],
                "constraints": [models.UniqueConstraint(condition=models.Q(("released_at__isnull", True)), fields=("fingerprint", "reason"), name="hold_once")],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("role", models.CharField(choices=[("owner", "Owner"), ("admin", "Administrator"), ("reviewer", "Reviewer"), ("frontdesk", "Front desk")], max_length=12)),
                ("suspended_at", models.DateTimeField(blank=True, null=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to=settings.AUTH_USER_MODEL)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="memberships", to="clients_app.organisation")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "user"), name="membership_once"),
                    models.CheckConstraint(condition=models.Q(("role__in", ["owner", "admin", "reviewer", "frontdesk"])), name="membership_role_known"),
                ],
            },
        ),
        migrations.CreateModel(
            name="CustomField",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "key",
                    models.CharField(
                        max_length=60, validators=[django.core.validators.RegexValidator("^cf_[A-Za-z0-9_]{1,57}\\Z", "Use cf_ followed by letters, digits or underscores")], verbose_name="API name"
                    ),
                ),
                ("label", models.CharField(max_length=120, verbose_name="label")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("text", "Text"),
                            ("long_text", "Long text"),
                            ("number", "Number"),
                            ("date", "Date"),
                            ("option", "One option"),
                            ("options", "Several options"),
                            ("texts", "Several texts"),
                            ("email", "Email"),
                            ("phone", "Phone"),
                            ("link", "Link"),
                            ("yes_no", "Yes or no"),
                        ],
                        max_length=12,
                        verbose_name="kind",
                    ),
                ),
                ("help_text", models.CharField(blank=True, max_length=200, verbose_name="hint")),
                ("options", models.JSONField(blank=True, default=list, verbose_name="options")),
                ("for_company", models.BooleanField(default=True, verbose_name="for companies")),
                ("for_contact", models.BooleanField(default=True, verbose_name="for contacts")),
                ("required", models.BooleanField(default=False, verbose_name="required")),
                ("position", models.PositiveIntegerField(default=0)),
                ("is_active", models.BooleanField(default=True)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="custom_fields", to="clients_app.organisation")),
                ("is_public", models.BooleanField(default=False, verbose_name="asked on the signup page")),
                ("label_ar", models.CharField(blank=True, max_length=120, verbose_name="label in Arabic")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organisation", "key"), name="custom_field_key_once")],
            },
        ),
        migrations.CreateModel(
            name="ApiCredential",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("slot", models.CharField(choices=[("current", "Current"), ("next", "Next")], default="current", max_length=8)),
                ("ciphertext", models.TextField()),
                ("prefix", models.CharField(blank=True, max_length=16)),
                ("last_four", models.CharField(max_length=4)),
                ("fingerprint", models.CharField(db_index=True, max_length=64)),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("verified_at", models.DateTimeField(null=True)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("added_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="credentials", to="clients_app.organisation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(condition=models.Q(("revoked_at__isnull", True)), fields=("organisation", "slot"), name="credential_one_per_slot")],
            },
        ),
        migrations.CreateModel(
            name="Submission",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("submission_token", models.CharField(max_length=64)),
                ("type", models.CharField(choices=[("company", "Company"), ("contact", "Contact")], max_length=8)),
                ("answers", models.JSONField()),
                ("display_name", models.CharField(max_length=330)),
                ("name_key", models.CharField(max_length=330)),
                ("match_key", models.CharField(max_length=64)),
                ("search_text", models.TextField(blank=True)),
                ("source", models.CharField(choices=[("frontdesk", "Front desk"), ("signup", "Signup page"), ("import", "Import")], max_length=10)),
                ("lane", models.PositiveSmallIntegerField(choices=[(0, "Frontdesk"), (1, "Signup"), (2, "Import")])),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("PENDING", "Waiting for approval"),
                            ("QUEUED", "Waiting to be sent"),
                            ("SENDING", "Sending"),
                            ("CREATED", "Created"),
                            ("NEEDS_FIX", "Needs correcting"),
                            ("UNCERTAIN", "Checking with Heffl"),
                            ("REVIEW", "Needs a person"),
                            ("REJECTED", "Rejected"),
                            ("DROPPED", "Dropped"),
                        ],
                        default="QUEUED",
                        max_length=10,
                    ),
                ),
                ("number", models.CharField(blank=True, max_length=200)),
                ("heffl_id", models.CharField(blank=True, max_length=200)),
                ("delivered_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=40)),
                ("problem_field", models.CharField(blank=True, max_length=80)),
                ("message", models.CharField(blank=True, max_length=500)),
                ("revision", models.PositiveIntegerField(default=1)),
                ("closed_reason", models.CharField(blank=True, max_length=500)),
                ("not_before", models.DateTimeField(default=django.utils.timezone.now)),
                ("queued_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("fence", models.PositiveIntegerField(default=0)),
                ("lease_until", models.DateTimeField(null=True)),
                ("safe_failures", models.PositiveIntegerField(default=0)),
                ("look_first", models.BooleanField(default=False)),
                ("reconcile_at", models.DateTimeField(null=True)),
                ("clean_scans", models.PositiveSmallIntegerField(default=0)),
                ("requeued_once", models.BooleanField(default=False)),
                ("candidates", models.JSONField(blank=True, default=list)),
                ("created_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="submissions", to="clients_app.organisation")),
                ("campaign", models.CharField(blank=True, max_length=60)),
                ("consent_version", models.PositiveIntegerField(null=True)),
                ("held_for", models.JSONField(blank=True, default=list)),
                ("language", models.CharField(blank=True, max_length=5)),
                ("receipt", models.CharField(blank=True, max_length=32)),
                ("reported", models.BooleanField(default=False)),
                ("decided_at", models.DateTimeField(null=True)),
                ("decided_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("duplicate_of", models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to="clients_app.submission")),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("status", "QUEUED")), fields=["organisation", "lane", "id"], name="submission_queue"),
                    models.Index(condition=models.Q(("status", "SENDING")), fields=["lease_until"], name="submission_lease"),
                    models.Index(condition=models.Q(("reconcile_at__isnull", False)), fields=["reconcile_at"], name="submission_reconcile"),
                    models.Index(fields=["organisation", "-created_at", "-id"], name="submission_added"),
                    models.Index(fields=["organisation", "name_key", "id"], name="submission_name"),
                    models.Index(fields=["organisation", "number", "id"], name="submission_number"),
                    models.Index(fields=["organisation", "status", "type", "source", "-created_at", "-id"], name="submission_some_added"),
                    models.Index(fields=["organisation", "status", "type", "source", "name_key", "id"], name="submission_some_name"),
                    models.Index(fields=["organisation", "status", "type", "source", "number", "id"], name="submission_some_number"),
                    models.Index(fields=["heffl_id"], name="submission_heffl_id"),
                    models.Index(condition=models.Q(("campaign", ""), _negated=True), fields=["organisation", "campaign", "status", "type", "-created_at", "-id"], name="submission_campaign_add"),
                    models.Index(condition=models.Q(("campaign", ""), _negated=True), fields=["organisation", "campaign", "status", "type", "name_key", "id"], name="submission_campaign_nam"),
                    models.Index(condition=models.Q(("campaign", ""), _negated=True), fields=["organisation", "campaign", "status", "type", "number", "id"], name="submission_campaign_num"),
                    models.Index(condition=models.Q(("status__in", ["CREATED", "REJECTED", "DROPPED"]), _negated=True), fields=["status", "lane", "queued_at"], name="submission_open"),
                    models.Index(condition=models.Q(("status__in", ["PENDING", "NEEDS_FIX", "UNCERTAIN", "REVIEW"])), fields=["organisation", "status", "created_at", "id"], name="submission_review"),
                    models.Index(condition=models.Q(("decided_at__isnull", False)), fields=["organisation", "-decided_at", "-id"], name="submission_decided"),
                    models.Index(condition=models.Q(("duplicate_of__isnull", False)), fields=["duplicate_of"], name="submission_duplicate"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "submission_token"), name="submission_token_once"),
                    models.UniqueConstraint(condition=models.Q(("heffl_id", ""), _negated=True), fields=("organisation", "heffl_id"), name="submission_heffl_id_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "CREATED"), models.Q(("heffl_id", ""), _negated=True)),
                            models.Q(models.Q(("status", "CREATED"), _negated=True), ("heffl_id", ""), ("number", "")),
                            _connector="OR",
                        ),
                        name="submission_id_iff_created",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["PENDING", "QUEUED", "SENDING", "CREATED", "NEEDS_FIX", "UNCERTAIN", "REVIEW", "REJECTED", "DROPPED"])), name="submission_status_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lease_until__isnull", False), ("status", "SENDING")), models.Q(models.Q(("status", "SENDING"), _negated=True), ("lease_until__isnull", True)), _connector="OR"
                        ),
                        name="submission_lease_iff_sending",
                    ),
                    models.UniqueConstraint(condition=models.Q(("receipt", ""), _negated=True), fields=("receipt",), name="submission_receipt_once"),
                ],
            },
        ),
        migrations.CreateModel(
            name="DeliveryAttempt",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("fence", models.PositiveIntegerField()),
                ("fingerprint", models.CharField(max_length=64)),
                ("started_at", models.DateTimeField()),
                ("deadline_at", models.DateTimeField()),
                ("body_sha256", models.CharField(max_length=64)),
                ("finished_at", models.DateTimeField(null=True)),
                ("verdict", models.CharField(blank=True, max_length=16)),
                ("phase", models.CharField(blank=True, max_length=12)),
                ("http_status", models.PositiveSmallIntegerField(null=True)),
                ("reason", models.CharField(blank=True, max_length=40)),
                ("message", models.CharField(blank=True, max_length=500)),
                ("clock_skew", models.FloatField(default=0.0)),
                ("submission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="attempts", to="clients_app.submission")),
            ],
            options={
                "indexes": [models.Index(fields=["fingerprint", "-started_at"], name="attempt_by_key")],
                "constraints": [models.UniqueConstraint(fields=("submission", "fence"), name="attempt_fence_once")],
            },
        ),
        migrations.CreateModel(
            name="SignupPage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("languages", models.JSONField(blank=True, default=list, verbose_name="languages")),
                ("default_language", models.CharField(choices=[("en", "English"), ("ar", "العربية")], default="en", max_length=5)),
                ("accent", models.CharField(default="#0a5e86", max_length=7, verbose_name="colour")),
                ("logo", models.BinaryField(blank=True, null=True)),
                ("logo_hash", models.CharField(blank=True, max_length=16)),
                ("hidden_fields", models.JSONField(blank=True, default=list, verbose_name="hidden fields")),
                ("intro_en", models.CharField(blank=True, max_length=300)),
                ("intro_ar", models.CharField(blank=True, max_length=300)),
                ("thanks_en", models.CharField(blank=True, max_length=600)),
                ("thanks_ar", models.CharField(blank=True, max_length=600)),
                ("contact", models.CharField(blank=True, max_length=200, verbose_name="contact")),
                ("consent_en", models.CharField(blank=True, max_length=600)),
                ("consent_ar", models.CharField(blank=True, max_length=600)),
                ("consent_version", models.PositiveIntegerField(default=1)),
                ("allowed_origins", models.JSONField(blank=True, default=list, verbose_name="allowed sites")),
                ("shows_number", models.BooleanField(default=False, verbose_name="show the client number")),
                ("updated_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("organisation", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="signup_page", to="clients_app.organisation")),
                ("kiosk_key", models.CharField(blank=True, max_length=32)),
            ],
        ),
        migrations.CreateModel(
            name="SignupBucket",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("mark", models.CharField(max_length=64, unique=True)),
                ("empty_at", models.FloatField(db_index=True)),
            ],
        ),
        migrations.CreateModel(
            name="SignupMail",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("link", models.URLField(max_length=300)),
                ("told", models.CharField(blank=True, max_length=10)),
                ("told_revision", models.PositiveIntegerField(default=0)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("submission", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="signup_mail", to="clients_app.submission")),
            ],
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40)),
                ("label", models.CharField(max_length=40)),
                ("value", models.BigIntegerField(default=0)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("name", "label"), name="tally_once")],
            },
        ),
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("event_id", models.CharField(max_length=200)),
                ("sent_at", models.DateTimeField()),
                ("received_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ("kind", models.CharField(blank=True, max_length=60)),
                ("heffl_id", models.CharField(blank=True, max_length=200)),
                ("outcome", models.CharField(choices=[("looked", "An unclear client was looked up"), ("noted", "Nothing was unclear"), ("ignored", "Not about a new client")], max_length=8)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="webhook_events", to="clients_app.organisation")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("organisation", "event_id"), name="webhook_event_once"),
                    models.CheckConstraint(condition=models.Q(("event_id", ""), _negated=True), name="webhook_event_has_id"),
                ],
            },
        ),
        migrations.CreateModel(
            name="WebhookSecret",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("ciphertext", models.TextField()),
                ("last_four", models.CharField(max_length=4)),
                ("added_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_used_at", models.DateTimeField(null=True)),
                ("added_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="webhook_secrets", to="clients_app.organisation")),
            ],
        ),
        migrations.CreateModel(
            name="FieldReading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("read_at", models.DateTimeField(null=True)),
                ("tried_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("problem", models.CharField(blank=True, max_length=200)),
                ("told", models.JSONField(default=list)),
                ("drift", models.JSONField(default=list)),
                ("organisation", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="field_reading", to="clients_app.organisation")),
            ],
        ),
        migrations.CreateModel(
            name="ClientKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.BigIntegerField()),
                ("organisation", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="+", to="clients_app.organisation")),
                ("submission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="keys", to="clients_app.submission")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organisation", "key", "submission"), name="client_key_once")],
            },
        ),
        migrations.CreateModel(
            name="SubmissionRevision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.PositiveIntegerField()),
                ("type", models.CharField(max_length=8)),
                ("answers", models.JSONField()),
                ("replaced_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("replaced_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("submission", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="revisions", to="clients_app.submission")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("submission", "revision"), name="revision_once")],
            },
        ),
        migrations.CreateModel(
            name="AuditSeal",
            fields=[
                ("position", models.BigIntegerField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_event", models.BigIntegerField()),
                ("entries", models.JSONField()),
                ("digest", models.CharField(max_length=64)),
                ("kid", models.CharField(max_length=32)),
                ("mac", models.CharField(max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("email", models.EmailField(max_length=254)),
                ("role", models.CharField(choices=[("owner", "Owner"), ("admin", "Administrator"), ("reviewer", "Reviewer"), ("frontdesk", "Front desk")], max_length=12)),
                ("language", models.CharField(max_length=5)),
                ("token_hash", models.CharField(max_length=64, unique=True)),
                ("sent_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("expires_at", models.DateTimeField()),
                ("invited_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="invitations", to="clients_app.organisation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organisation", "email"), name="invitation_once")],
            },
        ),
        migrations.CreateModel(
            name="Digest",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("day", models.DateField()),
                ("sent_at", models.DateTimeField(null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(db_index=True, null=True)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="digests", to="clients_app.organisation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organisation", "day"), name="digest_once_a_day")],
            },
        ),
        migrations.CreateModel(
            name="Incident",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("key_refused", "Heffl refuses the API key"),
                            ("key_unverified", "The API key has not been checked yet"),
                            ("key_unreadable", "The stored API key cannot be opened"),
                            ("configuration", "Heffl's address or certificate is wrong"),
                            ("outage", "Heffl is not answering"),
                            ("restored", "A backup was restored"),
                            ("no_key", "Clients wait, and there is no API key"),
                            ("drift", "Heffl's answers have changed"),
                        ],
                        max_length=16,
                    ),
                ),
                ("subject", models.CharField(blank=True, max_length=80)),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("ended_at", models.DateTimeField(null=True)),
                ("told", models.PositiveSmallIntegerField(default=0)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(db_index=True, null=True)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="incidents", to="clients_app.organisation")),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("ended_at__isnull", True)), fields=["kind"], name="incident_open")],
                "constraints": [models.UniqueConstraint(condition=models.Q(("ended_at__isnull", True)), fields=("organisation", "kind", "subject"), name="incident_once")],
            },
        ),
        migrations.CreateModel(
            name="DriftSign",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("operation", models.CharField(max_length=20)),
                ("sign", models.CharField(max_length=80)),
                ("example", models.CharField(max_length=500)),
                ("seen", models.PositiveIntegerField(default=0)),
                ("fine", models.PositiveIntegerField(default=0)),
                ("submissions", models.JSONField(default=list)),
                ("first_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("last_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("standing_since", models.DateTimeField(null=True)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="drift_signs", to="clients_app.organisation")),
            ],
            options={
                "indexes": [models.Index(condition=models.Q(("standing_since__isnull", False)), fields=["standing_since"], name="drift_standing")],
                "constraints": [models.UniqueConstraint(fields=("organisation", "operation", "sign"), name="drift_sign_once")],
            },
        ),
        migrations.CreateModel(
            name="FileImport",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("uuid", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("file_name", models.CharField(max_length=120)),
                ("sha256", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=4)),
                ("content", models.BinaryField(null=True)),
                ("encoding", models.CharField(blank=True, max_length=10)),
                ("delimiter", models.CharField(blank=True, max_length=1)),
                ("columns", models.JSONField(default=list)),
                ("default_type", models.CharField(default="company", max_length=8)),
                (
                    "state",
                    models.CharField(choices=[("draft", "Not started"), ("storing", "Loading"), ("paused", "Paused"), ("stored", "Loaded"), ("cancelled", "Cancelled")], default="draft", max_length=9),
                ),
                ("total", models.PositiveIntegerField(default=0)),
                ("done", models.PositiveIntegerField(default=0)),
                ("made", models.PositiveIntegerField(default=0)),
                ("known", models.PositiveIntegerField(default=0)),
                ("faulty", models.PositiveIntegerField(default=0)),
                ("started_at", models.DateTimeField(null=True)),
                ("finished_at", models.DateTimeField(null=True)),
                ("created_by", models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("organisation", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="imports", to="clients_app.organisation")),
            ],
            options={
                "db_table": "clients_app_csvimport",
                "indexes": [
                    models.Index(fields=["organisation", "-created_at"], name="import_by_organisation"),
                    models.Index(condition=models.Q(("state", "storing")), fields=["id"], name="import_at_work"),
                    models.Index(condition=models.Q(("content__isnull", False)), fields=["created_at"], name="import_with_content"),
                ],
                "constraints": [models.CheckConstraint(condition=models.Q(("state__in", ["draft", "storing", "paused", "stored", "cancelled"])), name="import_state_known")],
            },
        ),
        migrations.CreateModel(
            name="ImportedRow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.PositiveIntegerField()),
                ("file_import", models.ForeignKey(db_column="csv_import_id", on_delete=django.db.models.deletion.CASCADE, related_name="rows", to="clients_app.fileimport")),
                ("submission", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="imported_row", to="clients_app.submission")),
            ],
        ),
        migrations.CreateModel(
            name="Retention",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("keep_created", models.PositiveIntegerField(default=90, null=True)),
                ("keep_closed", models.PositiveIntegerField(default=30, null=True)),
                ("purged_on", models.DateField(null=True)),
                ("organisation", models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name="retention", to="clients_app.organisation")),
            ],
        ),
        migrations.CreateModel(
            name="ConsentText",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField()),
                ("text_en", models.CharField(blank=True, max_length=600)),
                ("text_ar", models.CharField(blank=True, max_length=600)),
                ("since", models.DateTimeField(default=django.utils.timezone.now)),
                ("organisation", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="consent_texts", to="clients_app.organisation")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("organisation", "version"), name="consent_text_once")],
            },
        ),
        migrations.CreateModel(
            name="Look",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("hour", models.DateTimeField(db_index=True)),
                ("person", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name="+", to=settings.AUTH_USER_MODEL)),
                ("submission", models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name="looks", to="clients_app.submission")),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("submission", "person", "hour"), name="look_once_an_hour")],
            },
        ),
    ]
