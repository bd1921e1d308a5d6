"""Taking a client in at the desk: the empty form, the check before saving, the answer."""

from __future__ import annotations

from collections.abc import Mapping

from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clients_app.intake import submissions
from clients_app.models import Membership, Source, Submission
from clients_app.questions.form import SubmissionForm
from clients_app.views import kept, matches
from clients_app.views.access import members_only
from clients_app.views.desk import (
    ONLY_SHOWN,
    desk_context,
    say_why_shown_again,
    to_client,
    warn_about_phone,
)
from clients_app.views.kept import kept_over_sign_in

MOST_ASKED = 2_000
"""Characters of a form that say about whom was asked before."""


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
        say_why_shown_again(request, form)
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
    warn_about_phone(request, submission)
    return to_client(request, member, submission)


def _not_asked_about(
    request: HttpRequest, member: Membership, form: SubmissionForm
) -> list[matches.MatchLine]:
    """Return who very likely is this client and was not shown yet; each is asked once."""
    organisation = member.organisation
    found = [
        match
        for match in matches.found_for(
            organisation, form.client_type, form.cleaned_answers()
        )
        if match.weight >= matches.STRONG
    ]
    asked = request.POST.get("asked", "")[:MOST_ASKED].split(",")
    new = [match for match in found if str(match.submission.uuid) not in asked]
    if new and organisation.submissions.filter(submission_token=form.token).exists():
        return []  # sent before: that one is shown, not asked about
    return matches.lines_for(organisation, new)


def _ask_about(
    request: HttpRequest,
    member: Membership,
    form: SubmissionForm,
    alike: list[matches.MatchLine],
) -> HttpResponse:
    words = _("This looks like {client}. Open it, or create a new client anyway.")
    before = request.POST.get("asked", "")[:MOST_ASKED].split(",")
    asked = [*before, *(line.uuid for line in alike)]
    extra = {
        "problems": [("matches", words.format(client=line.title)) for line in alike],
        "button": _("Create a new client anyway"),
        "lines": alike,
        "asked": ",".join(filter(None, asked))[:MOST_ASKED],
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
        **desk_context(request, member),
        **(extra or {}),
    }
    return render(request, "submissions/form.html", context, status=status)
