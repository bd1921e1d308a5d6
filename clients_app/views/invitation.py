"""What an invited person sees: the invitation, and joining with the sign-in they have or a new one."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from clients_app.accounts.addresses import person_with
from clients_app.models import Invitation, Role, User
from clients_app.organisation import members
from clients_app.organisation.member_forms import JoinForm
from clients_app.organisation.people import OrganisationError


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("password")
def invitation_accept(request: HttpRequest, token: str) -> HttpResponseBase:
    """Let an invited person in: with the sign-in they have, or with a new one.

    Opening the link changes nothing, so a mail scanner that follows it uses nothing up.
    """
    invitation = members.invitation_of(token)
    if invitation is None:
        return render(request, "members/no_invitation.html", status=404)
    known = request.COOKIES.get("language")
    language = translation.get_language() if known else invitation.language
    with translation.override(language):
        person = request.user if isinstance(request.user, User) else None
        if person and person != person_with(invitation.email):
            context = {"invitation": invitation}
            return render(request, "members/other_person.html", context, status=403)
        if request.method != "POST":
            return _join_page(request, invitation, None if person else JoinForm())
        if person:
            return _joined(request, invitation, person)
        return _join(request, invitation, JoinForm(request.POST))


def _join_page(
    request: HttpRequest, invitation: Invitation, form: JoinForm | None
) -> HttpResponse:
    context = {
        "invitation": invitation,
        "role": Role(invitation.role).label,
        "form": form,
    }
    status = 422 if form and form.errors else 200
    return render(request, "members/join.html", context, status=status)


def _join(
    request: HttpRequest, invitation: Invitation, form: JoinForm
) -> HttpResponseBase:
    """Sign the person in, or make their sign-in; a second factor is asked for first."""
    if not form.is_valid():
        return _join_page(request, invitation, form)
    email, password = invitation.email, form.cleaned_data["password"]
    if person_with(email):
        user = get_adapter().authenticate(request, email=email, password=password)
        if user is None:
            form.add_error("password", _("The password is not right."))
            return _join_page(request, invitation, form)
    else:
        try:
            member = members.accept(
                invitation, user=None, password=password, name=form.cleaned_data["name"]
            )
        except OrganisationError as error:
            form.add_error("password", str(error))
            return _join_page(request, invitation, form)
        return _signed_in(request, member.user, password, "/")
    answer = _signed_in(request, user, password, request.path)
    if request.user.is_authenticated:
        return _joined(request, invitation, user)
    return answer


def _signed_in(
    request: HttpRequest, user: Any, password: str, then: str
) -> HttpResponseBase:
    login = Login(user=user, redirect_url=then, email=user.email)
    credentials = {"email": user.email, "password": password}
    answer: HttpResponseBase = perform_password_login(request, credentials, login)
    return answer


def _joined(
    request: HttpRequest, invitation: Invitation, person: User
) -> HttpResponseBase:
    try:
        members.accept(invitation, user=person)
    except OrganisationError as error:
        messages.error(request, str(error))
    else:
        words = _("You are a member of %(organisation)s now.")
        messages.success(
            request, words % {"organisation": invitation.organisation.name}
        )
    return redirect("home")
