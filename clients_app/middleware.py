"""Middleware: one log line per request, security headers, plain fault pages, second factor."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import resolve, reverse
from django.utils import translation
from django.utils.http import urlencode

from clients_app.accounts import proof
from clients_app.database import outage
from clients_app.views import errors, strangers, uploads
from clients_app.web.content_type import REFUSED
from clients_app.web.request_id import request_id

Handler = Callable[[HttpRequest], HttpResponseBase]
log = logging.getLogger("portal.web")

POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "font-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_QUIET = {"health-alive", "health-ready", "metrics"}
PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


def request_log(get_response: Handler) -> Handler:
    """Give each request an id and write one line about it: route names, never addresses."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        own = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        token = request_id.set(own)
        started = time.perf_counter()
        try:
            response = get_response(request)
            match = request.resolver_match
            route = match.view_name if match else ""
            if route and route not in _QUIET:
                # Only where the page asked who it is: a log line asks no database.
                person = getattr(request, "_cached_user", None)
                log.info(
                    "request",
                    extra={
                        "route": route,
                        "user": getattr(person, "pk", None),
                        "method": request.method,
                        "status": response.status_code,
                        "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                    },
                )
            response.headers["X-Request-ID"] = own
            return response
        finally:
            request_id.reset(token)

    return middleware


def security_headers(get_response: Handler) -> Handler:
    """Add the content security policy and its relatives; keep personal data out of caches."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        headers = response.headers
        # A view may say what its page needs beyond this: `response.policy`.
        policy = POLICY | getattr(response, "policy", {})
        headers.setdefault(
            "Content-Security-Policy",
            "; ".join(f"{name} {allowed}" for name, allowed in policy.items()),
        )
        headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        headers.setdefault(
            "Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()"
        )
        headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware


def no_cookies(get_response: Handler) -> Handler:
    """Keep cookies out of the pages for strangers: none is read there and none is set.

    In a frame on another site a browser would withhold them anyway. Elsewhere one with a
    backslash is left out: RFC 6265 knows none, and Python takes the square of a long one.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not strangers.is_public(request):
            cookies = request.META.get("HTTP_COOKIE", "")
            if "\\" in cookies:
                kept = (each for each in cookies.split(";") if "\\" not in each)
                request.META["HTTP_COOKIE"] = ";".join(kept)
            return get_response(request)
        request.META.pop("HTTP_COOKIE", None)
        response = get_response(request)
        response.cookies.clear()
        return response

    return middleware


def size_bound(get_response: Handler) -> Handler:
    """Answer 413 to what is larger than its page takes, before any of it is read.

    The pages for strangers do so themselves, once they know whose page it is.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return get_response(request)

    def process_view(
        request: HttpRequest, view: Callable[..., Any], *_: Any
    ) -> HttpResponse | None:
        if strangers.is_public(request) or not uploads.is_too_large(request, view):
            return None
        return errors.page(request, 413)

    middleware.process_view = process_view  # type: ignore[attr-defined]
    return middleware


def probes(get_response: Handler) -> Handler:
    """Answer monitoring at once, whatever it calls the host: no session, no person."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path_info not in PROBES:
            return get_response(request)
        request.resolver_match = resolve(request.path_info)
        answer: HttpResponse = request.resolver_match.func(request)
        # CommonMiddleware, which comes later, would say it: without it no connection goes on.
        answer.headers["Content-Length"] = str(len(answer.content))
        return answer

    return middleware


def plain_faults(get_response: Handler) -> Handler:
    """Answer plainly an oversized request (413), one that says of its body what nobody
    understands (400), or a database that is away (503).

    What a middleware or a template raises is answered by the pages in views.errors.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        # A thread still has the language of whoever it answered before, and a fault may
        # be told before LocaleMiddleware has its turn.
        translation.activate(translation.get_language_from_request(request))
        try:
            _ = request.GET  # here, because the page for the fault reads it, too
        except errors.TOO_MUCH:
            request.GET = QueryDict()
            return errors.page(request, 413)
        if REFUSED in request.META:
            return errors.page(request, 400)
        response = get_response(request)
        if isinstance(response, StreamingHttpResponse) and not response.is_async:
            return errors.begun(request, response)
        return response

    def process_exception(
        request: HttpRequest, exception: Exception
    ) -> HttpResponse | None:
        if away := outage.of(exception):
            return errors.database_away(request, away)
        if isinstance(exception, errors.TOO_MUCH):
            return errors.bad_request(request, exception)
        return None

    middleware.process_exception = process_exception  # type: ignore[attr-defined]
    return middleware


# What asks nobody who they are, as the pages for strangers: no session is read there.
_FOR_MACHINES = ("/static/", "/webhooks/")
# Pages that a session may open which has not proven the person's second factor: those that
# prove it, and the way out. Whoever has yet to set one up may do that as well.
_TO_PROVE = (
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "account_logout",
    "set-language",
)
_TO_ENROL = (
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "account_reauthenticate",
    "account_logout",
    "set-language",
)


def _is_one_of(path: str, names: tuple[str, ...]) -> bool:
    return any(path == reverse(name) for name in names)


def second_factor(get_response: Handler) -> Handler:
    """Let nobody past who has not proven a second factor in this very session.

    People who have one prove it; people whose role needs one set it up first. Which
    roles: the setting MFA_REQUIRED_ROLES; where it names any, operators need one, too.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(_FOR_MACHINES) or strangers.is_public(request):
            return get_response(request)
        lack = proof.lacking(request)
        # The page that asks for the factor says why it asks.
        request.lacks_proof = lack is proof.Lack.PROOF  # type: ignore[attr-defined]
        match lack:
            case proof.Lack.PROOF if not _is_one_of(request.path, _TO_PROVE):
                return _led_to(request, proof.page_for(request.user))
            case proof.Lack.ENROLMENT if not _is_one_of(request.path, _TO_ENROL):
                return redirect(reverse("mfa_activate_totp"))
        return get_response(request)

    return middleware


def _led_to(request: HttpRequest, page: str) -> HttpResponseBase:
    """Lead to a page, and from there back to this one where it can be opened again."""
    if request.method not in {"GET", "HEAD"}:
        return redirect(page)
    return redirect(f"{page}?{urlencode({'next': request.get_full_path()})}")
