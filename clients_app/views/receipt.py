"""A visitor's own page: how far their signup is, and the correction of what was refused."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from clients_app.models import (
    Status,
    Submission,
)
from clients_app.questions.audience import Audience
from clients_app.questions.form import SubmissionForm
from clients_app.signup.receipt import Stage, correct, field_to_correct, stage_of
from clients_app.views.visitors import (
    Visitor,
    address_of,
    audience_of,
    empty_form,
    languages_of,
    public,
    shell,
)


def to_receipt(visitor: Visitor, submission: Submission) -> HttpResponse:
    """Lead a visitor to their own page, a tablet to its thanks, which name nobody."""
    if visitor.kiosk:
        # The next one at the tablet must not find a way to this signup.
        said = visitor.asks_language | {"reference": reference_of(submission)}
        return HttpResponseRedirect(
            address_of("signup-kiosk-thanks", visitor, said), status=303
        )
    route = "signup-embed-receipt" if visitor.framed else "signup-receipt"
    address = reverse(route, args=[visitor.organisation.slug, submission.receipt])
    query = urlencode(visitor.asks_language)
    # 303, not 302: whatever was posted, a browser now asks with GET.
    return HttpResponseRedirect(address + (f"?{query}" if query else ""), status=303)


def reference_of(submission: Submission) -> str:
    """Return what a visitor can name when they ask: too little to open their page with."""
    return submission.receipt[:8].upper()


def _own(visitor: Visitor, receipt: str) -> Submission:
    """Return the signup that a receipt stands for."""
    found = visitor.organisation.submissions.filter(receipt=receipt).first()
    if found is None or not receipt:
        raise Http404
    found.organisation = visitor.organisation
    return found


def _keep_private(response: HttpResponse) -> HttpResponse:
    """Keep a page with a receipt in its address out of caches, indexes and referrers."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["X-Robots-Tag"] = "noindex, nofollow"
    return response


@require_safe
@public(closed_too=True)
def signup_receipt(
    request: HttpRequest, visitor: Visitor, receipt: str
) -> HttpResponse:
    """Show a visitor how far their own signup is."""
    return _receipt(request, visitor, receipt)


@require_safe
@public(framed=True, closed_too=True)
def signup_embed_receipt(
    request: HttpRequest, visitor: Visitor, receipt: str
) -> HttpResponse:
    """Do the same inside a frame on a site of the organisation."""
    return _receipt(request, visitor, receipt)


def _receipt(request: HttpRequest, visitor: Visitor, receipt: str) -> HttpResponse:
    submission = _own(visitor, receipt)
    page, stage = visitor.page, stage_of(submission)
    refused = submission.status == Status.REJECTED
    context = shell(visitor) | {
        "stage": stage.value,
        "submission": submission,
        "reference": reference_of(submission),
        "number": submission.number if page.shows_number else "",
        "reason": submission.closed_reason if refused else "",
        "field": _label(submission) if stage is Stage.CORRECT else "",
        "thanks": page.text("thanks", visitor.language),
        "languages": languages_of(request, visitor),
        "query": urlencode(visitor.asks_language),
    }
    return _keep_private(render(request, "signup/receipt.html", context))


def _label(submission: Submission) -> str:
    """Return the label of what is to be corrected, as the form has it."""
    form = SubmissionForm(
        organisation=submission.organisation,
        initial={**submission.answers, "type": submission.type},
        audience=Audience(public=True),
    )
    return form.label_at(submission.problem_field)


@require_http_methods(["GET", "HEAD", "POST"])
@public(closed_too=True)
def signup_correct(
    request: HttpRequest, visitor: Visitor, receipt: str
) -> HttpResponse:
    """Show a visitor what they entered with the one field named; send it again."""
    submission = _own(visitor, receipt)
    field = field_to_correct(submission)
    if not field:
        return _keep_private(to_receipt(visitor, submission))
    if request.method != "POST":
        form = empty_form(visitor, {**submission.answers, "type": submission.type})
        label = form.label_at(field)
        words = _("Check {field} and correct it, then send again.")
        form.refuse(field, words.format(field=label or _("your answers")))
        return _correction(request, visitor, form)
    form = SubmissionForm(
        request.POST,
        organisation=visitor.organisation,
        audience=audience_of(visitor),
    )
    if request.POST.get("action") == "switch":
        form.show_only()
        return _correction(request, visitor, form)
    if not form.is_valid():
        return _correction(request, visitor, form, status=422)
    correct(submission, client_type=form.client_type, answers=form.cleaned_answers())
    return _keep_private(to_receipt(visitor, submission))


def _correction(
    request: HttpRequest, visitor: Visitor, form: SubmissionForm, *, status: int = 200
) -> HttpResponse:
    context = shell(visitor) | {
        "form": form,
        "problems": form.problems(),
        "shown": form.client_type,
        "correcting": True,
        "languages": languages_of(request, visitor),
        "query": urlencode(visitor.asks_language),
    }
    return _keep_private(render(request, "signup/form.html", context, status=status))
