"""An organisation's colour and logo, under addresses that change with what they hold."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.utils.crypto import constant_time_compare, salted_hmac
from django.views.decorators.http import require_safe

from clients_app.models import SignupPage
from clients_app.signup import colours
from clients_app.views.downloads import as_file

_DIGEST = re.compile(r"[0-9a-f]{1,16}")
FOR_A_YEAR = "public, max-age=31536000, immutable"


@lru_cache(maxsize=1_000)
def _stylesheet(accent: str) -> tuple[str, str]:
    """Return a colour's style sheet and what its address ends with."""
    sheet = colours.stylesheet(accent)
    return sheet, hashlib.sha256(sheet.encode()).hexdigest()[:16]


def stylesheet_address(slug: str, page: SignupPage) -> str:
    """Return where a page's colours are, or "" when they are ours anyway."""
    if page.accent == colours.DEFAULT:
        return ""
    return _address("signup-brand", slug, _stylesheet(page.accent)[1], page)


def logo_address(slug: str, page: SignupPage) -> str:
    """Return where a page's logo is, or "" when it has none."""
    if not _DIGEST.fullmatch(page.logo_hash):
        return ""
    return _address("signup-logo", slug, page.logo_hash, page)


def _address(route: str, slug: str, digest: str, page: SignupPage) -> str:
    """Return an address; that of a closed page with the key that its own pages give out."""
    address = reverse(route, args=[slug, digest])
    return address if page.organisation.signup_mode else f"{address}?key={_key(slug)}"


def _key(slug: str) -> str:
    """Return what opens the colours and the logo of a closed page.

    Its preview and the receipts of before show them; a stranger, who could guess the
    digest of a colour, must not find out that the page exists.
    """
    return salted_hmac("signup.brand", slug, algorithm="sha256").hexdigest()[:32]


def _page(request: HttpRequest, slug: str) -> SignupPage:
    found = SignupPage.objects.select_related("organisation")
    page = found.filter(organisation__slug=slug).first()
    if page is None:
        raise Http404
    given = request.GET.get("key", "")
    if not page.organisation.signup_mode and not constant_time_compare(
        given, _key(slug)
    ):
        raise Http404
    return page


@require_safe
def signup_brand(request: HttpRequest, slug: str, digest: str) -> HttpResponseBase:
    """Serve the colours of a page, to be kept for a year; 404 under an older `digest`."""
    sheet, own = _stylesheet(_page(request, slug).accent)
    if digest != own:
        raise Http404
    return _kept(request, sheet.encode(), "text/css; charset=utf-8", digest)


@require_safe
def signup_logo(request: HttpRequest, slug: str, digest: str) -> HttpResponseBase:
    """Serve the logo of a page, to be kept for a year; 404 under an older `digest`."""
    page = _page(request, slug)
    if not page.logo or digest != page.logo_hash:
        raise Http404
    answer = _kept(request, bytes(page.logo), "image/png", digest)
    # Uploaded: in an <img> it is shown, opened by itself it is a file.
    return as_file(answer, "logo.png")


def _kept(
    request: HttpRequest, content: bytes, content_type: str, digest: str
) -> HttpResponseBase:
    """Return a file that never changes under its address."""
    response = HttpResponse(content, content_type=content_type)
    etag = f'"{digest}"'
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = FOR_A_YEAR
    # A page in a sandboxed frame counts as foreign, and these hold nothing secret.
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    kept = get_conditional_response(request, etag=etag, response=response)
    return kept if isinstance(kept, HttpResponseBase) else response
