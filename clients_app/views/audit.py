"""The audit trail of one organisation: who did what, filtered, page by page, and as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from clients_app import audit
from clients_app.csv_text import CONTENT_TYPE
from clients_app.history.export import audit_lines
from clients_app.models import AuditEvent, Membership, Role, User
from clients_app.models.audit_event import LATEST_FIRST, AuditFilters
from clients_app.models.listing import PAGE_SIZE, Cursor, slice_of
from clients_app.views.access import members_only
from clients_app.views.audit_words import ACTIONS, action_words, detail_words
from clients_app.views.downloads import as_file
from clients_app.views.period import LONGEST_KEPT, read_period

NAMES = ("person", "client", "action")


@dataclass
class AskedOfTrail:
    """What an address asks of the trail: what was typed, what it means, what is wrong."""

    typed: dict[str, str]
    filters: AuditFilters
    errors: dict[str, str] = field(default_factory=dict)

    def query(self, **more: str) -> str:
        """Return the query string for these filters and something more; "?" for none."""
        kept = {name: text for name, text in {**self.typed, **more}.items() if text}
        return f"?{urlencode(kept)}" if kept else "?"


def _asked(request: HttpRequest) -> AskedOfTrail:
    """Read the parameters. What cannot be understood is named and not applied."""
    typed = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:LONGEST_KEPT]
        for name in NAMES
    }
    period = read_period(request.GET)
    errors, typed = dict(period.errors), typed | period.typed
    person = typed["person"]
    if person and not (person.isascii() and person.isdigit() and len(person) < 19):
        errors["person"], typed["person"] = _("Choose one from the list"), ""
    if typed["action"] and typed["action"] not in ACTIONS:
        errors["action"], typed["action"] = _("Choose one from the list"), ""
    client = _uuid(typed["client"])
    if typed["client"] and not client:
        errors["client"] = _("Enter the reference of a client, as its page has it")
    filters = AuditFilters(
        person=int(typed["person"]) if typed["person"] else None,
        client=client,
        action=typed["action"],
        since=period.since,
        until=period.until,
    )
    return AskedOfTrail(typed, filters, errors)


def _uuid(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        return ""


@require_safe
@members_only(Role.ADMIN)
def audit_list(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show the trail to administrators, newest first. Filters that are wrong are named."""
    organisation = member.organisation
    asked = _asked(request)
    cursor = LATEST_FIRST.own(Cursor.decode(request.GET.get("cursor", "")))
    events = AuditEvent.objects.of(organisation.pk, asked.filters, cursor)
    page = slice_of(list(events[: PAGE_SIZE + 1]), LATEST_FIRST, cursor)
    context = {
        "member": member,
        "asked": asked,
        "errors": asked.errors,
        "people": _people(member, asked),
        "actions": sorted(
            ((code, str(words)) for code, words in ACTIONS.items()),
            key=lambda pair: pair[1],
        ),
        "lines": _lines(page.rows),
        "narrowed": any(asked.typed.values()),
        "newest": asked.query() if cursor else "",
        "older": page.older and asked.query(cursor=page.older),
        "export": reverse("audit-export", args=[organisation.slug]) + asked.query(),
    }
    return render(request, "audit/list.html", context)


def _people(member: Membership, asked: AskedOfTrail) -> list[tuple[str, str]]:
    """Return whom the filter offers: the members, and whoever is asked for now."""
    memberships = member.organisation.memberships.select_related("user")
    people = {str(each.user_id): each.user.shown_name for each in memberships}
    if asked.typed["person"]:
        people.setdefault(asked.typed["person"], f"#{asked.typed['person']}")
    return sorted(people.items(), key=lambda pair: pair[1].casefold())


def _lines(events: Iterable[AuditEvent]) -> list[dict[str, Any]]:
    events = list(events)
    ids = {event.actor_id for event in events if event.actor_id}
    names = {
        user.pk: user.shown_name
        for user in User.objects.filter(pk__in=ids).only("name", "email")
    }
    return [
        {
            "at": event.at,
            "who": names.get(event.actor_id or 0, ""),
            "gone": event.actor_id if event.actor_id not in names else None,
            "label": _label_words(event.actor_label),
            "person": event.actor_id,
            "words": action_words(event.action),
            "client": event.object_id if event.object_type == "submission" else "",
            "detail": detail_words(event.detail),
        }
        for event in events
    ]


def _label_words(label: str) -> str:
    return {
        "worker": _("the portal"),
        "command": _("the operator"),
        "": _("nobody signed in"),
    }.get(label, label)


@require_safe
@members_only(Role.ADMIN)
def audit_export(request: HttpRequest, member: Membership) -> HttpResponseBase:
    """Stream all that the filters leave as CSV. That is itself noted in the trail."""
    organisation = member.organisation
    asked = _asked(request)
    if asked.errors:
        # Never hand out more than was asked for: the list says what is wrong.
        address = reverse("audit-list", args=[organisation.slug])
        return redirect(f"{address}?{request.GET.urlencode()}")
    if request.method != "HEAD":
        used = sorted(name for name, text in asked.typed.items() if text)
        audit.record(
            "audit.exported",
            organisation=organisation,
            actor=member.user,
            detail={"filters": used},
        )
    response = StreamingHttpResponse(
        audit_lines(organisation, asked.filters), content_type=CONTENT_TYPE
    )
    name = f"audit-{organisation.slug}-{timezone.localdate():%Y-%m-%d}.csv"
    return as_file(response, name)
