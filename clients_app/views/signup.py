"""The public signup page: shown, previewed, and what strangers send taken in."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlencode

from django.conf import settings
from django.http import (
    HttpRequest,
    HttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from clients_app import throttle
from clients_app.models import (
    Organisation,
    SignupPage,
)
from clients_app.questions.form import SubmissionForm
from clients_app.signup import accept, robots
from clients_app.views.kiosk import IDLE, LAST_CALL
from clients_app.views.receipt import to_receipt
from clients_app.views.visitors import (
    Visitor,
    address_of,
    audience_of,
    empty_form,
    languages_of,
    public,
    shell,
)

TRAP = "extra_details"
"""An input that no person sees. What fills it in is a robot."""
WAIT = 600


@require_http_methods(["GET", "HEAD", "POST"])
@public()
def signup_form(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Show the form; accept a filled one and lead to its own page."""
    return _form(request, visitor)


@require_http_methods(["GET", "HEAD", "POST"])
@public(framed=True)
def signup_embed(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Do the same inside a frame on a site of the organisation."""
    return _form(request, visitor)


@require_http_methods(["GET", "HEAD", "POST"])
@public(kiosk=True)
def signup_kiosk(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Do the same on a tablet at the desk, which forgets whoever was there before."""
    return _form(request, visitor)


def preview(
    request: HttpRequest, organisation: Organisation, language: str
) -> HttpResponse:
    """Return the page as a visitor would get it, open or not, taking nothing in.

    For the organisation's own people: the caller says who they are.
    """
    page = SignupPage.of(organisation)
    spoken = language if language in page.spoken else page.default_language
    visitor = Visitor(organisation, page, spoken, framed=True)
    context = shell(visitor) | {
        "form": empty_form(visitor, {}),
        "token": "preview",
        "proof": "preview",
        "trap": TRAP,
        "preview": True,
        "languages": languages_of(request, visitor),
        "query": urlencode(visitor.asks_language),
        "intro": page.text("intro", spoken),
        "consent": page.text("consent", spoken),
    }
    with translation.override(spoken):
        return render(request, "signup/form.html", context)


def _form(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    if request.method != "POST":
        return _opened(request, visitor)
    now = timezone.now()
    organisation, page = visitor.organisation, visitor.page
    form = SubmissionForm(
        request.POST,
        organisation=organisation,
        audience=audience_of(visitor),
    )
    token = robots.read_token(request.POST.get("submission_token", ""), organisation)
    sent = accept.already_sent(organisation, token) if token else None
    if sent is not None:
        return to_receipt(visitor, sent)
    if request.POST.get("action") == "switch":
        form.show_only()
        return _asked(request, visitor, form, token or robots.new_token(page, now))
    words = _why_not_taken(token, page, now)
    form.is_valid()
    if words or token is None:
        form.refuse("", words)
        token = robots.new_token(page, now)
    if form.errors:
        return _asked(request, visitor, form, token, status=422)
    return _taken_in(request, visitor, form, token, now)


def _opened(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Return a fresh page; an address may say the type and the name to begin with."""
    asked = {
        "type": request.GET.get("type", ""),
        "name": accept.campaign_of(request.GET.get("name", "")),
    }
    form = empty_form(visitor, {name: one for name, one in asked.items() if one})
    token = robots.new_token(visitor.page, timezone.now())
    return _asked(request, visitor, form, token)


def _why_not_taken(
    token: robots.FormToken | None, page: SignupPage, now: datetime
) -> str:
    """Return why a form with this token has to be sent again; "" when it has not."""
    if token is None:
        return _(
            "This page could not be recognised. Check your answers and send again."
        )
    if token.age(now) > robots.TOKEN_AGE:
        return _(
            "This page was open for a long time. Check your answers and send again."
        )
    if not token.is_current(page):
        return _("This page has changed meanwhile. Check your answers and send again.")
    return ""


def _taken_in(
    request: HttpRequest,
    visitor: Visitor,
    form: SubmissionForm,
    token: robots.FormToken,
    now: datetime,
) -> HttpResponse:
    """Store what a valid form says and lead to its receipt, unless too many came."""
    receipts = reverse("signup-receipt", args=[visitor.organisation.slug, "x"])
    visit = accept.Visit(
        token=token,
        network=throttle.network_of(request.META, settings.TRUSTED_PROXY_COUNT),
        proved=robots.is_proof(request.POST.get("altcha", ""), token),
        trapped=bool(request.POST.get(TRAP)),
        language=visitor.language,
        campaign=accept.campaign_of(request.POST.get("source", "")),
        link=request.build_absolute_uri(receipts).removesuffix("x/"),
        kiosk=visitor.key,
    )
    try:
        submission = accept.accept(
            visitor.organisation,
            client_type=form.client_type,
            answers=form.cleaned_answers(),
            visit=visit,
            now=now,
        )
    except accept.TooMany:
        form.refuse(
            "",
            _(
                "Too many forms were sent from this network. Wait 10 minutes and try "
                "again."
            ),
        )
        response = _asked(request, visitor, form, token, status=429)
        response.headers["Retry-After"] = str(WAIT)
        return response
    return to_receipt(visitor, submission)


def _asked(
    request: HttpRequest,
    visitor: Visitor,
    form: SubmissionForm,
    token: robots.FormToken,
    *,
    status: int = 200,
) -> HttpResponse:
    """Return the page with the form on it, as fresh or as typed as `form` is."""
    page = visitor.page
    proof = request.POST.get("altcha", "")
    if not robots.is_proof(proof, token):
        proof = ""
    source = request.POST.get("source") or request.GET.get("source", "")
    context = shell(visitor) | {
        "form": form,
        "problems": form.problems(),
        "shown": form.client_type if form.is_bound else "",
        "token": token.sign(),
        "proof": proof,
        "challenge": "" if proof else robots.challenge_for(token, timezone.now()),
        "least": round(robots.FASTEST * 1000),
        "trap": TRAP,
        "campaign": accept.campaign_of(source),
        "languages": languages_of(request, visitor),
        "query": urlencode(visitor.asks_language),
        "intro": page.text("intro", visitor.language),
        "consent": page.text("consent", visitor.language),
    }
    if visitor.kiosk:
        context |= {
            "start": address_of("signup-kiosk", visitor, visitor.tablet),
            "app": address_of("signup-kiosk-app", visitor, visitor.tablet),
            "idle": IDLE,
            "rest": LAST_CALL,
        }
    return render(request, "signup/form.html", context, status=status)
