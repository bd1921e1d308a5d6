"""The pages for what went wrong. They need no database and no signed-in person."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator
from itertools import chain

from django.core.exceptions import (
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _

from clients_app import health
from clients_app.database import outage
from clients_app.views import strangers, submissions, uploads
from clients_app.web.request_id import request_id

log = logging.getLogger("portal.web")
TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def page(request: HttpRequest, status: int, **context: object) -> HttpResponse:
    """Return the page for a status: strangers get one that is for them."""
    if strangers.is_public(request):
        return strangers.fault(request, status)
    return render(request, f"{status}.html", context, status=status)


def database_away(request: HttpRequest, error: BaseException) -> HttpResponse:
    """Answer 503 and say in Retry-After when to ask again; JSON to who asks for that.

    The log says which error it was, once and without its text.
    """
    health.forget()
    log.error("database away", extra={"route": _route(request), **outage.told(error)})
    response: HttpResponse
    # It may have been noticed before anything looked at the language.
    with translation.override(translation.get_language_from_request(request)):
        if "application/json" in request.headers.get("Accept", ""):
            words = _("The portal cannot reach its database")
            response = JsonResponse({"message": words}, status=503)
        else:
            response = page(request, 503)
    response.headers["Retry-After"] = str(outage.RETRY_AFTER)
    return _logged(response)


def _route(request: HttpRequest) -> str:
    match = request.resolver_match
    return match.view_name if match else ""


def _logged(response: HttpResponse) -> HttpResponse:
    """Keep Django from a line of its own: it holds the address, with its tokens."""
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def begun(
    request: HttpRequest, response: StreamingHttpResponse
) -> StreamingHttpResponse | HttpResponse:
    """Read the first piece of a streamed answer: until then it can become a 503.

    A database that goes away later cuts the answer off, which the log says.
    """
    pieces = iter(response)
    try:
        first = next(pieces, b"")
    except Exception as error:
        if away := outage.of(error):
            response.close()
            return database_away(request, away)
        raise
    response.streaming_content = _watched(request, chain([first], pieces))
    return response


def _watched(request: HttpRequest, pieces: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from pieces
    except Exception as error:
        if away := outage.of(error):
            words = {"route": _route(request), **outage.told(away)}
            log.error("database away, answer cut off", extra=words)
        raise


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 to what is too large (a middleware may have read it first).

    A file where none is taken is 415. A session that could not be stored comes here too,
    and is an outage.
    """
    if away := outage.of(exception):
        return database_away(request, away)
    if isinstance(exception, uploads.UnexpectedFile):
        return page(request, 415)
    return page(request, 413 if isinstance(exception, TOO_MUCH) else 400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Answer 403 to a form that did not come from this site or was open too long.

    The client form of a person who signed in again in another window comes back filled
    in: the browser says that it is from here, and its mark that it is theirs.
    """
    if again := submissions.shown_again(request):
        return again
    return render(request, "403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the reference under which the log has the fault; 503 in an outage.

    Whatever raised comes here, a middleware or a template as well as a view.
    """
    if away := outage.of(sys.exc_info()[1]):
        return database_away(request, away)
    log.error("fault", extra={"route": _route(request)}, exc_info=True)
    try:
        return _logged(page(request, 500, reference=request_id.get()))
    except Exception:  # noqa: BLE001 - what broke the page may be what it would show
        return _logged(
            render(request, "500.html", {"reference": request_id.get()}, status=500)
        )
