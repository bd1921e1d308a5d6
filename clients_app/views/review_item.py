"""One client of the review queue beside those it may be; what is decided leads to the next."""

from __future__ import annotations

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import (
    require_http_methods,
)

from clients_app.delivery.reconcile import NotNow
from clients_app.intake import duplicates
from clients_app.intake.submissions import is_correctable
from clients_app.models import Membership, Role, Status, Submission
from clients_app.questions.posted import room_of
from clients_app.questions.text import UnusableText, clean_text
from clients_app.review import decisions, queue
from clients_app.review.queue import Tab
from clients_app.views import wording
from clients_app.views.access import members_only
from clients_app.views.client import answers_of
from clients_app.views.comparing import with_candidate, with_match
from clients_app.views.correction import correction_form
from clients_app.views.decisions import (
    linked,
    say_too_late,
    submission_as_shown,
    typed_reason,
)
from clients_app.views.review import held_words, tab_named, tab_query

MATCHES_SHOWN = 3
LONGEST_SEARCH = 160


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.REVIEWER)
def review_item(request: HttpRequest, member: Membership, uuid: UUID) -> HttpResponse:
    """Show one client beside those it may be; carry out what is decided, show the next."""
    submission = submission_as_shown(request, member, uuid)
    tab = tab_named(request.GET.get("tab", ""), queue.tab_of(submission))
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
                reason = typed_reason(request)
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
                if not linked(request, act):
                    return _to_item(member, submission, tab)
            case "original":
                original = _original(member, request.POST.get("original", ""))
                if original is None:
                    messages.error(
                        request, _("Choose one of the clients that were found.")
                    )
                    return _to_item(member, submission, tab)
                act = partial(decisions.link_to, submission, original, user=user)
                if not linked(request, act):
                    return _to_item(member, submission, tab)
            case "search":
                _search(request, submission)
                return _to_item(member, submission, tab)
            case _:
                return _to_item(member, submission, tab)
    except decisions.AlreadyDecided:
        say_too_late(request)
    return next_item(member, submission, tab)


def _original(member: Membership, text: str) -> Submission | None:
    try:
        uuid = UUID(text)
    except ValueError:
        return None
    return member.organisation.submissions.filter(uuid=uuid).first()


def _search(request: HttpRequest, submission: Submission) -> None:
    try:
        typed = request.POST.get("q", "").strip()[: room_of(LONGEST_SEARCH)]
        text = clean_text(typed)[:LONGEST_SEARCH]
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


def _item_address(member: Membership, submission: Submission, tab: Tab) -> str:
    path = reverse("review-item", args=[member.organisation.slug, submission.uuid])
    return path + tab_query(tab)


def _to_item(member: Membership, submission: Submission, tab: Tab) -> HttpResponse:
    return HttpResponseRedirect(_item_address(member, submission, tab), status=303)


def next_item(member: Membership, submission: Submission, tab: Tab) -> HttpResponse:
    """Lead to what stands after a client that was decided about, else to the queue.

    After the last one of a tab comes its first; of decisions, none.
    """
    organisation = member.organisation
    following = None
    if tab is not Tab.DONE:
        following = queue.next_to(organisation, tab, submission, backwards=False)
        following = following or next(iter(queue.page_of(organisation, tab).rows), None)
    if following is not None and following.pk != submission.pk:
        return _to_item(member, following, tab)
    address = reverse("review-queue", args=[organisation.slug])
    return HttpResponseRedirect(address + tab_query(tab), status=303)


def _item(
    request: HttpRequest,
    member: Membership,
    submission: Submission,
    tab: Tab,
    *,
    error: str = "",
) -> HttpResponse:
    organisation = member.organisation
    open_ = submission.status in queue.DECIDABLE
    correctable = is_correctable(submission)
    before, after = (
        queue.next_to(organisation, tab, submission, backwards=way)
        for way in (True, False)
    )
    told = wording.explain(submission)
    matches = (
        duplicates.matches_of(submission, limit=MATCHES_SHOWN)
        if open_ or submission.status == Status.UNCERTAIN
        else []
    )
    first = submission.revisions.order_by("revision").first()
    context = {
        "member": member,
        "submission": submission,
        "tab": tab.value,
        "queue": reverse("review-queue", args=[organisation.slug]) + tab_query(tab),
        "before": before and _item_address(member, before, tab),
        "after": after and _item_address(member, after, tab),
        "mark": f"{submission.uuid}:{submission.revision}",
        "told": told,
        "plain": wording.plain_refusal(submission),
        "held": held_words(submission) if submission.status == Status.PENDING else [],
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
        "linked": submission.duplicate_of,
        "decided_by": submission.decided_by,
        "error": error,
        "problems": [("id_reason", error)] if error else [],
        "typed": request.POST.get("reason", ""),
    }
    return render(request, "review/item.html", context, status=422 if error else 200)
