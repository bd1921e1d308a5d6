"""Correcting a client that Heffl refused: the form again, with its words at the field."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clients_app.intake import submissions
from clients_app.models import Membership, Status, Submission
from clients_app.questions.form import SubmissionForm
from clients_app.views.access import members_only
from clients_app.views.desk import (
    ONLY_SHOWN,
    client_address,
    desk_context,
    say_why_shown_again,
    to_client,
    warn_about_phone,
)
from clients_app.views.kept import kept_over_sign_in

NO_FIELD = ("payload", "firewall")
"""Problems that are of no answer: there is nothing to mark."""


@require_http_methods(["GET", "HEAD", "POST"])
@kept_over_sign_in
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
        form = correction_form(submission)
        return _correction(request, member, submission, form)
    form = SubmissionForm(request.POST, organisation=organisation)
    if request.POST.get("action") in ONLY_SHOWN:
        form.show_only()
        say_why_shown_again(request, form)
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
    submission.answers = form.cleaned_answers()
    warn_about_phone(request, submission)
    if "review" in request.GET:
        words = _("{name} is corrected and sent again.")
        messages.success(request, words.format(name=submission.display_name))
        address = reverse("review-item", args=[organisation.slug, submission.uuid])
        return HttpResponseRedirect(f"{address}?tab=fix&next", status=303)
    return to_client(request, member, submission)


def correction_form(submission: Submission) -> SubmissionForm:
    """Return the form with what was entered, and Heffl's words where they belong."""
    entered = {**submission.answers, "type": submission.type}
    form = SubmissionForm(organisation=submission.organisation, initial=entered)
    _repeat_refusal(form, submission)
    return form


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
        "revision": _posted_revision(request, submission),
        "cancel_url": client_address(member, submission),
        **desk_context(request, member),
    }
    return render(request, "submissions/form.html", context, status=status)


def _taken(
    request: HttpRequest, member: Membership, submission: Submission
) -> HttpResponse:
    context = {"member": member, "submission": submission}
    return render(request, "submissions/taken.html", context, status=409)
