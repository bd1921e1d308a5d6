"""Settings → Privacy: how long data is kept; one person's data found, handed out, erased."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from clients_app import privacy
from clients_app.csv_text import BYTE_ORDER_MARK, CONTENT_TYPE, lines
from clients_app.models import Membership, Retention, Role
from clients_app.views.access import members_only
from clients_app.views.downloads import as_file

DAYS = ("keep_created", "keep_closed")


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("who")
@members_only(Role.ADMIN)
def settings_privacy(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show and change how long data is kept; find, hand out or erase one person's data."""
    organisation = member.organisation
    if request.method == "POST":
        match request.POST.get("action"):
            case "keep":
                return _kept(request, member)
            case "find":
                return _page(request, member, who=request.POST.get("who", ""))
            case "json" | "csv" as kind:
                return _handed_out(request, member, kind)
            case "erase":
                return _erased(request, member)
            case _other:
                return redirect("settings-privacy", organisation.slug)
    return _page(request, member)


def _page(
    request: HttpRequest,
    member: Membership,
    *,
    who: str = "",
    typed: dict[str, str] | None = None,
    errors: dict[str, str] | None = None,
    **extra: Any,
) -> HttpResponse:
    organisation = member.organisation
    retention = Retention.of(organisation)
    values = typed or {
        name: "" if getattr(retention, name) is None else str(getattr(retention, name))
        for name in DAYS
    }
    found = privacy.find(organisation, who[:330]) if who.strip() else []
    context = {
        "member": member,
        "values": values,
        "errors": errors or {},
        "problems": [(f"id_{name}", words) for name, words in (errors or {}).items()],
        "preview": privacy.preview(organisation, retention),
        "who": who,
        "found": [
            {
                "row": row,
                "settled": privacy.is_settled(row) and not privacy.is_cleared(row),
            }
            for row in found
        ],
        "any_settled": any(privacy.is_settled(row) for row in found),
        **extra,
    }
    status = 422 if errors else 200
    return render(request, "organisation/privacy.html", context, status=status)


def _kept(request: HttpRequest, member: Membership) -> HttpResponse:
    typed = {name: request.POST.get(name, "").strip() for name in DAYS}
    days: dict[str, int | None] = {}
    errors = {}
    for name, text in typed.items():
        if not text:
            days[name] = None
        elif text.isdecimal() and len(text) < 6 and 1 <= int(text) <= privacy.LONGEST:
            days[name] = int(text)
        else:
            errors[name] = _("Enter a whole number of days, 1 or more, or nothing")
    if errors:
        return _page(request, member, typed=typed, errors=errors)
    privacy.choose_retention(
        member.organisation,
        keep_created=days["keep_created"],
        keep_closed=days["keep_closed"],
        user=member.user,
    )
    messages.success(request, _("Saved."))
    return redirect("settings-privacy", member.organisation.slug)


def _chosen(request: HttpRequest) -> list[str]:
    found = []
    for text in request.POST.getlist("client")[: privacy.FOUND_AT_MOST]:
        try:
            found.append(str(UUID(text)))
        except ValueError:
            continue
    return found


def _handed_out(request: HttpRequest, member: Membership, kind: str) -> HttpResponse:
    rows = list(member.organisation.submissions.filter(uuid__in=_chosen(request)))
    if not rows:
        messages.warning(request, _("Choose at least one client."))
        return _page(request, member, who=request.POST.get("who", ""))
    told = privacy.told_about(rows)
    privacy.note_export(member.organisation, len(rows), user=member.user)
    if kind == "json":
        text = json.dumps(told, ensure_ascii=False, indent=1)
        response = HttpResponse(text, content_type="application/json")
    else:
        response = HttpResponse(_as_csv(told), content_type=CONTENT_TYPE)
    return as_file(response, f"personal-data.{kind}")


def _as_csv(told: list[dict[str, Any]]) -> str:
    rows = [["client", "item", "value"]]
    for one in told:
        for name, value in one.items():
            items = value.items() if isinstance(value, dict) else [(name, value)]
            for item, content in items:
                text = (
                    content
                    if isinstance(content, str)
                    else json.dumps(content, ensure_ascii=False)
                )
                if content not in (None, "", [], {}):
                    rows.append([one["id"], item, text])
    return BYTE_ORDER_MARK + lines(rows)


def _erased(request: HttpRequest, member: Membership) -> HttpResponse:
    chosen = _chosen(request)
    if not chosen:
        messages.warning(request, _("Choose at least one client."))
        return _page(request, member, who=request.POST.get("who", ""))
    result = privacy.erase(member.organisation, chosen, user=member.user)
    words = ngettext(
        "The personal data of {count} client is erased here.",
        "The personal data of {count} clients is erased here.",
        result.count,
    )
    messages.success(request, words.format(count=result.count))
    if result.still_open:
        messages.warning(
            request, _("Clients that are not settled yet were left as they are.")
        )
    return _page(request, member, in_heffl=result.in_heffl)
