"""The pages for strangers: the form of one organisation, and what became of one signup.

No cookie is read or set here. The language stands in the address; a closed page and one
that never was are the same 404.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from clients_app.models import (
    Organisation,
    SignupLanguage,
    SignupPage,
    Status,
    Submission,
)
from clients_app.questions.audience import Audience
from clients_app.questions.form import SubmissionForm
from clients_app.signup import accept, robots
from clients_app.signup.accept import Stage
from clients_app.views import brand

P = ParamSpec("P")
TRAP = "extra_details"
"""An input that no person sees. What fills it in is a robot."""
WAIT = 600
REST = 30
"""Seconds after which a tablet begins anew, once it has said thanks."""
IDLE = 60
"""Seconds without a touch after which a tablet asks whether anybody is still there."""
LAST_CALL = 20
"""Seconds that it then waits for an answer."""
_REFERENCE = re.compile(r"[0-9A-F]{8}", re.ASCII)


@dataclass(frozen=True)
class Visitor:
    """Who asks: for which page, in which language, in a frame on another site or not.

    `kiosk`: on a tablet that everybody at the desk uses; `key` is the organisation's own
    for it, where the address has it.
    """

    organisation: Organisation
    page: SignupPage
    language: str
    framed: bool = False
    kiosk: bool = False
    key: str = ""

    @property
    def asks_language(self) -> dict[str, str]:
        """Return what an address says of the language, where it is not the page's own
        anyway, and of the tablet."""
        is_default = self.language == self.page.default_language
        return self.tablet | ({} if is_default else {"lang": self.language})

    @property
    def tablet(self) -> dict[str, str]:
        """Return what an address says of the tablet."""
        return {"key": self.key} if self.key else {}


PublicView = Callable[Concatenate[HttpRequest, Visitor, P], HttpResponse]


def _organisation(slug: str, *, closed_too: bool) -> Organisation:
    found = Organisation.objects.filter(slug=slug).first()
    if found is None or not (found.signup_mode or closed_too):
        raise Http404
    return found


def public(
    *, framed: bool = False, closed_too: bool = False, kiosk: bool = False
) -> Callable[[PublicView[P]], Callable[..., HttpResponse]]:
    """Open a view to everybody; it receives the visitor.

    `framed` lets the sites that the organisation names show it in a frame. `closed_too`
    serves what was sent before the page was closed. `kiosk` is for the tablet at the desk.
    """

    def decorate(view: PublicView[P]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def wrapper(
            request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            organisation = _organisation(slug, closed_too=closed_too)
            page = SignupPage.of(organisation)
            asked = request.GET.get("lang", "")
            language = asked if asked in page.spoken else page.default_language
            key = _key_of(page, request) if kiosk else ""
            visitor = Visitor(organisation, page, language, framed, kiosk, key)
            request._visitor = visitor  # type: ignore[attr-defined]  # for fault pages
            with (
                translation.override(language),
                timezone.override(organisation.time_zone),
            ):
                if request.method == "POST" and is_foreign(request):
                    response = render(
                        request, "signup/foreign.html", shell(visitor), status=403
                    )
                else:
                    refuse_size(request)
                    response = view(request, visitor, *args, **kwargs)
            response.headers["Content-Language"] = language
            let_in_frame(response, visitor)
            return response

        return wrapper

    return decorate


def visitor_of(request: HttpRequest) -> Visitor | None:
    """Return who asks, if the request got as far as to know it."""
    return getattr(request, "_visitor", None)


def _key_of(page: SignupPage, request: HttpRequest) -> str:
    """Return the tablet's key if the address has the one in force, or "".

    Who has an old one may sign up as everybody may, within what a network may send.
    """
    given = request.GET.get("key", "")
    valid = bool(page.kiosk_key) and constant_time_compare(given, page.kiosk_key)
    return page.kiosk_key if valid else ""


def is_foreign(request: HttpRequest) -> bool:
    """Say whether a named site that is not ours sent this. A sandboxed frame names none."""
    origin = request.headers.get("Origin", "null")
    return origin not in ("null", f"{request.scheme}://{request.get_host()}")


def refuse_size(request: HttpRequest) -> None:
    """Raise RequestDataTooBig for a form that announces more than is taken."""
    # Django looks at the length of a form with files only when it has read all of it.
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdigit() or int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise RequestDataTooBig


def let_in_frame(response: HttpResponse, visitor: Visitor) -> None:
    """Let the page be shown where its visitor may see it, and nowhere else."""
    policy = {"worker-src": "'self'"}
    response.policy = policy  # type: ignore[attr-defined]
    origins = " ".join(map(str, visitor.page.allowed_origins))
    if visitor.framed and origins:
        policy["frame-ancestors"] = origins
        response.xframe_options_exempt = True
        response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    if visitor.kiosk:
        # To stay on the full screen the page shows itself in a frame.
        policy |= {"manifest-src": "'self'", "frame-src": "'self'"}
        policy["frame-ancestors"] = "'self'"
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["X-Robots-Tag"] = "noindex, nofollow"


def shell(visitor: Visitor) -> dict[str, Any]:
    """Return what every public page shows around its content."""
    slug, page = visitor.organisation.slug, visitor.page
    return {
        "organisation": visitor.organisation,
        "page": page,
        "framed": visitor.framed,
        "brand_css": brand.stylesheet_address(slug, page),
        "logo_url": brand.logo_address(slug, page),
        "kiosk": visitor.kiosk,
    }


def _languages(request: HttpRequest, visitor: Visitor) -> list[dict[str, str]]:
    """Return the ways to the other languages, keeping what else the address says."""
    ways = []
    for code in visitor.page.spoken:
        if code != visitor.language:
            query = request.GET.copy()
            query["lang"] = code
            name = str(SignupLanguage(code).label)
            ways.append({"code": code, "name": name, "href": f"?{query.urlencode()}"})
    return ways


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


@require_safe
@public(kiosk=True)
def signup_kiosk_thanks(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Thank whoever was at the tablet, without saying who it was, and begin anew."""
    reference = request.GET.get("reference", "")
    context = shell(visitor) | {
        "thanks": visitor.page.text("thanks", visitor.language),
        "reference": reference if _REFERENCE.fullmatch(reference) else "",
        "rest": REST,
        "start": _address("signup-kiosk", visitor, visitor.tablet),
    }
    return render(request, "signup/kiosk_thanks.html", context)


@require_safe
@public(kiosk=True)
def signup_kiosk_app(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Return the manifest with which a tablet keeps the page as an app on its own screen."""
    icon = {"src": static("favicon.svg"), "sizes": "any", "type": "image/svg+xml"}
    made = {
        "name": visitor.organisation.name,
        "start_url": _address("signup-kiosk", visitor, visitor.tablet),
        "scope": reverse("signup-kiosk", args=[visitor.organisation.slug]),
        "display": "fullscreen",
        "lang": visitor.page.default_language,
        "icons": [icon],
    }
    return JsonResponse(made, content_type="application/manifest+json")


def _address(route: str, visitor: Visitor, query: dict[str, str]) -> str:
    address = reverse(route, args=[visitor.organisation.slug])
    return address + (f"?{urlencode(query)}" if query else "")


def preview(
    request: HttpRequest, organisation: Organisation, language: str
) -> HttpResponse:
    """Return the page as a visitor would get it, open or not, taking nothing in.

    For the organisation's own people: the caller says who they are.
    """
    page = SignupPage.of(organisation)
    spoken = language if language in page.spoken else page.default_language
    visitor = Visitor(organisation, page, spoken, framed=True)
    form = SubmissionForm(
        organisation=organisation,
        audience=Audience(public=True, without=accept.without(page)),
    )
    context = shell(visitor) | {
        "form": form,
        "token": "preview",
        "proof": "preview",
        "trap": TRAP,
        "preview": True,
        "languages": _languages(request, visitor),
        "query": urlencode(visitor.asks_language),
        "intro": page.text("intro", spoken),
        "consent": page.text("consent", spoken),
    }
    with translation.override(spoken):
        return render(request, "signup/form.html", context)


def _audience(visitor: Visitor) -> Audience:
    """Return who fills in the public page: on a tablet, one visitor after the other."""
    without = accept.without(visitor.page)
    return Audience(public=True, shared=visitor.kiosk, without=without)


def _form(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    now = timezone.now()
    organisation, page = visitor.organisation, visitor.page
    if request.method != "POST":
        asked = {
            "type": request.GET.get("type", ""),
            "name": accept.campaign_of(request.GET.get("name", "")),
        }
        form = _empty_form(visitor, {name: one for name, one in asked.items() if one})
        return _asked(request, visitor, form, robots.new_token(page, now))
    form = SubmissionForm(
        request.POST,
        organisation=organisation,
        audience=_audience(visitor),
    )
    token = robots.read_token(request.POST.get("submission_token", ""), organisation)
    sent = accept.already_sent(organisation, token) if token else None
    if sent is not None:
        return _to_receipt(visitor, sent)
    if request.POST.get("action") == "switch":
        form.show_only()
        return _asked(request, visitor, form, token or robots.new_token(page, now))
    words = ""
    if token is None:
        words = _(
            "This page could not be recognised. Check your answers and send again."
        )
    elif token.age(now) > robots.TOKEN_AGE:
        words = _(
            "This page was open for a long time. Check your answers and send again."
        )
    elif not token.is_current(page):
        words = _("This page has changed meanwhile. Check your answers and send again.")
    form.is_valid()
    if words or token is None:
        form.refuse("", words)
        token = robots.new_token(page, now)
    if form.errors:
        return _asked(request, visitor, form, token, status=422)
    visit = accept.Visit(
        token=token,
        network=robots.network_of(request.META, settings.TRUSTED_PROXY_COUNT),
        proved=robots.is_proof(request.POST.get("altcha", ""), token),
        trapped=bool(request.POST.get(TRAP)),
        language=visitor.language,
        campaign=accept.campaign_of(request.POST.get("source", "")),
        link=request.build_absolute_uri(
            reverse("signup-receipt", args=[organisation.slug, "x"])
        ).removesuffix("x/"),
        kiosk=visitor.key,
    )
    try:
        submission = accept.accept(
            organisation,
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
    return _to_receipt(visitor, submission)


def _empty_form(visitor: Visitor, initial: dict[str, Any]) -> SubmissionForm:
    return SubmissionForm(
        organisation=visitor.organisation,
        initial=initial,
        audience=_audience(visitor),
    )


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
        "languages": _languages(request, visitor),
        "query": urlencode(visitor.asks_language),
        "intro": page.text("intro", visitor.language),
        "consent": page.text("consent", visitor.language),
    }
    if visitor.kiosk:
        context |= {
            "start": _address("signup-kiosk", visitor, visitor.tablet),
            "app": _address("signup-kiosk-app", visitor, visitor.tablet),
            "idle": IDLE,
            "rest": LAST_CALL,
        }
    return render(request, "signup/form.html", context, status=status)


def _to_receipt(visitor: Visitor, submission: Submission) -> HttpResponse:
    if visitor.kiosk:
        # The next one at the tablet must not find a way to this signup.
        said = visitor.asks_language | {"reference": reference_of(submission)}
        return HttpResponseRedirect(
            _address("signup-kiosk-thanks", visitor, said), status=303
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
    page, stage = visitor.page, accept.stage_of(submission)
    refused = submission.status == Status.REJECTED
    context = shell(visitor) | {
        "stage": stage.value,
        "submission": submission,
        "reference": reference_of(submission),
        "number": submission.number if page.shows_number else "",
        "reason": submission.closed_reason if refused else "",
        "field": _label(submission) if stage is Stage.CORRECT else "",
        "thanks": page.text("thanks", visitor.language),
        "languages": _languages(request, visitor),
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
    field = accept.field_to_correct(submission)
    if not field:
        return _keep_private(_to_receipt(visitor, submission))
    if request.method != "POST":
        form = _empty_form(visitor, {**submission.answers, "type": submission.type})
        label = form.label_at(field)
        words = _("Check {field} and correct it, then send again.")
        form.refuse(field, words.format(field=label or _("your answers")))
        return _correction(request, visitor, form)
    form = SubmissionForm(
        request.POST,
        organisation=visitor.organisation,
        audience=Audience(public=True, without=accept.without(visitor.page)),
    )
    if request.POST.get("action") == "switch":
        form.show_only()
        return _correction(request, visitor, form)
    if not form.is_valid():
        return _correction(request, visitor, form, status=422)
    accept.correct(
        submission, client_type=form.client_type, answers=form.cleaned_answers()
    )
    return _keep_private(_to_receipt(visitor, submission))


def _correction(
    request: HttpRequest, visitor: Visitor, form: SubmissionForm, *, status: int = 200
) -> HttpResponse:
    context = shell(visitor) | {
        "form": form,
        "problems": form.problems(),
        "shown": form.client_type,
        "correcting": True,
        "languages": _languages(request, visitor),
        "query": urlencode(visitor.asks_language),
    }
    return _keep_private(render(request, "signup/form.html", context, status=status))
