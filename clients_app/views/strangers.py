"""The pages that tell strangers what went wrong. They need no database.

The language is the one in the address, else the page's own where it is known by then.
Nothing here leads to the pages for members.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.core.exceptions import BadRequest, SuspiciousOperation
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from clients_app.models import SignupLanguage
from clients_app.views import visitors
from clients_app.web.request_id import request_id

PUBLIC = "/s/"
KIOSK, EMBED = "signup-kiosk", "signup-embed"


def is_public(request: HttpRequest) -> bool:
    """Say whether a request is for one of the pages for strangers."""
    return request.path_info.startswith(PUBLIC)


def fault(request: HttpRequest, status: int) -> HttpResponse:
    """Return the page for a status of 400 and above, with a way on.

    What was typed can be sent again with one press where the fault is ours; its token
    makes it count once. A tablet that many people use keeps nothing.
    """
    visitor = visitors.visitor_of(request)
    language = request.GET.get("lang", "")
    if visitor:
        language = visitor.language
    elif language not in SignupLanguage.values:
        language = translation.get_language() or SignupLanguage.values[0]
    with translation.override(language):
        heading, words = _words(status)
        context: dict[str, Any] = visitors.shell(visitor) if visitor else {}
        context |= {
            "heading": heading,
            "words": words,
            "reference": request_id.get() if status == 500 else "",
            "start": _start(request) if visitor or status != 404 else "",
            "typed": _typed(request) if status in (500, 503) else [],
            "again": request.get_full_path(),
        }
        response = render(request, "signup/fault.html", context, status=status)
    response.headers["Content-Language"] = language
    response.headers["Referrer-Policy"] = "no-referrer"
    if visitor:
        visitors.let_in_frame(response, visitor)
    return response


def _words(status: int) -> tuple[str, str]:
    match status:
        case 404:
            return _("There is no such page"), _(
                "The address may be mistyped, or nobody can sign up here at the moment. "
                "Ask whoever gave you the address."
            )
        case 403:
            return _("This page is not open to you"), _(
                "Nothing was saved. Open the signup page itself and fill it in there."
            )
        case 413:
            return _("That was too much at once"), _(
                "The form was larger than 128 KB or had too many fields. Nothing was "
                "saved. Go back and shorten the answers."
            )
        case 415:
            return _("No file is taken here"), _(
                "A file was sent to a page that takes none. Nothing was saved. Go back "
                "and send the form without it."
            )
        case 429:
            return _("Too many tries"), _(
                "Too many forms were sent from this network. Wait 10 minutes and try "
                "again."
            )
        case 503:
            return _("This page is not available at the moment"), _(
                "Nothing of what you sent in this moment was saved. Wait a little and "
                "send it again."
            )
        case 500:
            return _("Something went wrong here"), _(
                "The fault is ours and has been recorded. Try again; if it happens "
                "again, tell whoever gave you the address the reference below."
            )
        case _other:
            return _("This request cannot be understood"), _(
                "The address or the form was damaged on its way. Nothing was saved."
            )


def _start(request: HttpRequest) -> str:
    """Return the address of the form that this is about, or "" when there is none."""
    match = request.resolver_match
    slug = match.kwargs.get("slug") if match else None
    if not match or not slug:
        return ""
    name = str(match.view_name)
    route = next((r for r in (KIOSK, EMBED) if name.startswith(r)), "signup-form")
    kept = {
        key: request.GET[key]
        for key in ("lang", "key")
        if request.GET.get(key) and (key == "lang" or route == KIOSK)
    }
    address = reverse(route, args=[slug])
    return address + (f"?{urlencode(kept)}" if kept else "")


def _typed(request: HttpRequest) -> list[tuple[str, str]]:
    """Return what was posted from our own page, [] where it cannot or may not be kept."""
    match = request.resolver_match
    shared = match is None or str(match.view_name).startswith(KIOSK)
    if request.method != "POST" or shared or visitors.is_foreign(request):
        return []
    try:
        visitors.refuse_size(request)
        posted = request.POST
    except (SuspiciousOperation, BadRequest, MultiPartParserError, OSError):
        return []
    return [(name, value) for name in posted for value in posted.getlist(name)]
