"""The review queue: a tab of it, and one decision about many clients."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from clients_app.intake import duplicates
from clients_app.models import HeldFor, Membership, Role, Submission
from clients_app.models.listing import PAGE_SIZE, Cursor
from clients_app.review import decisions, queue
from clients_app.review.queue import Tab
from clients_app.views import wording
from clients_app.views.access import members_only
from clients_app.views.decisions import say_too_late, typed_reason

_CHOSEN = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]{1,9})")


@dataclass(frozen=True)
class QueueLine:
    """One line of the queue, ready to print."""

    row: Submission
    url: str
    mark: str
    checks: list[tuple[str, str]]
    since: str


def tab_named(text: str, default: Tab = Tab.WAITING) -> Tab:
    """Return the tab of an address, `default` for a name that is none."""
    return Tab(text) if text in list(Tab) else default


@require_safe
@members_only(Role.REVIEWER)
def review_queue(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show reviewers a page of one tab: WAITING, unless the address names another."""
    organisation = member.organisation
    tab = tab_named(request.GET.get("tab", ""))
    page = queue.page_of(
        organisation, tab, Cursor.decode(request.GET.get("cursor", ""))
    )
    alike = duplicates.newest_alike(page.rows) if tab is Tab.WAITING else {}
    for row in page.rows:
        row.organisation = organisation
    address = reverse("review-queue", args=[organisation.slug])
    query = partial(tab_query, tab)
    context = {
        "member": member,
        "tab": tab.value,
        "tabs": _tabs(member, tab),
        "lines": [_line(row, tab, alike, address) for row in page.rows],
        "newer": page.newer and query(cursor=page.newer),
        "older": page.older and query(cursor=page.older),
    }
    return render(request, "review/queue.html", context)


def tab_query(tab: Tab, **more: str) -> str:
    """Return the query string of a tab, with what `more` adds."""
    return f"?{urlencode({'tab': tab.value, **more})}"


def _tabs(member: Membership, current: Tab) -> list[dict[str, object]]:
    counted = queue.counts(member.organisation)
    labels = {
        Tab.WAITING: _("Waiting"),
        Tab.FIX: _("Needs fixing"),
        Tab.UNCLEAR: _("Unclear"),
        Tab.DONE: _("Done"),
    }
    tabs = []
    for tab, label in labels.items():
        number = sum(counted[status] for status in queue.STATUSES.get(tab, ()))
        shown = f"{queue.COUNT_CAP}+" if number > queue.COUNT_CAP else str(number)
        tabs.append(
            {
                "label": label,
                "count": "" if tab is Tab.DONE else shown,
                "href": tab_query(tab),
                "current": tab is current,
            }
        )
    return tabs


def _line(
    row: Submission, tab: Tab, alike: dict[int, duplicates.Match], address: str
) -> QueueLine:
    """Return a line: what there is to check, and since when."""
    checks: list[tuple[str, str]] = []
    if match := alike.get(row.pk):
        looks = _("Looks like {client}")
        other = match.submission
        checks.append(("warn", looks.format(client=other.number or other.display_name)))
    if tab is Tab.WAITING:
        checks += [("", words) for words in held_words(row)]
    elif tab is Tab.FIX:
        label = wording.field_label(row, row.problem_field)
        refused = _("Heffl refused: {field}").format(field=label) if label else ""
        checks.append(("bad", refused or _("Heffl refused it")))
    elif tab is Tab.UNCLEAR:
        checks.append((f"-{row.status}", str(row.get_status_display())))
    else:
        words = _("Already a client") if row.duplicate_of_id else ""
        checks.append((f"-{row.status}", words or str(row.get_status_display())))
    since = row.decided_at if tab is Tab.DONE else row.created_at
    return QueueLine(
        row,
        f"{address}{row.uuid}/{tab_query(tab)}",
        f"{row.uuid}:{row.revision}",
        checks,
        timesince(since or row.created_at, depth=1),
    )


def held_words(row: Submission) -> list[str]:
    """Return why a signup is held, in words; codes that are known no more are left out."""
    labels = dict(HeldFor.choices)
    return [str(labels[code]) for code in row.held_for if code in labels]


def _chosen(values: Sequence[str]) -> list[tuple[str, int]]:
    """Read marks "uuid:revision"; what is none is left out."""
    found = (_CHOSEN.fullmatch(value) for value in values[:PAGE_SIZE])
    return [(match[1], int(match[2])) for match in found if match]


@require_POST
@members_only(Role.REVIEWER)
def review_decide(request: HttpRequest, member: Membership) -> HttpResponse:
    """Do one thing to all clients that were chosen in the queue, and say what came of it."""
    organisation, user = member.organisation, member.user
    tab = tab_named(request.POST.get("tab", ""))
    back = reverse("review-queue", args=[organisation.slug]) + tab_query(tab)
    one = request.POST.get("one", "")
    action = "approve" if one else request.POST.get("action", "")
    marks = [one] if one else request.POST.getlist("chosen")
    chosen = _chosen(marks)
    if not chosen:
        messages.error(request, _("Choose at least one client."))
    elif action == "reject":
        query = urlencode([("tab", tab.value), *(("chosen", mark) for mark in marks)])
        address = reverse("review-reject", args=[organisation.slug])
        return HttpResponseRedirect(f"{address}?{query}", status=303)
    elif action == "approve":
        result = decisions.each(
            organisation, chosen, partial(decisions.approve, user=user)
        )
        done = ngettext("{count} approved.", "{count} approved.", result.done)
        _say_what_came(request, result, done)
    elif action == "resend":
        result = decisions.each(
            organisation, chosen, partial(decisions.send_again, user=user)
        )
        done = ngettext("{count} sent again.", "{count} sent again.", result.done)
        _say_what_came(request, result, done)
    return HttpResponseRedirect(back, status=303)


def _say_what_came(
    request: HttpRequest, result: decisions.BulkResult, done: str
) -> None:
    """Tell how many were done, and how many somebody else had decided about."""
    told = done.format(count=result.done)
    if result.late:
        late = ngettext(
            "{count} had been decided by somebody else.",
            "{count} had been decided by somebody else.",
            result.late,
        )
        told += " " + late.format(count=result.late)
    (messages.warning if result.late else messages.success)(request, told)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def review_reject(request: HttpRequest, member: Membership) -> HttpResponse:
    """Ask for the reason that applicants are told, then reject what was chosen."""
    organisation = member.organisation
    asked = request.POST if request.method == "POST" else request.GET
    chosen = _chosen(asked.getlist("chosen"))
    tab = tab_named(asked.get("tab", ""))
    back = reverse("review-queue", args=[organisation.slug]) + tab_query(tab)
    rows = list(
        organisation.submissions.filter(
            uuid__in=[uuid for uuid, _revision in chosen],
            status__in=decisions.REJECTABLE,
        ).order_by("created_at", "pk")
    )
    if not chosen or (not rows and request.method != "POST"):
        if chosen:
            say_too_late(request)
        else:
            messages.error(request, _("Choose at least one client."))
        return redirect(back)
    error = ""
    if request.method == "POST":
        if reason := typed_reason(request):
            act = partial(decisions.reject, reason=reason, user=member.user)
            result = decisions.each(organisation, chosen, act)
            done = ngettext("{count} rejected.", "{count} rejected.", result.done)
            _say_what_came(request, result, done)
            return HttpResponseRedirect(back, status=303)
        error = _("Give a reason of 500 characters or fewer.")
    context = {
        "member": member,
        "rows": rows,
        "marks": [f"{uuid}:{revision}" for uuid, revision in chosen],
        "tab": tab.value,
        "back": back,
        "error": error,
        "problems": [("id_reason", error)] if error else [],
        "typed": request.POST.get("reason", ""),
    }
    return render(request, "review/reject.html", context, status=422 if error else 200)
