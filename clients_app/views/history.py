"""The clients taken in: the list, its export, one client and its live status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from clients_app import audit, privacy
from clients_app.heffl.contract import ClientType
from clients_app.history.export import csv_lines
from clients_app.history.pages import Page, page_of
from clients_app.intake.submissions import is_correctable
from clients_app.models import (
    ClientTypeChoice,
    Membership,
    Role,
    Source,
    Status,
    Submission,
)
from clients_app.models.listing import NEWEST_FIRST, Cursor, Filters, Sort
from clients_app.models.search import LONGEST_QUERY
from clients_app.questions import custom_fields
from clients_app.questions.answers import COUNTRY
from clients_app.questions.countries import country_code
from clients_app.questions.fields import in_country, label_of, questions_for
from clients_app.signup.accept import LONGEST_CAMPAIGN
from clients_app.views import wording
from clients_app.views.access import members_only
from clients_app.views.waiting import wait_for_change

CHOICES: dict[str, Any] = {
    "status": Status,
    "type": ClientTypeChoice,
    "source": Source,
}
ATTEMPTS_SHOWN = 50
YEARS = range(1970, 9999)


@dataclass
class Asked:
    """What an address asks of the list: what was typed, what it means, what is wrong."""

    typed: dict[str, str]
    filters: Filters
    sort: Sort
    errors: dict[str, str] = field(default_factory=dict)

    def query(self, **changes: str) -> str:
        """Return the query string for these filters with some parts changed or dropped."""
        parts = {**self.typed, "sort": self.sort.name, **changes}
        if parts["sort"] == NEWEST_FIRST.name:
            del parts["sort"]
        kept = {name: value for name, value in parts.items() if value}
        return f"?{urlencode(kept)}" if kept else "?"


def _asked(parameters: Mapping[str, str]) -> Asked:
    """Read the list's parameters. What cannot be understood is named and left out."""
    errors, typed = {}, {}
    for name in ("q", *CHOICES, "campaign", "from", "to"):
        typed[name] = parameters.get(name, "").replace("\x00", "").strip()
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
    days: dict[str, date | None] = {}
    for name in ("from", "to"):
        days[name] = _day(typed[name])
        if typed[name] and days[name] is None:
            errors[name], typed[name] = _("Enter a real date, like 2026-11-20"), ""
    if days["from"] and days["to"] and days["from"] > days["to"]:
        errors["to"] = _("Enter a date on or after the first one")
        days["to"], typed["to"] = None, ""
    since, until = days["from"], days["to"]
    filters = Filters(
        q=typed["q"],
        status=typed["status"],
        type=typed["type"],
        source=typed["source"],
        campaign=typed["campaign"],
        since=_midnight(since) if since else None,
        until=_midnight(until + timedelta(days=1)) if until else None,
    )
    sort = Sort.named(parameters.get("sort", "")) or NEWEST_FIRST
    return Asked(typed, filters, sort, errors)


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if len(text) == 10 and day.year in YEARS else None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))


@dataclass(frozen=True)
class Line:
    """One line of the list, ready to print."""

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
    """Show a page of the organisation's clients."""
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


def _fields(asked: Asked) -> dict[str, Any]:
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


def _lines(page: Page, base: str) -> list[Line]:
    types = dict(ClientTypeChoice.choices)
    labels = {value: str(label) for value, label in Status.choices}
    this_year = timezone.localtime().year
    lines = []
    for row in page.rows:
        at = timezone.localtime(row.created_at)
        person = row.created_by
        lines.append(
            Line(
                url=f"{base}{row.uuid}/",
                name=row.display_name,
                number=row.number,
                type=str(types[row.type]),
                status=row.status,
                label=labels[row.status],
                at=at,
                when=_when(at, this_year),
                by=person.shown_name if person else _door(row),
                by_person=person is not None,
            )
        )
    return lines


def _when(at: datetime, this_year: int) -> str:
    return date_format(at, _("j M, H:i") if at.year == this_year else _("j M Y, H:i"))


def _door(row: Submission) -> str:
    if row.source == Source.SIGNUP:
        return _("Signup page")
    return row.get_source_display()


def _columns(asked: Asked, page: Page) -> list[dict[str, str]]:
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


def _chips(asked: Asked) -> list[dict[str, str]]:
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
        if not value:
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
    """Stream all that the list's filters leave as CSV. Noted in the audit."""
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
        content_type="text/csv; charset=utf-8",
    )
    name = f"clients-{organisation.slug}-{timezone.localdate():%Y-%m-%d}.csv"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _submission(member: Membership, uuid: UUID) -> Submission:
    submission = get_object_or_404(
        member.organisation.submissions.select_related("created_by"), uuid=uuid
    )
    submission.organisation = member.organisation
    return submission


def _status(submission: Submission, member: Membership) -> dict[str, Any]:
    """Return what the status block shows."""
    told = wording.explain(submission)
    if submission.status == Status.REVIEW and not member.has_role(Role.REVIEWER):
        told = wording.for_onlookers(told)
    held = submission.status == Status.QUEUED and bool(told.detail)
    spoken = str(told) if told.failed else ""
    if submission.number:
        spoken = _("Client number {number}").format(number=submission.number)
    return {
        "member": member,
        "submission": submission,
        "told": told,
        "steps": wording.steps_of(submission, held),
        "spoken": spoken,
        "settled": submission.is_final
        and (bool(submission.number) or submission.status != Status.CREATED),
        "correctable": is_correctable(submission),
        "decides": submission.status in (Status.NEEDS_FIX, Status.REVIEW)
        and member.has_role(Role.REVIEWER),
        "needs_key": told.key and member.has_role(Role.OWNER),
    }


@require_safe
@members_only()
def submission_detail(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Show one client: how far it got, what was sent, and every try."""
    submission = _submission(member, uuid)
    if request.method != "HEAD" and not privacy.is_cleared(submission):
        privacy.looked(submission, member.user)
    now = timezone.now()
    attempts = list(submission.attempts.order_by("-fence")[: ATTEMPTS_SHOWN + 1])
    person = submission.created_by
    context = _status(submission, member) | {
        "answers": answers_of(submission),
        "attempts": [
            wording.attempt_line(attempt, now) for attempt in attempts[:ATTEMPTS_SHOWN]
        ],
        "more_attempts": len(attempts) > ATTEMPTS_SHOWN,
        "by": person.shown_name if person else _door(submission),
        "next_query": _like_this_one(submission),
        "cleared": privacy.is_cleared(submission),
        "consent": privacy.consent_to(submission),
        "looks": privacy.who_looked(submission) if member.has_role(Role.ADMIN) else [],
    }
    return render(request, "submissions/detail.html", context)


def _like_this_one(submission: Submission) -> str:
    """Return the query that opens the next form with this client's type and country."""
    asked = {}
    if submission.type != ClientType.COMPANY:
        asked["type"] = submission.type
    country = country_code(str(submission.answers.get(COUNTRY) or ""))
    if country and country != submission.organisation.country:
        asked["country"] = country
    return f"?{urlencode(asked)}" if asked else ""


def answers_of(submission: Submission) -> list[tuple[str, str]]:
    """Return what was entered, in form order: labels and values."""
    specs = custom_fields.specs_for(submission.organisation)
    answers = dict(submission.answers)
    country = country_code(str(answers.get(COUNTRY) or ""))
    told = [(_("Client type"), submission.get_type_display())]
    for spec in questions_for(ClientType(submission.type), specs):
        if value := _shown(answers.pop(spec.name, None)):
            told.append((label_of(in_country(spec, country)), value))
    # Answers to questions that are no longer asked.
    told += [
        (name, shown) for name, value in answers.items() if (shown := _shown(value))
    ]
    return told


def _shown(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


@require_safe
@vary_on_headers("Accept")
@members_only()
def submission_status(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Answer the status block, or the same as JSON where that is preferred.

    `seen` names the status that the asker knows: the answer may wait a moment for another.
    """
    submission = _submission(member, uuid)
    submission = wait_for_change(submission, request.GET.get("seen", ""))
    context = _status(submission, member)
    kinds = ["text/html", "application/json"]
    if request.get_preferred_type(kinds) == "application/json":
        return JsonResponse(
            {
                "status": submission.status,
                "number": submission.number,
                "heffl_id": submission.heffl_id,
                "message": str(context["told"]),
            }
        )
    return render(request, "submissions/_status.html", context)
