"""Settings, Signup: the page for strangers, its address on paper, and the tablet at the desk."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import translation
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from clients_app.models import Membership, Role, SignupLanguage, SignupPage
from clients_app.signup import logos, page_settings, qr
from clients_app.signup.page_form import SignupPageForm
from clients_app.views import brand, signup
from clients_app.views.access import members_only
from clients_app.views.downloads import as_file
from clients_app.views.uploads import takes_files


def _address(request: HttpRequest, member: Membership, route: str) -> str:
    return request.build_absolute_uri(reverse(route, args=[member.organisation.slug]))


def _code(address: str, member: Membership) -> SafeString:
    """Return the QR code of an address as an element for a page."""
    words = _("QR code that opens the signup page of %(name)s")
    title = words % {"name": member.organisation.name}
    return mark_safe(qr.svg(address, title=title))  # noqa: S308 - segno escapes the title


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.ADMIN)
@takes_files(2 * logos.MOST_BYTES)
def settings_signup(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show and change the signup page, and how people get to it."""
    page = SignupPage.of(member.organisation)
    if request.method == "POST":
        return _saved(request, member, page)
    return _page(request, member, SignupPageForm(page=page))


def _saved(request: HttpRequest, member: Membership, page: SignupPage) -> HttpResponse:
    data = request.POST.copy()
    if shade := data.get("shade"):
        data["accent"] = shade
    form = SignupPageForm(data, request.FILES, page=page)
    if not form.is_valid():
        return _page(request, member, form, seen=data.get("seen", ""))
    changed = form.changed()
    removes = "remove_logo" in data and page.logo_hash and not form.logo
    if form.logo or removes:
        page_settings.put_logo(page, form.logo)
        changed = sorted({*changed, "logo"})
    try:
        page_settings.save(
            page,
            mode=form.cleaned_data["mode"],
            public_fields=form.public_fields,
            changed=changed,
            seen=data.get("seen", ""),
            user=member.user,
        )
    except page_settings.ChangedMeanwhile:
        form.add_error(
            None,
            _(
                "Somebody else saved this page after you had opened it. What you typed "
                "is still here. Save again to put it in the place of theirs."
            ),
        )
        return _page(request, member, form)
    messages.success(request, _("The signup page is saved."))
    return redirect("settings-signup", member.organisation.slug)


def _page(
    request: HttpRequest,
    member: Membership,
    form: SignupPageForm,
    seen: str | None = None,
) -> HttpResponse:
    """Return the page. `seen` is the state that the person works from; None: the stored."""
    stored = SignupPage.of(member.organisation)
    slug = member.organisation.slug
    address = _address(request, member, "signup-form")
    kiosk = _address(request, member, "signup-kiosk") + f"?key={stored.kiosk_key}"
    frame = (
        f'<iframe src="{_address(request, member, "signup-embed")}" '
        f'title="{escape(member.organisation.name)}" '
        'width="100%" height="900"></iframe>'
    )
    context: dict[str, Any] = {
        "member": member,
        "form": form,
        "page": stored,
        "seen": page_settings.state_of(stored) if seen is None else seen,
        "logo_url": brand.logo_address(slug, stored),
        "address": address,
        "code": _code(address, member),
        "snippet": frame,
        "kiosk": kiosk if stored.kiosk_key else "",
        "languages": [(code, SignupLanguage(code).label) for code in stored.spoken],
    }
    status = 422 if form.errors else 200
    response = render(request, "organisation/signup.html", context, status=status)
    response.policy = {"frame-src": "'self'"}  # type: ignore[attr-defined]
    return response


@require_POST
@members_only(Role.ADMIN)
def settings_signup_kiosk(request: HttpRequest, member: Membership) -> HttpResponse:
    """Make or renew the address for the tablet at the desk, or take it back.

    Raises Http404 for any other action.
    """
    match request.POST.get("action"):
        case "renew":
            page_settings.renew_kiosk(member.organisation, user=member.user)
            messages.success(
                request, _("The tablet has a new address. Open it on the tablet.")
            )
        case "close":
            page_settings.close_kiosk(member.organisation, user=member.user)
            messages.success(request, _("The tablet's address counts no more."))
        case _:
            raise Http404
    return redirect("settings-signup", member.organisation.slug)


@require_safe
@members_only(Role.ADMIN)
def settings_signup_qr(request: HttpRequest, member: Membership) -> HttpResponse:
    """Hand out the QR code of the page as an SVG file to print."""
    address = _address(request, member, "signup-form")
    code = qr.svg(address, title=member.organisation.name, inline=False)
    response = HttpResponse(code, content_type="image/svg+xml")
    name = f"signup-{member.organisation.slug}.svg"
    return as_file(response, name)


@require_safe
@members_only(Role.ADMIN)
def settings_signup_poster(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show a page of A4 to print: scan this to sign up."""
    page = SignupPage.of(member.organisation)
    address = _address(request, member, "signup-form")
    lines = []
    for code in page.spoken:
        with translation.override(code):
            lines.append((code, _("Scan to sign up")))
    context = {
        "member": member,
        "lines": lines,
        "code": _code(address, member),
        "address": address,
        "logo_url": brand.logo_address(member.organisation.slug, page),
    }
    return render(request, "organisation/poster.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@csrf_exempt
@xframe_options_sameorigin
@members_only(Role.ADMIN)
def settings_signup_preview(request: HttpRequest, member: Membership) -> HttpResponse:
    """Show the page as visitors get it, open or closed. What is sent here goes nowhere."""
    response = signup.preview(request, member.organisation, request.GET.get("lang", ""))
    response.policy = {"frame-ancestors": "'self'"}  # type: ignore[attr-defined]
    return response
