"""The clients taken in: the list with its filters, and its export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import urlencode

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_safe

from clients_app import audit
from clients_app.csv_text import CONTENT_TYPE
from clients_app.history.export import csv_lines
from clients_app.history.pages import Page, page_of
from clients_app.models import (
    ClientTypeChoice,
    Membership,
    Source,
    Status,
)
from clients_app.models.listing import NEWEST_FIRST, Cursor, Filters, Sort
from clients_app.models.search_text import LONGEST_QUERY
from clients_app.signup.accept import LONGEST_CAMPAIGN
from clients_app.views.access import members_only
from clients_app.views.client import who_added
from clients_app.views.downloads import as_file
from clients_app.views.period import read_period

CHOICES: dict[str, Any] = {
    "status": Status,
    "type": ClientTypeChoice,
    "source": Source,
}


@dataclass
class AskedOfList:
    """What an address asks of the list: what was typed, what it means, what is wrong."""

    typed: dict[str, str]
    filters: Filters
    sort: Sort
    errors: dict[str, str] = field(default_factory=dict)

    def query(self, **changes: str) -> str:
        """Return the query string for these filters, some changed, or dropped by ""."""
        parts = {**self.typed, "sort": self.sort.name, **changes}
        if parts["sort"] == NEWEST_FIRST.name:
            del parts["sort"]
        kept = {name: value for name, value in parts.items() if value}
        return f"?{urlencode(kept)}" if kept else "?"


def _asked(parameters: Mapping[str, str]) -> AskedOfList:
    """Read the list's parameters. What cannot be understood is named and not applied."""
    period = read_period(parameters)
    errors, typed = dict(period.errors), {}
    for name in ("q", *CHOICES, "campaign"):
        typed[name] = parameters.get(name, "").replace("\x00", "").strip()
    typed |= period.typed
    if len(typed["q"]) > LONGEST_QUERY:
        words = _("Search for {most} characters or fewer").format(most=LONGEST_QUERY)
        errors["q"], typed["q"] = words, ""
    if len(typed["campaign"]) > LONGEST_CAMPAIGN:
        words = _("A campaign has {most} characters or fewer")
        errors["campaign"] = words.format(most=LONGEST_CAMPAIGN)
        typed["campaign"] = ""
    for name, choices in CHOICES.items():
        if typed[name] and typed[name] not in choices.values:
            errors[name], typed[name] = _("Choose one from the list"), ""
    filters = Filters(
        q=typed["q"],
        status=typed["status"],
        type=typed["type"],
        source=typed["source"],
        campaign=typed["campaign"],
        since=period.since,
        until=period.until,
    )
    sort = Sort.named(parameters.get("sort", "")) or NEWEST_FIRST
    return AskedOfList(typed, filters, sort, errors)


@dataclass(frozen=True)
class ListedClient:
    """A client as a line of the list, ready to print."""

    url: str
    name: str
    number: str
    type: str
    status: str
    label: str
    at: datetime
    when: str
    by: str
    by_person: bool


@require_safe
@members_only()
def submission_list(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show a page of the clients to any member. Filters that are wrong are named."""
    organisation = member.organisation
    asked = _asked(request.GET)
    cursor = Cursor.decode(request.GET.get("cursor", ""))
    page = page_of(organisation, asked.filters, asked.sort, cursor)
    base = reverse("submission-list", args=[organisation.slug])
    context = {
        "member": member,
        "page": page,
        "asked": asked,
        "fields": _fields(asked),
        "lines": _lines(page, base),
        "columns": _columns(asked, page),
        "chips": _chips(asked),
        "count": _count_words(page),
        "note": _note(page),
        "narrowed": any(asked.typed.values()),
        "newer": page.newer and asked.query(cursor=page.newer),
        "older": page.older and asked.query(cursor=page.older),
        "by_age": page.sort == NEWEST_FIRST,
        "export": f"export.csv{asked.query()}",
    }
    return render(request, "submissions/list.html", context)


def _fields(asked: AskedOfList) -> dict[str, Any]:
    """Return what the filter form shows: value, error and options of each field."""
    fields: dict[str, Any] = {
        name: {"value": value, "error": asked.errors.get(name, "")}
        for name, value in asked.typed.items()
    }
    for name, choices in CHOICES.items():
        fields[name]["options"] = choices.choices
    more = ("source", "campaign", "from", "to")
    fields["more"] = any(asked.typed[name] or name in asked.errors for name in more)
    # `from` is a word of the template language's own making: reach it under another.
    fields["since"], fields["until"] = fields["from"], fields["to"]
    return fields


def _lines(page: Page, base: str) -> list[ListedClient]:
    types = dict(ClientTypeChoice.choices)
    labels = {value: str(label) for value, label in Status.choices}
    this_year = timezone.localtime().year
    lines = []
    for row in page.rows:
        at = timezone.localtime(row.created_at)
        lines.append(
            ListedClient(
                url=f"{base}{row.uuid}/",
                name=row.display_name,
                number=row.number,
                type=str(types[row.type]),
                status=row.status,
                label=labels[row.status],
                at=at,
                when=_when(at, this_year),
                by=who_added(row),
                by_person=row.created_by is not None,
            )
        )
    return lines


def _when(at: datetime, this_year: int) -> str:
    return date_format(at, _("j M, H:i") if at.year == this_year else _("j M Y, H:i"))


def _columns(asked: AskedOfList, page: Page) -> list[dict[str, str]]:
    """Return the heads of the table; those that sort carry a link."""
    heads = [
        ("number", pgettext("of a client", "Number"), "c-number"),
        ("name", _("Name"), ""),
        ("", _("Type"), "c-type"),
        ("", _("Status"), "c-status"),
        ("added", _("Added"), "c-added"),
        ("", _("By"), "c-by"),
    ]
    columns = []
    for name, label, css in heads:
        column = {"label": label, "class": css}
        if name:
            current = page.sort.name.removeprefix("-") == name
            first, second = (
                ("-added", "added") if name == "added" else (name, f"-{name}")
            )
            turned = current and page.sort.name == first
            column["href"] = asked.query(sort=second if turned else first)
            if current:
                falling = page.sort.descending
                column["order"] = "descending" if falling else "ascending"
                column["arrow"] = "↓" if falling else "↑"
        columns.append(column)
    return columns


def _chips(asked: AskedOfList) -> list[dict[str, str]]:
    labels = {
        "q": _("Search"),
        "status": _("Status"),
        "type": _("Type"),
        "source": _("Source"),
        "campaign": _("Campaign"),
        "from": _("Added from"),
        "to": _("Added to"),
    }
    chips = []
    for name, value in asked.typed.items():
        if not value or name in asked.errors:
            continue
        shown = value
        if name in CHOICES:
            shown = str(CHOICES[name](value).label)
        elif name in ("from", "to"):
            shown = date_format(date.fromisoformat(value), "j M Y")
        chips.append(
            {"label": labels[name], "value": shown, "href": asked.query(**{name: ""})}
        )
    return chips


def _count_words(page: Page) -> str:
    shown = number_format(page.count, force_grouping=True)
    if page.capped:
        return _("{count}+ clients").format(count=shown)
    return ngettext("{count} client", "{count} clients", page.count).format(count=shown)


def _note(page: Page) -> str:
    if page.too_many:
        most = number_format(page.count, force_grouping=True)
        return _(
            "More than {most} clients match, so they are in the order they were added. "
            "Narrow the search to sort them."
        ).format(most=most)
    if page.looked_through:
        looked = number_format(page.looked_through, force_grouping=True)
        return _(
            "{looked} clients were looked through for this page. The buttons below go on."
        ).format(looked=looked)
    return ""


@require_safe
@members_only()
def submission_export(request: HttpRequest, member: Membership) -> HttpResponseBase:
    """Stream all that the list's filters leave as CSV. Noted in the audit.

    Where a filter is wrong, nothing is handed out: the list says what it is.
    """
    organisation = member.organisation
    asked = _asked(request.GET)
    if asked.errors:
        # Never hand out more than was asked for: the list says what is wrong.
        address = reverse("submission-list", args=[organisation.slug])
        return HttpResponseRedirect(f"{address}?{request.GET.urlencode()}")
    if request.method != "HEAD":
        used = sorted(name for name, value in asked.typed.items() if value)
        audit.record(
            "export", organisation=organisation, actor=member.user,
            detail={"filters": used},
        )  # fmt: skip
    response = StreamingHttpResponse(
        csv_lines(organisation, asked.filters, asked.sort),
        content_type=CONTENT_TYPE,
    )
    name = f"clients-{organisation.slug}-{timezone.localdate():%Y-%m-%d}.csv"
    return as_file(response, name)
