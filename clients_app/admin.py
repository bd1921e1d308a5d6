"""The site operator's view at /admin/: read-only, and without any key material or answers."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest
from django_tasks_db.models import DBTaskResult

from clients_app.models import AuditEvent, DeliveryAttempt, Organisation, Submission

# One sign-in for all: throttled, with second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Heffl Portal"
# What other apps would let an operator change: sign-ins are a person's own, whoever may
# edit an address can take an account over, and there are no groups here.
admin.site.unregister([Authenticator, DBTaskResult, EmailAddress, Group, UserSession])


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Shows the fields named in `fields` and changes nothing."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        """Refuse."""
        return False


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    """Name, address and how many clients were entered."""

    list_display = fields = ("name", "slug", "submissions", "created_at")
    search_fields = ("name", "slug")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        """Return the organisations with their number of submissions."""
        return Organisation.objects.annotate(submission_count=Count("submissions"))

    @admin.display(description="submissions")
    def submissions(self, organisation: Any) -> int:
        """Return how many clients were entered."""
        return int(organisation.submission_count)


@admin.register(Submission)
class SubmissionAdmin(ReadOnlyAdmin):
    """How far each submission got; not what was entered."""

    list_display = fields = (
        "uuid",
        "organisation",
        "type",
        "source",
        "status",
        "number",
        "problem",
        "created_at",
        "delivered_at",
    )
    list_filter = ("status",)
    search_fields = ("uuid", "number")
    list_select_related = ("organisation",)
    ordering = ("-id",)


@admin.register(DeliveryAttempt)
class DeliveryAttemptAdmin(ReadOnlyAdmin):
    """The tries: when, how far, with which verdict."""

    list_display = fields = (
        "id",
        "submission",
        "fence",
        "started_at",
        "finished_at",
        "verdict",
        "phase",
        "http_status",
        "reason",
    )
    list_select_related = ("submission",)
    ordering = ("-id",)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what."""

    list_display = fields = (
        "at",
        "organisation_id",
        "actor_id",
        "actor_label",
        "action",
        "object_type",
        "object_id",
        "detail",
    )
    list_filter = ("action",)
    ordering = ("-id",)
