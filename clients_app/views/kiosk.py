"""The tablet at the desk: what it shows after a signup, and its manifest as an app."""

from __future__ import annotations

import re

from django.http import (
    HttpRequest,
    HttpResponse,
    JsonResponse,
)
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

from clients_app.views.visitors import Visitor, address_of, public, shell

REST = 30
"""Seconds after which a tablet begins anew, once it has said thanks."""
IDLE = 60
"""Seconds without a touch after which a tablet asks whether anybody is still there."""
LAST_CALL = 20
"""Seconds that it then waits for an answer."""
_REFERENCE = re.compile(r"[0-9A-F]{8}", re.ASCII)


@require_safe
@public(kiosk=True)
def signup_kiosk_thanks(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Thank whoever was at the tablet, without saying who it was, and begin anew."""
    reference = request.GET.get("reference", "")
    context = shell(visitor) | {
        "thanks": visitor.page.text("thanks", visitor.language),
        "reference": reference if _REFERENCE.fullmatch(reference) else "",
        "rest": REST,
        "start": address_of("signup-kiosk", visitor, visitor.tablet),
    }
    return render(request, "signup/kiosk_thanks.html", context)


@require_safe
@public(kiosk=True)
def signup_kiosk_app(request: HttpRequest, visitor: Visitor) -> HttpResponse:
    """Return the manifest with which a tablet keeps the page as an app on its own screen."""
    icon = {"src": static("favicon.svg"), "sizes": "any", "type": "image/svg+xml"}
    made = {
        "name": visitor.organisation.name,
        "start_url": address_of("signup-kiosk", visitor, visitor.tablet),
        "scope": reverse("signup-kiosk", args=[visitor.organisation.slug]),
        "display": "fullscreen",
        "lang": visitor.page.default_language,
        "icons": [icon],
    }
    return JsonResponse(made, content_type="application/manifest+json")
