"""The address one signs in with: what it is, asking for another, and confirming that."""

from __future__ import annotations

from smtplib import SMTPException
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from clients_app.accounts import addresses
from clients_app.models import AddressChange, User
from clients_app.organisation.member_forms import email_field
from clients_app.views.access import proved_lately


class AddressForm(forms.Form):
    """The address that somebody wants to sign in with."""

    email = email_field(gettext_lazy("New email address"), autocomplete="email")

    def clean_email(self) -> str:
        """Return the address in lower case, as addresses are kept."""
        email = str(self.cleaned_data["email"]).lower()
        if len(email) > 254:
            raise forms.ValidationError(_("The email address is too long"))
        return email


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    # As it is by now: another window may have changed it.
    return User.objects.get(pk=request.user.pk)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@proved_lately
def address_change(request: HttpRequest) -> HttpResponseBase:
    """Show the address one signs in with; ask for another, or take that back."""
    person = _person(request)
    if request.method != "POST":
        return _page(request, person, AddressForm())
    if "action_add" in request.POST:
        return _asked(request, person, AddressForm(request.POST))
    pending = AddressChange.objects.filter(user=person).first()
    if "action_send" in request.POST and pending:
        return _asked(request, person, AddressForm({"email": pending.email}))
    if "action_remove" in request.POST:
        _removed(request, person, pending, request.POST.get("email", ""))
    return redirect(reverse("account_email"))


def _asked(request: HttpRequest, person: User, form: AddressForm) -> HttpResponse:
    if not form.is_valid():
        return _page(request, person, form, 422)
    email = form.cleaned_data["email"]

    def link_for(token: str) -> str:
        path = reverse("account_confirm_email", args=[token])
        return request.build_absolute_uri(path)

    try:
        addresses.ask_for(person, email, link_for=link_for)
    except addresses.TooManyLetters as error:
        form.add_error("email", str(error))
        return _page(request, person, form, 429)
    except addresses.AddressError as error:
        form.add_error("email", str(error))
        return _page(request, person, form, 422)
    except (OSError, SMTPException):
        words = _("The mail could not be sent. Nothing is changed; try again later.")
        messages.error(request, words)
    else:
        words = _(
            "A link is on its way to %(email)s. Nothing changes until you open it."
        )
        messages.success(request, words % {"email": email})
    return redirect(reverse("account_email"))


def _removed(
    request: HttpRequest, person: User, pending: AddressChange | None, email: str
) -> None:
    if pending and pending.email == email.lower():
        addresses.withdraw(person)
        messages.success(request, _("The change is taken back."))
    elif addresses.remove(request, person, email):
        messages.success(request, _("The address is removed."))


def _page(
    request: HttpRequest, person: User, form: AddressForm, status: int = 200
) -> HttpResponse:
    pending = AddressChange.objects.filter(user=person).first()
    context: dict[str, Any] = {
        "form": form,
        "person": person,
        "others": sorted(addresses.addresses_of(person) - {person.email}),
        "pending": pending if pending and pending.is_open else None,
    }
    return render(request, "account/address.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
def address_confirm(request: HttpRequest, key: str) -> HttpResponseBase:
    """Let the person who asked for a new address use it; opening the link changes nothing.

    The link alone is not enough: it may have gone to a stranger, by a slip of the pen.
    """
    change = addresses.change_of(key)
    if change is None:
        return render(request, "account/address_gone.html")
    return _confirm(request, change)


@login_required
def _confirm(request: HttpRequest, change: AddressChange) -> HttpResponseBase:
    if request.user.pk != change.user_id:
        return render(request, "account/address_other.html", status=403)
    if request.method != "POST":
        return render(request, "account/address_confirm.html", {"change": change})
    try:
        addresses.confirm(request, change)
    except addresses.AddressError as error:
        messages.error(request, str(error))
    else:
        words = _("You sign in with %(email)s from now on.")
        messages.success(request, words % {"email": change.email})
    return redirect(reverse("account-preferences"))
