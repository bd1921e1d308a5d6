"""The address a person signs in with: one each, changed by confirming the new one.

Until then nothing changes. Whoever asks learns nothing about the address: one that belongs
to somebody gets a letter as well, another one. From before there are people with several
confirmed addresses; each of them leads to its person, and a change leaves one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime

from allauth.account.models import EmailAddress
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app import throttle
from clients_app.accounts import changes, told, trail
from clients_app.models import AddressChange, User
from clients_app.models.address_change import LIVES
from clients_app.throttle import Limit

LinkFor = Callable[[str], str]
"""Makes the whole address of a confirmation from its token."""
PERSON = Limit(window=24 * 3600.0, odd=10, most=10)
"""Letters that one person asks for."""
MAILBOX = Limit(window=3600.0, odd=3, most=3)
"""Letters to one mailbox, whoever asks."""


class AddressError(ValueError):
    """What was asked for cannot be done. The text says why, in words for people."""


class TooManyLetters(AddressError):
    """Too many letters were asked for, by this person or to this address."""


def person_with(email: str) -> User | None:
    """Return the person who signs in with an address, by any they have confirmed."""
    email = email.strip().lower()
    found = EmailAddress.objects.filter(email=email, verified=True)
    address = found.select_related("user").first()
    if address is not None:
        person: User = address.user
        return person
    return User.objects.filter(email=email).first()


def addresses_of(user: User) -> set[str]:
    """Return every address a person signs in with."""
    confirmed = EmailAddress.objects.filter(user=user, verified=True)
    return {user.email, *confirmed.values_list("email", flat=True)}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _count(user: User, email: str, now: datetime) -> None:
    """Count a letter by who asks and by whose mailbox it goes to."""
    limits = (
        (throttle.mark_of("address letters of", user.pk), PERSON),
        (throttle.mark_of("address letters to", throttle.mailbox_of(email)), MAILBOX),
    )
    for mark, limit in limits:
        if throttle.take(mark, limit, now) is None:
            raise TooManyLetters(_("Too many mails were asked for. Wait an hour."))


def ask_for(user: User, email: str, *, link_for: LinkFor) -> None:
    """Note which address a person wants, and mail it the link that confirms it.

    Raises AddressError for an address of their own, TooManyLetters, and OSError or
    SMTPException when the letter could not be handed over: it can be asked for again.
    """
    email = email.strip().lower()
    if email in addresses_of(user):
        raise AddressError(_("You sign in with this address already."))
    token = secrets.token_urlsafe(32)
    now = timezone.now()
    with transaction.atomic():
        _count(user, email, now)
        AddressChange.objects.filter(asked_at__lte=now - LIVES).delete()
        AddressChange.objects.update_or_create(
            user=user,
            defaults={"email": email, "token_hash": _hash(token), "asked_at": now},
        )
        trail.note("address.asked", user)
    _mail(email, link_for(token))


def _mail(email: str, link: str) -> None:
    if person_with(email) is None:
        lines = [
            _("Somebody wants to sign in to Heffl Portal with this address."),
            _(
                "If it was you, open this link where you are signed in. It works once, for "
                "one day:"
            ),
            link,
            _("If it was not you, ignore this mail. Nothing happens then."),
        ]
    else:
        lines = [
            _("Somebody wants to sign in to Heffl Portal with this address."),
            _("It belongs to a sign-in already, so nothing was changed."),
        ]
    told.letter(email, _("Your address at Heffl Portal"), lines).send()


def change_of(token: str) -> AddressChange | None:
    """Return the open change that a link leads to, or None."""
    found = AddressChange.objects.filter(token_hash=_hash(token)).first()
    return found if found and found.is_open else None


def withdraw(user: User) -> None:
    """Forget the change that a person asked for, if there is one."""
    with transaction.atomic():
        gone, _by_table = AddressChange.objects.filter(user=user).delete()
        if gone:
            trail.note("address.withdrawn", user)


def confirm(request: HttpRequest, change: AddressChange) -> None:
    """Let the person who asked sign in with the new address, and with no other one.

    Every address before is told, and their other sessions end. Raises AddressError when
    the link was used meanwhile, or the address has become somebody else's.
    """
    try:
        with told.held(), transaction.atomic():
            _confirm(request, change)
    except IntegrityError:  # the tables know each address once
        raise AddressError(_("This address belongs to another sign-in.")) from None


def _confirm(request: HttpRequest, change: AddressChange) -> None:
    user = User.objects.select_for_update().get(pk=change.user_id)
    taken, _by_table = AddressChange.objects.filter(
        pk=change.pk, token_hash=change.token_hash
    ).delete()
    if not taken:
        raise AddressError(_("This link was used already."))
    before = addresses_of(user)
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(
        user=user, email=change.email, verified=True, primary=True
    )
    user.email = change.email
    user.save(update_fields=["email"])
    trail.note("address.changed", user)
    changes.end_other_sessions(request, user)
    for address in sorted(before - {user.email}):
        told.tell(request, "account/email/email_changed", address)


def remove(request: HttpRequest, user: User, email: str) -> bool:
    """Take one of several confirmed addresses from a person, not the one they go by.

    Says whether there was such a one.
    """
    with told.held(), transaction.atomic():
        others = EmailAddress.objects.filter(user=user, verified=True)
        gone, _by_table = (
            others.exclude(email=user.email).filter(email=email.lower()).delete()
        )
        if gone:
            trail.note("address.removed", user)
            changes.end_other_sessions(request, user)
            told.tell(request, "account/email/email_changed", email)
    return bool(gone)
