"""What a reviewer decides about one client on its own page: send again, link, drop."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_POST,
)

from clients_app.models import Membership, Role, Submission
from clients_app.questions.posted import room_of
from clients_app.questions.text import UnusableText, clean_text
from clients_app.review import decisions
from clients_app.review.decisions import LONGEST_REASON
from clients_app.views.access import members_only


def posted_number(text: str) -> int | None:
    """Return a posted whole number of at most nine digits; None for anything else."""
    return int(text) if re.fullmatch("[0-9]{1,9}", text, re.ASCII) else None


def submission_as_shown(
    request: HttpRequest, member: Membership, uuid: UUID
) -> Submission:
    """Return the submission, at the revision that the page showed. Raises Http404."""
    submission = get_object_or_404(member.organisation.submissions, uuid=uuid)
    submission.organisation = member.organisation
    posted = posted_number(request.POST.get("revision", ""))
    if posted is not None:
        submission.revision = posted
    return submission


def back_to_client(submission: Submission, member: Membership) -> HttpResponse:
    return redirect("submission-detail", member.organisation.slug, submission.uuid)


def say_too_late(request: HttpRequest) -> None:
    messages.warning(request, _("Somebody else has already decided about this client."))


def typed_reason(request: HttpRequest) -> str:
    """Return the reason that was typed; "" for none, or none that can be kept."""
    typed = request.POST.get("reason", "").strip()
    try:
        reason = clean_text(typed) if len(typed) <= room_of(LONGEST_REASON) else ""
    except UnusableText:
        return ""
    return reason if len(reason) <= LONGEST_REASON else ""


@require_POST
@members_only(Role.REVIEWER)
def submission_send_again(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Queue a client again as it is; whoever comes second is told so."""
    submission = submission_as_shown(request, member, uuid)
    try:
        decisions.send_again(submission, user=member.user)
    except decisions.AlreadyDecided:
        say_too_late(request)
    return back_to_client(submission, member)


@require_POST
@members_only(Role.REVIEWER)
def submission_link(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Settle a client as one that is in Heffl already, by the `heffl_id` posted."""
    submission = submission_as_shown(request, member, uuid)
    heffl_id = request.POST.get("heffl_id", "")
    linked(request, partial(decisions.link, submission, heffl_id, user=member.user))
    return back_to_client(submission, member)


def linked(request: HttpRequest, act: Callable[[], None]) -> bool:
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
        say_too_late(request)
    else:
        messages.success(request, _("Linked to the client that exists."))
    return True


@require_POST
@members_only(Role.REVIEWER)
def submission_drop(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Close a client without creating it in Heffl. A reason is asked for."""
    submission = submission_as_shown(request, member, uuid)
    reason = typed_reason(request)
    if not reason:
        messages.error(request, _("Give a reason of 500 characters or fewer."))
        return back_to_client(submission, member)
    try:
        decisions.drop(submission, reason, user=member.user)
    except decisions.AlreadyDecided:
        say_too_late(request)
    return back_to_client(submission, member)
