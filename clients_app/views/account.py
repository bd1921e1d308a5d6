"""What is a person's own: the start page, preferences, and staying signed in."""

from __future__ import annotations

from allauth.account.decorators import reauthentication_required
from allauth.usersessions.views import list_usersessions
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from clients_app.accounts import sessions
from clients_app.accounts.own_address import own_address
from clients_app.models import (
    Membership,
    User,
)

_list_sessions = reauthentication_required(list_usersessions, allow_get=True)


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the one organisation's new-client page, or list the organisations."""
    memberships = list(
        Membership.objects.filter(user=_person(request), suspended_at__isnull=True)
        .select_related("organisation")
        .order_by("organisation__name")
    )
    if len(memberships) == 1:
        return redirect("submission-create", memberships[0].organisation.slug)
    return render(request, "organisation/home.html", {"memberships": memberships})


@require_safe
@login_required
def account_preferences(request: HttpRequest) -> HttpResponse:
    """Show what a person can set for themselves, and the way to each page."""
    return render(request, "account/preferences.html", {"person": _person(request)})


@require_http_methods(["GET", "HEAD", "POST"])
def account_sessions(request: HttpRequest) -> HttpResponseBase:
    """Show where a person is signed in; ending the others asks first who it is.

    OWASP ASVS 7.5.2: whoever finds a page open must not sign its owner out elsewhere.
    """
    answer: HttpResponseBase = _list_sessions(request)
    return answer


@require_POST
@login_required
def account_stay(request: HttpRequest) -> HttpResponse:
    """Begin the time anew after which an unused sign-in runs out; answer its seconds."""
    request.session.modified = True
    unused = request.session.get_expiry_age()
    return JsonResponse({"seconds": sessions.seconds_left(request, within=unused)})


@require_POST
@login_required
def account_shortcuts(request: HttpRequest) -> HttpResponse:
    """Switch the single-letter keys of the person who asks off or on."""
    person = _person(request)
    User.objects.filter(pk=person.pk).update(shortcuts=not person.shortcuts)
    target = own_address(request, request.POST.get("next", ""))
    return HttpResponseRedirect(target or reverse("account-preferences"))
