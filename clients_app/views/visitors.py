"""Who visits a public page, and what every such page needs: every public view starts here.

Visitors have no session and no cookie. A page may be shown in a frame only where its
organisation says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import urlencode

from django.core.exceptions import RequestDataTooBig
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
)
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.crypto import constant_time_compare
from django.views.decorators.csrf import csrf_exempt

from clients_app.models import (
    Organisation,
    SignupLanguage,
    SignupPage,
)
from clients_app.questions.audience import Audience
from clients_app.questions.form import SubmissionForm
from clients_app.signup.page_settings import not_asked
from clients_app.views import brand
from clients_app.views.uploads import FROM_ANYBODY

P = ParamSpec("P")


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


def _organisation(slug: str, receipt: object) -> Organisation:
    """Return whose page it is. Raises Http404 for none, and for a closed one all the same.

    What was sent before a page was closed is still there for whoever has its receipt:
    nothing else of a closed page may be told from what never was.
    """
    found = Organisation.objects.filter(slug=slug).first()
    if found is None:
        raise Http404
    if found.signup_mode:
        return found
    if not receipt or not found.submissions.filter(receipt=receipt).exists():
        raise Http404
    return found


def public(
    *, framed: bool = False, closed_too: bool = False, kiosk: bool = False
) -> Callable[[PublicView[P]], Callable[..., HttpResponse]]:
    """Open a view to everybody; it receives the visitor.

    `framed` lets the sites that the organisation names show it in a frame. `closed_too`
    serves what was sent before the page was closed, to who
    has its receipt. `kiosk` is for the tablet at the desk.
    """

    def decorate(view: PublicView[P]) -> Callable[..., HttpResponse]:
        @csrf_exempt
        @wraps(view)
        def wrapper(
            request: HttpRequest, slug: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponse:
            receipt = kwargs.get("receipt", "") if closed_too else ""
            organisation = _organisation(slug, receipt)
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
    if not length.isdigit() or int(length) > FROM_ANYBODY:
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


def languages_of(request: HttpRequest, visitor: Visitor) -> list[dict[str, str]]:
    """Return the ways to the other languages, keeping what else the address says."""
    ways = []
    for code in visitor.page.spoken:
        if code != visitor.language:
            query = request.GET.copy()
            query["lang"] = code
            name = str(SignupLanguage(code).label)
            ways.append({"code": code, "name": name, "href": f"?{query.urlencode()}"})
    return ways


def address_of(route: str, visitor: Visitor, query: dict[str, str]) -> str:
    """Return the address of a route of this visitor's organisation with a query, if any."""
    address = reverse(route, args=[visitor.organisation.slug])
    return address + (f"?{urlencode(query)}" if query else "")


def audience_of(visitor: Visitor) -> Audience:
    """Return who fills in the public page: on a tablet, one visitor after the other."""
    without = not_asked(visitor.page)
    return Audience(public=True, shared=visitor.kiosk, without=without)


def empty_form(visitor: Visitor, initial: dict[str, Any]) -> SubmissionForm:
    """Return the form as it is opened; `initial` are answers by input name, and `type`."""
    return SubmissionForm(
        organisation=visitor.organisation,
        initial=initial,
        audience=audience_of(visitor),
    )
