"""The review queue: what waits for a person, one page per client, and what is decided there.

Each decision names the revision that the page showed: the second of two people is told, and
nothing is done twice. After it comes the next client of the same tab.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from clients_app.delivery.reconcile import NotNow
from clients_app.intake import duplicates
from clients_app.intake.submissions import is_correctable
from clients_app.models import HeldFor, Membership, Role, Status, Submission
from clients_app.models.listing import PAGE_SIZE, Cursor
from clients_app.questions.text import UnusableText, clean_text
from clients_app.review import decisions
from clients_app.review.decisions import LONGEST_REASON, Tab
from clients_app.views import wording
from clients_app.views.access import members_only
from clients_app.views.client import answers_of
from clients_app.views.comparing import with_candidate, with_match
from clients_app.views.correction import correction_form

_CHOSEN = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):([0-9]{1,9})")
MATCHES_SHOWN = 3
LONGEST_SEARCH = 160


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch("[0-9]{1,9}", text, re.ASCII) else None


def _shown(request: HttpRequest, member: Membership, uuid: UUID) -> Submission:
    """Return the submission, at the revision that the page showed."""
    submission = get_object_or_404(member.organisation.submissions, uuid=uuid)
    submission.organisation = member.organisation
    posted = _number(request.POST.get("revision", ""))
    if posted is not None:
        submission.revision = posted
    return submission


def _back(submission: Submission, member: Membership) -> HttpResponse:
    return redirect("submission-detail", member.organisation.slug, submission.uuid)


def _too_late(request: HttpRequest) -> None:
    messages.warning(request, _("Somebody else has already decided about this client."))


def _reason(request: HttpRequest) -> str:
    """Return the reason that was typed; "" for none, or none that can be kept."""
    try:
        reason = clean_text(request.POST.get("reason", ""))
    except UnusableText:
        return ""
    return reason if len(reason) <= LONGEST_REASON else ""


@require_POST
@members_only(Role.REVIEWER)
def submission_send_again(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Queue a client again as it is."""
    submission = _shown(request, member, uuid)
    try:
        decisions.send_again(submission, user=member.user)
    except decisions.AlreadyDecided:
        _too_late(request)
    return _back(submission, member)


@require_POST
@members_only(Role.REVIEWER)
def submission_link(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Settle a client as one that is in Heffl already."""
    submission = _shown(request, member, uuid)
    heffl_id = request.POST.get("heffl_id", "")
    _linked(request, partial(decisions.link, submission, heffl_id, user=member.user))
    return _back(submission, member)


def _linked(request: HttpRequest, act: Callable[[], None]) -> bool:
    """Link, or say why not; returns whether the client is settled, by whomever."""
    try:
        act()
    except decisions.NotACandidate:
        messages.error(request, _("Choose one of the clients that were found."))
        return False
    except decisions.LinkedElsewhere:
        words = _("That client is in the history already. You can drop this entry.")
        messages.error(request, words)
        return False
    except decisions.AlreadyDecided:
        _too_late(request)
    else:
        messages.success(request, _("Linked to the client that exists."))
    return True


@require_POST
@members_only(Role.REVIEWER)
def submission_drop(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Close a client without creating it in Heffl. A reason is asked for."""
    submission = _shown(request, member, uuid)
    reason = _reason(request)
    if not reason:
        messages.error(request, _("Give a reason of 500 characters or fewer."))
        return _back(submission, member)
    try:
        decisions.drop(submission, reason, user=member.user)
    except decisions.AlreadyDecided:
        _too_late(request)
    return _back(submission, member)


@dataclass(frozen=True)
class Line:
    """One line of the queue, ready to print."""

    row: Submission
    url: str
    mark: str
    checks: list[tuple[str, str]]
    since: str


def _tab(text: str, default: Tab = Tab.WAITING) -> Tab:
    return Tab(text) if text in list(Tab) else default


@require_safe
@members_only(Role.REVIEWER)
def review_queue(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show a page of one tab of the queue."""
    organisation = member.organisation
    tab = _tab(request.GET.get("tab", ""))
    page = decisions.page_of(
        organisation, tab, Cursor.decode(request.GET.get("cursor", ""))
    )
    alike = duplicates.newest_alike(page.rows) if tab is Tab.WAITING else {}
    for row in page.rows:
        row.organisation = organisation
    address = reverse("review-queue", args=[organisation.slug])
    query = partial(_query, tab)
    context = {
        "member": member,
        "tab": tab.value,
        "tabs": _tabs(member, tab),
        "lines": [_line(row, tab, alike, address) for row in page.rows],
        "newer": page.newer and query(cursor=page.newer),
        "older": page.older and query(cursor=page.older),
    }
    return render(request, "review/queue.html", context)


def _query(tab: Tab, **more: str) -> str:
    return f"?{urlencode({'tab': tab.value, **more})}"


def _tabs(member: Membership, current: Tab) -> list[dict[str, object]]:
    counted = decisions.counts(member.organisation)
    labels = {
        Tab.WAITING: _("Waiting"),
        Tab.FIX: _("Needs fixing"),
        Tab.UNCLEAR: _("Unclear"),
        Tab.DONE: _("Done"),
    }
    tabs = []
    for tab, label in labels.items():
        number = sum(counted[status] for status in decisions.STATUSES.get(tab, ()))
        shown = (
            f"{decisions.COUNT_CAP}+" if number > decisions.COUNT_CAP else str(number)
        )
        tabs.append(
            {
                "label": label,
                "count": "" if tab is Tab.DONE else shown,
                "href": _query(tab),
                "current": tab is current,
            }
        )
    return tabs


def _line(
    row: Submission, tab: Tab, alike: dict[int, duplicates.Match], address: str
) -> Line:
    """Return a line: what there is to check, and since when."""
    checks: list[tuple[str, str]] = []
    if match := alike.get(row.pk):
        looks = _("Looks like {client}")
        other = match.submission
        checks.append(("warn", looks.format(client=other.number or other.display_name)))
    if tab is Tab.WAITING:
        checks += [("", words) for words in _held(row)]
    elif tab is Tab.FIX:
        label = wording.label_of(row, row.problem_field)
        refused = _("Heffl refused: {field}").format(field=label) if label else ""
        checks.append(("bad", refused or _("Heffl refused it")))
    elif tab is Tab.UNCLEAR:
        checks.append((f"-{row.status}", str(row.get_status_display())))
    else:
        words = _("Already a client") if row.duplicate_of_id else ""
        checks.append((f"-{row.status}", words or str(row.get_status_display())))
    since = row.decided_at if tab is Tab.DONE else row.created_at
    return Line(
        row,
        f"{address}{row.uuid}/{_query(tab)}",
        f"{row.uuid}:{row.revision}",
        checks,
        timesince(since or row.created_at, depth=1),
    )


def _held(row: Submission) -> list[str]:
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
    tab = _tab(request.POST.get("tab", ""))
    back = reverse("review-queue", args=[organisation.slug]) + _query(tab)
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
        tally = decisions.each(
            organisation, chosen, partial(decisions.approve, user=user)
        )
        done = ngettext("{count} approved.", "{count} approved.", tally.done)
        _say(request, tally, done)
    elif action == "resend":
        tally = decisions.each(
            organisation, chosen, partial(decisions.send_again, user=user)
        )
        done = ngettext("{count} sent again.", "{count} sent again.", tally.done)
        _say(request, tally, done)
    return HttpResponseRedirect(back, status=303)


def _say(request: HttpRequest, tally: decisions.Tally, done: str) -> None:
    """Tell how many were done, and how many somebody else had decided about."""
    told = done.format(count=tally.done)
    if tally.late:
        late = ngettext(
            "{count} had been decided by somebody else.",
            "{count} had been decided by somebody else.",
            tally.late,
        )
        told += " " + late.format(count=tally.late)
    (messages.warning if tally.late else messages.success)(request, told)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def review_reject(request: HttpRequest, member: Membership) -> HttpResponse:
    """Ask for the reason that applicants are told, then reject what was chosen."""
    organisation = member.organisation
    asked = request.POST if request.method == "POST" else request.GET
    chosen = _chosen(asked.getlist("chosen"))
    tab = _tab(asked.get("tab", ""))
    back = reverse("review-queue", args=[organisation.slug]) + _query(tab)
    rows = list(
        organisation.submissions.filter(
            uuid__in=[uuid for uuid, _revision in chosen],
            status__in=decisions.REJECTABLE,
        ).order_by("created_at", "pk")
    )
    if not chosen or (not rows and request.method != "POST"):
        if chosen:
            _too_late(request)
        else:
            messages.error(request, _("Choose at least one client."))
        return redirect(back)
    error = ""
    if request.method == "POST":
        if reason := _reason(request):
            act = partial(decisions.reject, reason=reason, user=member.user)
            tally = decisions.each(organisation, chosen, act)
            done = ngettext("{count} rejected.", "{count} rejected.", tally.done)
            _say(request, tally, done)
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


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def review_item(request: HttpRequest, member: Membership, uuid: UUID) -> HttpResponse:
    """Show one client beside those it may be; carry out what is decided, show the next."""
    submission = _shown(request, member, uuid)
    tab = _tab(request.GET.get("tab", ""), decisions.tab_of(submission))
    if request.method != "POST":
        if "next" in request.GET:
            return next_item(member, submission, tab)
        return _item(request, member, submission, tab)
    user = member.user
    name = submission.display_name
    try:
        match request.POST.get("action", ""):
            case "approve":
                decisions.approve(submission, user=user)
                told = _("{name} is approved and on its way to Heffl.")
                messages.success(request, told.format(name=name))
            case "resend":
                decisions.send_again(submission, user=user)
                told = _("{name} is sent again.")
                messages.success(request, told.format(name=name))
            case "drop":
                reason = _reason(request)
                if not reason:
                    words = _("Give a reason of 500 characters or fewer.")
                    return _item(request, member, submission, tab, error=words)
                decisions.drop(submission, reason, user=user)
                messages.success(request, _("{name} is dropped.").format(name=name))
            case "link":
                act = partial(
                    decisions.link,
                    submission,
                    request.POST.get("heffl_id", ""),
                    user=user,
                )
                if not _linked(request, act):
                    return _here(member, submission, tab)
            case "original":
                original = _original(member, request.POST.get("original", ""))
                if original is None:
                    messages.error(
                        request, _("Choose one of the clients that were found.")
                    )
                    return _here(member, submission, tab)
                act = partial(decisions.link_to, submission, original, user=user)
                if not _linked(request, act):
                    return _here(member, submission, tab)
            case "search":
                _search(request, submission)
                return _here(member, submission, tab)
            case _:
                return _here(member, submission, tab)
    except decisions.AlreadyDecided:
        _too_late(request)
    return next_item(member, submission, tab)


def _original(member: Membership, text: str) -> Submission | None:
    try:
        uuid = UUID(text)
    except ValueError:
        return None
    return member.organisation.submissions.filter(uuid=uuid).first()


def _search(request: HttpRequest, submission: Submission) -> None:
    try:
        text = clean_text(request.POST.get("q", ""))[:LONGEST_SEARCH]
        found = decisions.search_heffl(submission, text)
    except UnusableText:
        messages.error(request, _("Search for something that can be read."))
    except NotNow as wait:
        words = _("Heffl cannot be searched right now. Try again in a minute.")
        if wait.reason == "no_key":
            words = _("There is no API key yet. Ask an owner to add one in Settings.")
        messages.warning(request, words)
    else:
        words = ngettext(
            "{count} client found in Heffl.", "{count} clients found in Heffl.", found
        )
        messages.success(request, words.format(count=found))


def _address(member: Membership, submission: Submission, tab: Tab) -> str:
    path = reverse("review-item", args=[member.organisation.slug, submission.uuid])
    return path + _query(tab)


def _here(member: Membership, submission: Submission, tab: Tab) -> HttpResponse:
    return HttpResponseRedirect(_address(member, submission, tab), status=303)


def next_item(member: Membership, submission: Submission, tab: Tab) -> HttpResponse:
    """Lead to what stands after a client that was decided about, else to the queue."""
    organisation = member.organisation
    following = None
    if tab is not Tab.DONE:
        following = decisions.next_to(organisation, tab, submission, backwards=False)
        following = following or next(
            iter(decisions.page_of(organisation, tab).rows), None
        )
    if following is not None and following.pk != submission.pk:
        return _here(member, following, tab)
    address = reverse("review-queue", args=[organisation.slug])
    return HttpResponseRedirect(address + _query(tab), status=303)


def _item(
    request: HttpRequest,
    member: Membership,
    submission: Submission,
    tab: Tab,
    *,
    error: str = "",
) -> HttpResponse:
    organisation = member.organisation
    open_ = submission.status in decisions.DECIDABLE
    correctable = is_correctable(submission)
    before, after = (
        decisions.next_to(organisation, tab, submission, backwards=way)
        for way in (True, False)
    )
    told = wording.explain(submission)
    matches = (
        duplicates.matches_of(submission, limit=MATCHES_SHOWN)
        if open_ or submission.status == Status.UNCERTAIN
        else []
    )
    first = submission.revisions.order_by("revision").first()
    linked = submission.duplicate_of
    context = {
        "member": member,
        "submission": submission,
        "tab": tab.value,
        "queue": reverse("review-queue", args=[organisation.slug]) + _query(tab),
        "before": before and _address(member, before, tab),
        "after": after and _address(member, after, tab),
        "mark": f"{submission.uuid}:{submission.revision}",
        "told": told,
        "plain": wording.plain_refusal(submission),
        "held": _held(submission) if submission.status == Status.PENDING else [],
        "age": timesince(submission.created_at, timezone.now(), depth=1),
        "answers": answers_of(submission),
        "first": first
        and answers_of(
            Submission(
                organisation=organisation, type=first.type, answers=first.answers
            )
        ),
        "comparisons": [
            *(with_match(submission, match) for match in matches),
            *(with_candidate(submission, one) for one in submission.candidates),
        ],
        "form": correction_form(submission) if correctable else None,
        "approves": submission.status == Status.PENDING,
        "rejects": submission.status in decisions.REJECTABLE,
        "sends": submission.status in decisions.SENDABLE,
        "drops": submission.status in decisions.SENDABLE,
        "open": open_,
        "linked": linked,
        "decided_by": submission.decided_by,
        "error": error,
        "problems": [("id_reason", error)] if error else [],
        "typed": request.POST.get("reason", ""),
    }
    return render(request, "review/item.html", context, status=422 if error else 200)
