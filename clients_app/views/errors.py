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

from clients_app.views import submissions
from heffl_portal.log_config import request_id


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400, or 413 to what is too large (a middleware may have read it first)."""
    if isinstance(exception, (RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent)):
        return render(request, "413.html", status=413)
    return render(request, "400.html", status=400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return render(request, "403.html", status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Answer 403 to a form that did not come from this site or was open too long.

    The client form of a person who signed in again in another window comes back filled
    in: the browser says that it is from here, and its mark that it is theirs.
    """
    if again := submissions.shown_again(request):
        return again
    return render(request, "403_csrf.html", status=403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404, to strangers in words that are for them."""
    public = request.path_info.startswith("/s/")
    return render(request, "signup/404.html" if public else "404.html", status=404)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the reference under which the log has the fault."""
    return render(request, "500.html", {"reference": request_id.get()}, status=500)
