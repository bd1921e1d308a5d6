"""What the pages with the staff's form share: a new client's and the one to correct."""

from __future__ import annotations

from django.contrib import messages
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import reverse
from django.utils.translation import gettext as _

from clients_app.models import Membership, Submission
from clients_app.questions import phones
from clients_app.questions.form import SubmissionForm
from clients_app.views import kept

ONLY_SHOWN = ("switch", "again")
"""What a form may be sent for besides saving it: other fields, or another look."""


def say_why_shown_again(request: HttpRequest, form: SubmissionForm) -> None:
    """Say it at the form's head, where it was sent from a page that was out of date."""
    if request.POST.get("action") == "again":
        words = _(
            "You signed in again in another window. Check the answers and send them "
            "once more."
        )
        form.refuse("", words)


def desk_context(request: HttpRequest, member: Membership) -> dict[str, object]:
    """Return what the page needs to lose nothing: whose form it is, and until when."""
    return {
        "mark": kept.mark_of(member.user),
        "ends": kept.seconds_left(request),
        "fresh": request.method != "POST",
    }


def warn_about_phone(request: HttpRequest, submission: Submission) -> None:
    """Ask to look twice at a phone number that its country does not give out."""
    phone = str(submission.answers.get("phone") or "")
    if phone and not phones.is_in_use(phone):
        words = _("The phone number looks unusual for its country. Check it again.")
        messages.warning(request, words)


def to_client(
    request: HttpRequest, member: Membership, submission: Submission
) -> HttpResponse:
    """Lead to a client that was stored, with 303; a script that takes JSON gets a 201."""
    address = client_address(member, submission)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"location": address}, status=201)
    # 303, not 302: whatever was posted, a browser now asks with GET.
    return HttpResponseRedirect(address, status=303)


def client_address(member: Membership, submission: Submission) -> str:
    return reverse(
        "submission-detail", args=[member.organisation.slug, submission.uuid]
    )
