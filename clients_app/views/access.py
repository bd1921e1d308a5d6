"""Who is asking, and for which organisation: every page of an organisation starts here.

An organisation one does not belong to is a 404, the same as one that does not exist.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app import audit
from clients_app.models import Membership, Role

P = ParamSpec("P")
MemberView = Callable[Concatenate[HttpRequest, Membership, P], HttpResponseBase]


def membership_of(request: HttpRequest, slug: str) -> Membership:
    """Return the asker's active membership of an organisation. Raises Http404 otherwise."""
    member = (
        Membership.objects.select_related("organisation", "user")
        .filter(
            organisation__slug=slug,
            user__pk=request.user.pk or 0,
            suspended_at__isnull=True,
        )
        .first()
    )
    if member is None:
        raise Http404
    return member


def members_only(
    role: Role = Role.FRONTDESK,
) -> Callable[[MemberView[P]], Callable[..., HttpResponseBase]]:
    """Open a view to members of at least `role`; it receives the membership for the slug.

    Also sets the organisation's time zone for what the page shows.
    """

    def decorate(view: MemberView[P]) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def wrapper(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> Any:
            member = membership_of(request, slug)
            if not member.has_role(role):
                audit.record(
                    "access.denied",
                    organisation=member.organisation,
                    actor=member.user,
                    detail={"view": view.__name__, "role": member.role},
                )
                raise PermissionDenied
            with timezone.override(member.organisation.time_zone):
                return view(request, member, *args, **kwargs)

        # The page of members reads from here what each role may open.
        wrapper.least_role = role  # type: ignore[attr-defined]
        return login_required(wrapper)

    return decorate


@reauthentication_required  # type: ignore[untyped-decorator]
def _signed_in_just_now(request: HttpRequest) -> None:
    """Do nothing, if the person has proved within five minutes who they are."""


def proved_lately(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Ask for the password first, unless that was less than five minutes ago.

    A form sent too late is not kept meanwhile, as allauth would: it holds an API key,
    and what allauth keeps lies in the session table in clear.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            _signed_in_just_now(request)
        except ReauthenticationRequired:
            if request.method != "POST":
                raise
            messages.warning(
                request,
                _("Confirm that it is you, then do it again. Nothing was changed."),
            )
            return redirect(request.path)
        return view(request, *args, **kwargs)

    return wrapper
