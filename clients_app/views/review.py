"""A reviewer decides about one client: send it again, link it, or drop it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from clients_app import review
from clients_app.models import Membership, Role, Submission
from clients_app.text import UnusableText, clean_text
from clients_app.views.access import members_only

LONGEST_REASON = 500


def _shown(request: HttpRequest, member: Membership, uuid: UUID) -> Submission:
    """Return the submission, at the revision that the page showed."""
    submission = get_object_or_404(member.organisation.submissions, uuid=uuid)
    posted = request.POST.get("revision", "")
    if posted.isascii() and posted.isdigit() and len(posted) < 10:
        submission.revision = int(posted)
    return submission


def _back(submission: Submission, member: Membership) -> HttpResponse:
    return redirect("submission-detail", member.organisation.slug, submission.uuid)


def _too_late(request: HttpRequest) -> None:
    messages.warning(request, _("Somebody else has already decided about this client."))


@require_POST
@members_only(Role.REVIEWER)
def submission_send_again(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Queue a client again as it is."""
    submission = _shown(request, member, uuid)
    try:
        review.send_again(submission, user=member.user)
    except review.AlreadyDecided:
        _too_late(request)
    return _back(submission, member)


@require_POST
@members_only(Role.REVIEWER)
def submission_link(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Settle a client as one that is in Heffl already."""
    submission = _shown(request, member, uuid)
    try:
        review.link(submission, request.POST.get("heffl_id", ""), user=member.user)
    except review.NotACandidate:
        messages.error(request, _("Choose one of the clients that were found."))
    except review.LinkedElsewhere:
        words = _("That client is in the history already. You can drop this entry.")
        messages.error(request, words)
    except review.AlreadyDecided:
        _too_late(request)
    return _back(submission, member)


@require_POST
@members_only(Role.REVIEWER)
def submission_drop(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Close a client without creating it in Heffl. A reason is asked for."""
    submission = _shown(request, member, uuid)
    try:
        reason = clean_text(request.POST.get("reason", ""))
    except UnusableText:
        reason = ""
    if not reason or len(reason) > LONGEST_REASON:
        messages.error(request, _("Give a reason of 500 characters or fewer."))
        return _back(submission, member)
    try:
        review.drop(submission, reason, user=member.user)
    except review.AlreadyDecided:
        _too_late(request)
    return _back(submission, member)
