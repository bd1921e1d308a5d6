"""Membership: who belongs to an organisation, and with which role."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice
from clients_app.models.organisation import Organisation


class Role(models.TextChoices):
    """What a member may do; each role includes those after it."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    REVIEWER = "reviewer", _("Reviewer")
    FRONTDESK = "frontdesk", _("Front desk")


RANK = {Role.FRONTDESK: 1, Role.REVIEWER: 2, Role.ADMIN: 3, Role.OWNER: 4}


class Membership(models.Model):
    """One person in one organisation with one role."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = Choice(max_length=12, choices=Role, fallback=Role.FRONTDESK)
    suspended_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "user"], name="membership_once"
            ),
            models.CheckConstraint(
                condition=Q(role__in=Role.values), name="membership_role_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.organisation_id}/{self.user_id} {self.role}"

    def has_role(self, role: Role) -> bool:
        """Say whether this member's role is at least `role`."""
        return RANK[Role(self.role)] >= RANK[role]
