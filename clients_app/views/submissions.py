"""Taking a client in, and correcting one that Heffl refused."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clients_app import submissions
from clients_app.forms import SubmissionForm
from clients_app.models import Membership, Source, Status, Submission
from clients_app.views.access import members_only

NO_FIELD = ("payload", "firewall")
"""Problems that are of no answer: there is nothing to mark."""


@require_http_methods(["GET", "HEAD", "POST"])
@members_only()
def submission_create(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show the empty form; save a filled one and lead to its status."""
    organisation = member.organisation
    if request.method != "POST":
        asked = {"type": request.GET.get("type", "")}
        form = SubmissionForm(organisation=organisation, initial=asked)
        return _new(request, member, form)
    form = SubmissionForm(request.POST, organisation=organisation)
    if request.POST.get("action") == "switch":
        form.show_only()
        return _new(request, member, form, shown=form.client_type)
    if not form.is_valid():
        return _new(request, member, form, shown=form.client_type, status=422)
    submission = submissions.submit(
        organisation=organisation,
        client_type=form.client_type,
        answers=form.cleaned_answers(),
        source=Source.FRONTDESK,
        token=form.token,
        user=member.user,
    )
    if not _is_the_same(submission, form):
        return _sent_before(request, member, form, submission)
    return _to_status(member, submission)


def _is_the_same(submission: Submission, form: SubmissionForm) -> bool:
    """Say whether the row holds what this form says, or has moved on from it since."""
    return submission.revision > 1 or (
        submission.type == form.client_type
        and submission.answers == form.cleaned_answers()
    )


def _sent_before(
    request: HttpRequest, member: Membership, form: SubmissionForm, first: Submission
) -> HttpResponse:
    # Back button, other answers, sent again: neither drop them nor guess.
    form.renew_token()
    words = _(
        "This page was sent before, for {name}. Send it again to create another "
        "client with the answers below."
    )
    form.refuse("", words.format(name=first.display_name))
    return _new(request, member, form, shown=form.client_type, status=422)


def _new(
    request: HttpRequest,
    member: Membership,
    form: SubmissionForm,
    *,
    shown: str = "",
    status: int = 200,
) -> HttpResponse:
    context = {
        "member": member,
        "form": form,
        "heading": _("New client"),
        "button": _("Create client"),
        "problems": form.problems(),
        "shown": shown,
    }
    return render(request, "submissions/form.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only()
def submission_edit(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Show what was entered with Heffl's words where they belong; queue the correction."""
    organisation = member.organisation
    submission = get_object_or_404(organisation.submissions, uuid=uuid)
    if not submissions.is_correctable(submission):
        return _taken(request, member, submission)
    if request.method != "POST":
        entered = {**submission.answers, "type": submission.type}
        form = SubmissionForm(organisation=organisation, initial=entered)
        _repeat_refusal(form, submission)
        return _correction(request, member, submission, form)
    form = SubmissionForm(request.POST, organisation=organisation)
    if request.POST.get("action") == "switch":
        form.show_only()
        return _correction(request, member, submission, form)
    if not form.is_valid():
        return _correction(request, member, submission, form, status=422)
    submission.revision = _posted_revision(request, submission)
    revised = submissions.revise(
        submission=submission,
        client_type=form.client_type,
        answers=form.cleaned_answers(),
        user=member.user,
    )
    if not revised:
        return _taken(request, member, submission)
    return _to_status(member, submission)


def _posted_revision(request: HttpRequest, submission: Submission) -> int:
    posted = request.POST.get("revision", "")
    known = posted.isascii() and posted.isdigit() and len(posted) < 10
    return int(posted) if known else submission.revision


def _repeat_refusal(form: SubmissionForm, submission: Submission) -> None:
    if submission.status != Status.NEEDS_FIX or submission.problem in NO_FIELD:
        return
    reason = submission.message.rstrip(". ") or _("it gave no reason")
    label = form.label_at(submission.problem_field) or _("this client")
    words = _("Heffl did not accept {field}: {reason}. Correct it and send again.")
    form.refuse(submission.problem_field, words.format(field=label, reason=reason))


def _correction(
    request: HttpRequest,
    member: Membership,
    submission: Submission,
    form: SubmissionForm,
    *,
    status: int = 200,
) -> HttpResponse:
    context = {
        "member": member,
        "form": form,
        "heading": _("Correct and resend"),
        "button": _("Send again"),
        "problems": form.problems(),
        "shown": form.client_type,
        "revision": request.POST.get("revision") or submission.revision,
        "cancel_url": _address(member, submission),
    }
    return render(request, "submissions/form.html", context, status=status)


def _to_status(member: Membership, submission: Submission) -> HttpResponse:
    # 303, not 302: whatever was posted, a browser now asks with GET.
    return HttpResponseRedirect(_address(member, submission), status=303)


def _address(member: Membership, submission: Submission) -> str:
    return reverse(
        "submission-detail", args=[member.organisation.slug, submission.uuid]
    )


def _taken(
    request: HttpRequest, member: Membership, submission: Submission
) -> HttpResponse:
    context = {"member": member, "submission": submission}
    return render(request, "submissions/taken.html", context, status=409)
