"""The site operator's view at /admin/: read-only, and without any key material or answers."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.db.models import IntegerField, Model, OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property
from django_tasks_db.models import DBTaskResult

from clients_app.models import (
    AuditEvent,
    DeliveryAttempt,
    Membership,
    Organisation,
    Submission,
)
from clients_app.views.audit_words import ACTIONS

# One sign-in for all: throttled, with second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = admin.site.site_title = "Heffl Portal"


def _password_change(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """Lead to the one page that also tells the person and notes it in the trail."""
    return redirect("account_change_password")


admin.site.password_change = _password_change  # type: ignore[assignment, method-assign]
# What other apps would let an operator change: sign-ins are a person's own, whoever may
# edit an address can take an account over, and there are no groups here.
admin.site.unregister([Authenticator, DBTaskResult, EmailAddress, Group, UserSession])


MOST = 5_000
"""Rows that a list counts, and pages through, at most."""


class BoundedPaginator(Paginator[Any]):
    """Pages through the newest rows without ever counting millions."""

    @cached_property
    def count(self) -> int:
        """Return how many rows there are, up to `MOST`."""
        rows: Any = self.object_list
        return int(rows[:MOST].count())


class BoundedCount(Subquery):
    """Counts the rows of a subquery that says itself how many it reads at most."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) bounded)"
    output_field = IntegerField()


class ActionFilter(admin.SimpleListFilter):
    """The actions that the code knows; asking the table would read all of it."""

    title = "action"
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in sorted(ACTIONS)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Shows the fields named in `fields` and changes nothing."""

    list_per_page = 50
    show_full_result_count = False
    paginator = BoundedPaginator
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def lookup_allowed(
        self, lookup: str, value: str, request: HttpRequest | None = None
    ) -> bool:
        """Say whether an address may narrow the list so: by what `list_filter` names alone.

        Django would compare any column with anything, so that who may not read the answers
        could guess them, and year 1 be a fault.
        """
        named = {
            f"{one}__exact"
            if isinstance(one, str)
            else getattr(one, "parameter_name", "")
            for one in self.list_filter
        }
        return lookup in named and "\x00" not in str(value)

    def has_change_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False

    def has_delete_permission(
        self, request: HttpRequest, obj: Model | None = None
    ) -> bool:
        return False


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    """Name, address and use: members, clients entered, and the newest of them."""

    list_display = fields = (
        "name",
        "slug",
        "members",
        "submissions",
        "newest",
        "created_at",
    )
    search_fields = ("name", "slug")
    ordering = ("name", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Organisation]:
        """Add `member_count` and `submission_count`, up to `MOST` each, and `newest_at`."""
        of_this = OuterRef("pk")
        memberships = Membership.objects.filter(organisation=of_this)
        submissions = Submission.objects.filter(organisation=of_this)
        return Organisation.objects.annotate(
            member_count=BoundedCount(memberships.values("pk")[:MOST]),
            submission_count=BoundedCount(submissions.values("pk")[:MOST]),
            newest_at=Subquery(
                submissions.order_by("-created_at", "-id").values("created_at")[:1]
            ),
        )

    @admin.display(description="members")
    def members(self, organisation: Any) -> str:
        return _bounded(organisation.member_count)

    @admin.display(description="clients")
    def submissions(self, organisation: Any) -> str:
        return _bounded(organisation.submission_count)

    @admin.display(description="newest client")
    def newest(self, organisation: Any) -> Any:
        return organisation.newest_at


def _bounded(count: int) -> str:
    """Return a count in words: "5000+" stands for `MOST` and whatever is beyond."""
    return f"{count}+" if count >= MOST else str(count)


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
    """The trail by ids: what is named in it are fields and counts, never a person."""

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
    list_filter = (ActionFilter,)
    ordering = ("-id",)
