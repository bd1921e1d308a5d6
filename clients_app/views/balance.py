"""The balance of an organisation: every accepted client accounted for, day by day."""

from __future__ import annotations

from datetime import timedelta

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clients_app.delivery import ledger
from clients_app.models import Membership, Role
from clients_app.notices import banner, digest
from clients_app.views.access import members_only
from clients_app.views.period import read_day

DAYS = 31


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def balance_page(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show a month of days, what waits in each lane, and the switch of the daily mail."""
    organisation = member.organisation
    if request.method == "POST":
        if (wanted := request.POST.get("digest")) in {"on", "off"}:
            if not member.has_role(Role.ADMIN):
                raise PermissionDenied
            digest.switch(organisation, wanted == "on", user=member.user)
            messages.success(request, _("The change is saved."))
        return redirect("balance", organisation.slug)
    today = timezone.localdate()
    until = min(read_day(request.GET.get("until", "")) or today, today)
    since = until - timedelta(days=DAYS - 1)
    lines = list(ledger.days_of(organisation, since, until))
    began = organisation.created_at.astimezone(timezone.get_current_timezone()).date()
    context = {
        "member": member,
        "lines": lines[::-1],
        "adds_up": all(line.adds_up for line in lines),
        "since": since,
        "until": until,
        "older": (since - timedelta(days=1)).isoformat() if since > began else "",
        "newest": until == today,
        "lanes": banner.lane_waits(organisation),
        "open": ledger.open_now(organisation),
        "changes": banner.changes_for(member),
        "may_switch": member.has_role(Role.ADMIN),
    }
    return render(request, "organisation/balance.html", context)
