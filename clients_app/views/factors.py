"""Setting up a second factor: django-allauth's pages, one request of a person at a time.

Two at once would both find that nothing is set up yet: the second one then fails at the
table, or puts its factor beside one that its session has never proven.
"""

from __future__ import annotations

from typing import Any

from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_http_methods

from clients_app.accounts import changes, told
from clients_app.models import User


class _OneAtATime:
    """Saves a new factor while no other request of this person does.

    django-allauth looks again, then, whether a factor has to be proven first.
    """

    request: HttpRequest

    def form_valid(self, form: Any) -> HttpResponse:
        with told.held(), transaction.atomic():
            user = User.objects.select_for_update().get(pk=self.request.user.pk or 0)
            answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
            changes.factor_set_up(self.request, user)
            return answer


class _ActivateApp(_OneAtATime, ActivateTOTPView):  # type: ignore[misc]
    pass


class _AddPasskey(_OneAtATime, AddWebAuthnView):  # type: ignore[misc]
    pass


@require_http_methods(["GET", "HEAD", "POST"])
def factor_activate_app(request: HttpRequest) -> HttpResponseBase:
    """Set an authenticator app up."""
    answer: HttpResponseBase = _ActivateApp.as_view()(request)
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def factor_add_passkey(request: HttpRequest) -> HttpResponseBase:
    """Add a passkey."""
    answer: HttpResponseBase = _AddPasskey.as_view()(request)
    return answer
