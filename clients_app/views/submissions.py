"""Taking a client in, and correcting one that Heffl refused."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clients_app.intake import submissions
from clients_app.models import Membership, Source, Status, Submission
from clients_app.questions import phones
from clients_app.questions.form import SubmissionForm
from clients_app.views import kept, matches
from clients_app.views.access import members_only
from clients_app.views.kept import kept_over_sign_in

NO_FIELD = ("payload", "firewall")
"""Problems that are of no answer: there is nothing to mark."""
ONLY_SHOWN = ("switch", "again")
"""What a form may be sent for besides saving it: other fields, or another look."""


@require_http_methods(["GET", "HEAD", "POST"])
@kept_over_sign_in
@members_only()
def submission_create(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show the empty form; save a filled one and lead to its status."""
    organisation = member.organisation
    if request.method != "POST":
        form = SubmissionForm(
            organisation=organisation,
            initial={"type": request.GET.get("type", "")},
            country=request.GET.get("country", ""),
        )
        return _new(request, member, form)
    form = SubmissionForm(request.POST, organisation=organisation)
    if request.POST.get("action") in ONLY_SHOWN:
        form.show_only()
        _say_why_shown_again(request, form)
        return _new(request, member, form, shown=form.client_type)
    if not form.is_valid():
        return _new(request, member, form, shown=form.client_type, status=422)
    if alike := _not_asked_about(request, member, form):
        return _ask_about(request, member, form, alike)
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
    _warn_about_phone(request, submission)
    return _to_status(request, member, submission)


def _not_asked_about(
    request: HttpRequest, member: Membership, form: SubmissionForm
) -> list[matches.Line]:
    """Return who very likely is this client and was not shown yet; each is asked once."""
    organisation = member.organisation
    found = [
        match
        for match in matches.found_for(
            organisation, form.client_type, form.cleaned_answers()
        )
        if match.weight >= matches.STRONG
    ]
    asked = request.POST.get("asked", "").split(",")
    new = [match for match in found if str(match.submission.uuid) not in asked]
    if new and organisation.submissions.filter(submission_token=form.token).exists():
        return []  # sent before: that one is shown, not asked about
    return matches.lines_for(organisation, new)


def _ask_about(
    request: HttpRequest,
    member: Membership,
    form: SubmissionForm,
    alike: list[matches.Line],
) -> HttpResponse:
    words = _("This looks like {client}. Open it, or create a new client anyway.")
    asked = [*request.POST.get("asked", "").split(","), *(line.uuid for line in alike)]
    extra = {
        "problems": [("matches", words.format(client=line.title)) for line in alike],
        "button": _("Create a new client anyway"),
        "lines": alike,
        "asked": ",".join(filter(None, asked))[:2000],
    }
    return _new(request, member, form, shown=form.client_type, status=422, extra=extra)


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


def shown_again(request: HttpRequest) -> HttpResponseBase | None:
    """Return the client form as it was sent, for a person whose page was out of date.

    None unless the browser says that our own page sent it, and the page that it was made
    for who is signed in now: nobody meets answers that are not theirs.
    """
    route = request.resolver_match
    here = f"{request.scheme}://{request.get_host()}"
    owner = kept.owner_of(request.POST.get("typed_by", ""))
    if (
        route is None
        or route.view_name not in {"submission-create", "submission-edit"}
        or request.headers.get("Origin") != here
        or not owner
        or owner != str(request.user.pk)
    ):
        return None
    posted = request.POST.copy()
    posted["action"] = "again"
    request.POST = posted  # type: ignore[assignment]
    answer: HttpResponseBase = route.func(request, *route.args, **route.kwargs)
    return answer


def _say_why_shown_again(request: HttpRequest, form: SubmissionForm) -> None:
    if request.POST.get("action") == "again":
        words = _(
            "You signed in again in another window. Check the answers and send them "
            "once more."
        )
        form.refuse("", words)


def _desk(request: HttpRequest, member: Membership) -> dict[str, object]:
    """Return what the page needs to lose nothing: whose form it is, and until when."""
    return {
        "mark": kept.mark_of(member.user),
        "ends": kept.seconds_left(request),
        "fresh": request.method != "POST",
    }


def _new(
    request: HttpRequest,
    member: Membership,
    form: SubmissionForm,
    *,
    shown: str = "",
    status: int = 200,
    extra: Mapping[str, object] | None = None,
) -> HttpResponse:
    context = {
        "member": member,
        "form": form,
        "heading": _("New client"),
        "button": _("Create client"),
        "problems": form.problems(),
        "shown": shown,
        "asks": True,
        **_desk(request, member),
        **(extra or {}),
    }
    return render(request, "submissions/form.html", context, status=status)


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
        _say_why_shown_again(request, form)
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
    _warn_about_phone(request, submission)
    if "review" in request.GET:
        words = _("{name} is corrected and sent again.")
        messages.success(request, words.format(name=submission.display_name))
        address = reverse("review-item", args=[organisation.slug, submission.uuid])
        return HttpResponseRedirect(f"{address}?tab=fix&next", status=303)
    return _to_status(request, member, submission)


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
        "revision": request.POST.get("revision") or submission.revision,
        "cancel_url": _address(member, submission),
        **_desk(request, member),
    }
    return render(request, "submissions/form.html", context, status=status)


def _warn_about_phone(request: HttpRequest, submission: Submission) -> None:
    phone = str(submission.answers.get("phone") or "")
    if phone and not phones.is_in_use(phone):
        words = _("The phone number looks unusual for its country. Check it again.")
        messages.warning(request, words)


def _to_status(
    request: HttpRequest, member: Membership, submission: Submission
) -> HttpResponse:
    address = _address(member, submission)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"location": address}, status=201)
    # 303, not 302: whatever was posted, a browser now asks with GET.
    return HttpResponseRedirect(address, status=303)


def _address(member: Membership, submission: Submission) -> str:
    return reverse(
        "submission-detail", args=[member.organisation.slug, submission.uuid]
    )


def _taken(
    request: HttpRequest, member: Membership, submission: Submission
) -> HttpResponse:
    context = {"member": member, "submission": submission}
    return render(request, "submissions/taken.html", context, status=409)
