"""What follows when the way somebody signs in has changed: their other sessions end.

Whoever sat in one of them may be the reason for the change. That the person is told by
mail, too, is django-allauth's doing; what it has no letter for is told from here.
"""

from __future__ import annotations

from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import (
    authenticator_removed,
    authenticator_used,
)
from allauth.usersessions.models import UserSession
from django.dispatch import receiver
from django.http import HttpRequest

from clients_app.accounts import proof, told
from clients_app.models import User


def end_other_sessions(request: HttpRequest, user: User) -> None:
    """Sign a person out everywhere but here; here, too, when somebody else is asking."""
    own = request.session.session_key if request.user.pk == user.pk else None
    for session in UserSession.objects.filter(user=user).exclude(session_key=own or ""):
        session.end()


def factor_set_up(request: HttpRequest, user: User) -> None:
    """Let a session that has just set a factor up go on, and no other one of the person.

    Setting it up was proving it: the code or the passkey was asked for.
    """
    proof.note(request, proof.newest(user))
    end_other_sessions(request, user)


@receiver([password_changed, password_set, password_reset])
def _password_changed(
    sender: object, request: HttpRequest, user: User, **kwargs: Any
) -> None:
    end_other_sessions(request, user)


@receiver(authenticator_removed)
def _factor_removed(
    sender: object, request: HttpRequest, user: User, **kwargs: Any
) -> None:
    proof.forget_gone(request)
    end_other_sessions(request, user)


@receiver(authenticator_used)
def _factor_used(
    sender: object,
    request: HttpRequest,
    user: User,
    authenticator: Authenticator,
    **kwargs: Any,
) -> None:
    if authenticator.type != Authenticator.Type.RECOVERY_CODES:
        return
    fresh = Authenticator.objects.get(pk=authenticator.pk)  # the one asked counts on
    left = len(fresh.wrap().get_unused_codes())
    address = EmailAddress.objects.get_primary_email(user)
    if address:
        occasion = "recovery_code_used" if left else "last_recovery_code_used"
        told.tell(request, occasion, address)
