"""The pages for what went wrong. They need no database and no signed-in person."""

from __future__ import annotations

from django.core.exceptions import (
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render

from clients_app.request_id import request_id
from clients_app.views import strangers, submissions

TOO_MUCH = (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)


def page(request: HttpRequest, status: int, **context: object) -> HttpResponse:
    """Return the page for a status: strangers get one that is for them."""
    if strangers.is_public(request):
        return strangers.fault(request, status)
    return render(request, f"{status}.html", context, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 to what is too large (a middleware may have read it first)."""
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
    """Answer 500 with the reference under which the log has the fault."""
    return page(request, 500, reference=request_id.get())
