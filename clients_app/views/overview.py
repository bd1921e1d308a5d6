"""Numbers at a glance: what came in, how fast it got a number, what was refused, what waits."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import get_language_bidi, ngettext
from django.views.decorators.http import require_safe

from clients_app.heffl.contract import ClientType
from clients_app.history import overview
from clients_app.models import Membership, Role, Source, Status, Submission
from clients_app.questions.fields import questions_for
from clients_app.review import queue
from clients_app.review.queue import Tab
from clients_app.views import wording
from clients_app.views.access import members_only

OF_COMPANIES = {spec.name for spec in questions_for(ClientType.COMPANY)}
STEP, GAP, HEIGHT = 24, 4, 160


@dataclass(frozen=True)
class Bar:
    """A piece of a bar in the chart: a day's clients of one source."""

    source: str
    x: int
    y: float
    width: int
    height: float
    title: str


@dataclass(frozen=True)
class Chart:
    """The bars of the chart and the size they are drawn in."""

    bars: list[Bar]
    width: int
    height: int


def _chart(days: list[overview.Day], most: int) -> Chart:
    """Stack each day's sources; time runs the way the language does."""
    width = STEP * len(days)
    labels = {value: str(label) for value, label in Source.choices}
    bars = []
    for at, day in enumerate(days):
        place = len(days) - 1 - at if get_language_bidi() else at
        y = float(HEIGHT)
        for source, count in day.by_source.items():
            if count:
                height = round(count * (HEIGHT - 4) / most, 1)
                y = round(y - height, 1)
                title = f"{date_format(day.day, 'j M')}, {labels[source]}: {count}"
                bars.append(
                    Bar(source, place * STEP + GAP // 2, y, STEP - GAP, height, title)
                )
    return Chart(bars, width, HEIGHT)


def _duration(seconds: float) -> str:
    """Return a length of time in one unit."""
    if seconds < 90:
        count = max(1, round(seconds))
        words = ngettext("%d second", "%d seconds", count)
    elif seconds < 90 * 60:
        count = round(seconds / 60)
        words = ngettext("%d minute", "%d minutes", count)
    elif seconds < 36 * 3600:
        count = round(seconds / 3600)
        words = ngettext("%d hour", "%d hours", count)
    else:
        count = round(seconds / 86400)
        words = ngettext("%d day", "%d days", count)
    return words % count


@require_safe
@members_only(Role.REVIEWER)
def overview_page(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show reviewers what came in during thirty days, how fast it went, and what waits."""
    organisation = member.organisation
    days = overview.days(organisation)
    took = overview.times(organisation)
    most = max(day.total for day in days)
    sources = [
        (value, label, sum(day.by_source[value] for day in days))
        for value, label in Source.choices
    ]
    context = {
        "member": member,
        "waiting": _waiting(member),
        "chart": _chart(days, max(1, most)),
        "most": most,
        "total": sum(day.total for day in days),
        "first": days[0].day,
        "last": days[-1].day,
        "sources": sources,
        "table": [
            (day.day, list(day.by_source.values()), day.total) for day in reversed(days)
        ],
        "times": took
        and {
            "median": _duration(took.median),
            "slow": _duration(took.slow),
            "count": took.count,
        },
        "refusals": _refusals(member),
    }
    return render(request, "review/overview.html", context)


def _waiting(member: Membership) -> list[tuple[str, str, str]]:
    organisation = member.organisation
    address_of_queue = reverse("review-queue", args=[organisation.slug])
    clients = reverse("submission-list", args=[organisation.slug])
    tabs = {
        Status.PENDING: Tab.WAITING,
        Status.NEEDS_FIX: Tab.FIX,
        Status.REVIEW: Tab.UNCLEAR,
        Status.UNCERTAIN: Tab.UNCLEAR,
    }
    counted = queue.counts(organisation, [*tabs, Status.QUEUED, Status.SENDING])
    told = []
    for status, count in counted.items():
        tab = tabs.get(status)
        address = f"{address_of_queue}?{urlencode({'tab': tab.value})}" if tab else ""
        address = address or f"{clients}?{urlencode({'status': status.value})}"
        shown = f"{queue.COUNT_CAP}+" if count > queue.COUNT_CAP else str(count)
        told.append((str(status.label), shown, address))
    return told


def _refusals(member: Membership) -> list[tuple[str, int]]:
    counted: dict[str, int] = {}
    for field, problem, count in overview.refusals(member.organisation):
        asked_of = "company" if field in OF_COMPANIES else "contact"
        row = Submission(organisation=member.organisation, type=asked_of, answers={})
        label = wording.field_label(row, field) or wording.refusal_label(problem)
        counted[label] = counted.get(label, 0) + count
    return list(counted.items())
