"""Organisation (the tenant), Membership (who belongs to it) and ApiCredential (its key).

ApiCredential is a table of its own, so that no join ever carries a ciphertext along.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What a member may do; each role includes those after it."""

    OWNER = "owner", _("Owner")
    ADMIN = "admin", _("Administrator")
    REVIEWER = "reviewer", _("Reviewer")
    FRONTDESK = "frontdesk", _("Front desk")


RANK = {Role.FRONTDESK: 1, Role.REVIEWER: 2, Role.ADMIN: 3, Role.OWNER: 4}


class ApprovalMode(models.TextChoices):
    """What happens to a public signup: sent at once, held when odd, or always held."""

    SEND = "send", _("Send at once")
    SUSPICIOUS = "suspicious", _("Hold suspicious ones")
    HOLD = "hold", _("Hold all")


class Organisation(models.Model):
    """A business that takes its clients into one Heffl workspace."""

    name = models.CharField(_("name"), max_length=160)
    slug = models.SlugField(max_length=60, unique=True)
    country = models.CharField(_("country"), max_length=2, default="AE")
    time_zone = models.CharField(max_length=64, default="Asia/Dubai")
    signup_mode = models.CharField(max_length=12, choices=ApprovalMode, blank=True)
    digest = models.BooleanField(default=True)
    reference_field = models.CharField(max_length=60, blank=True)
    """The custom field of Heffl that carries our reference to a submission; "" for none."""
    form_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.slug

    def locked(self) -> Organisation:
        """Lock the row and return it anew: two people change one organisation in turn."""
        return Organisation.objects.select_for_update().get(pk=self.pk)


class Membership(models.Model):
    """One person in one organisation with one role."""

    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="memberships"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships"
    )
    role = models.CharField(max_length=12, choices=Role)
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


class KeySlot(models.TextChoices):
    """Which of an organisation's two keys a row is."""

    CURRENT = "current", _("Current")
    NEXT = "next", _("Next")


class ApiCredentialQuerySet(models.QuerySet["ApiCredential"]):
    """Reads of keys that are still held."""

    def held(self) -> ApiCredentialQuerySet:
        """Return the keys that have not been revoked."""
        return self.filter(revoked_at__isnull=True)

    def current(self) -> ApiCredentialQuerySet:
        """Return the keys in use: one per organisation at most."""
        return self.held().filter(slot=KeySlot.CURRENT)


class ApiCredential(models.Model):
    """A Heffl API key, sealed to this organisation and this row. Write-only for people."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    organisation = models.ForeignKey(
        Organisation, on_delete=models.CASCADE, related_name="credentials"
    )
    slot = models.CharField(max_length=8, choices=KeySlot, default=KeySlot.CURRENT)
    ciphertext = models.TextField()
    prefix = models.CharField(max_length=16, blank=True)
    last_four = models.CharField(max_length=4)
    fingerprint = models.CharField(max_length=64, db_index=True)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="+"
    )
    added_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    objects = ApiCredentialQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "slot"],
                condition=Q(revoked_at__isnull=True),
                name="credential_one_per_slot",
            ),
        ]

    def __str__(self) -> str:
        return f"key …{self.last_four}"
