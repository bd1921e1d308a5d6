"""Organisation: the tenant."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from clients_app.models.lenient import Choice, TimeZone


class ApprovalMode(models.TextChoices):
    """What happens to a public signup: sent at once, held when odd, or always held."""

    SEND = "send", _("Send at once")
    SUSPICIOUS = "suspicious", _("Hold suspicious ones")
    HOLD = "hold", _("Hold all")


class Organisation(models.Model):
    """A business that takes its clients into one Heffl workspace.

    `country` is an ISO code. An empty `signup_mode` closes the public page.
    `form_version` counts the changes of the questions, `digest` says whether a day's
    balance is mailed.
    """

    name = models.CharField(_("name"), max_length=160)
    slug = models.SlugField(max_length=60, unique=True)
    country = models.CharField(_("country"), max_length=2, default="AE")
    time_zone = TimeZone(max_length=64, default="Asia/Dubai")
    signup_mode = Choice(max_length=12, choices=ApprovalMode, blank=True)
    digest = models.BooleanField(default=True)
    reference_field = models.CharField(max_length=60, blank=True)
    """The custom field of Heffl that carries our reference to a submission; "" for none."""
    form_version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.slug

    def locked(self) -> Organisation:
        """Lock the row and return it anew: two people change one organisation in turn.

        Call it in a transaction, whose end lets go.
        """
        return Organisation.objects.select_for_update().get(pk=self.pk)
