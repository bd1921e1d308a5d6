"""The secrets of second factors, each sealed to the person it belongs to.

django-allauth seals and opens without saying whose secret it is. So a sealed value read
from a row is told the row's person, and opens for nobody else; one that was sealed before
its row was known, in transit, is bound when the row is saved.

Rows from before held seals bound to nobody. They open, and are bound when they are next
used or by `keyring rotate`; once that has bound all of them, none opens any more.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from allauth.mfa.models import Authenticator
from django.conf import settings
from django.db.models.signals import post_init, pre_save
from django.dispatch import receiver

from clients_app.crypto import KeyRing, SealError, Secret, kid_of
from clients_app.models import AuditEvent

STORED = "mfa"
IN_TRANSIT = "mfa in transit"
IN_SESSION = "mfa in session"
ALL_BOUND = "second_factors_bound"
"""What `keyring rotate` notes in the trail's detail when no seal to nobody is left."""
# A passkey's row holds a public key, which is no secret; these hold some.
SEALED_TYPES = (Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES)


class Owned(str):
    """A sealed value with the id of the person from whose row it comes."""

    __slots__ = ("owner",)
    owner: int

    def __new__(cls, token: str, owner: int) -> Owned:
        made = super().__new__(cls, token)
        made.owner = owner
        return made


def _ring() -> KeyRing:
    ring: KeyRing = settings.PORTAL_KEYRING
    return ring


def seal(secret: Secret, owner: int | None, purpose: str = STORED) -> str:
    """Seal a secret to a person; with None, to nobody yet."""
    row = "" if owner is None else str(owner)
    return _ring().seal(secret, purpose=purpose, organisation="", row=row)


def open_bound(token: str, owner: int | None, purpose: str = STORED) -> Secret:
    """Open what was sealed to a person. Raises SealError for any other seal."""
    row = "" if owner is None else str(owner)
    return _ring().open(token, purpose=purpose, organisation="", row=row)


def open_stored(token: str, owner: int) -> Secret:
    """Open what a row of a person holds: sealed to them, or as before to nobody.

    Raises SealError, also for a seal to nobody once all are known to be bound.
    """
    try:
        return open_bound(token, owner)
    except SealError:
        secret = open_bound(token, None)
        if all_are_bound():
            raise
        return secret


def all_are_bound() -> bool:
    """Say whether the trail tells that no row holds a seal to nobody any more.

    The trail only grows: nobody takes that back.
    """
    return AuditEvent.objects.filter(
        action="keyring.rotated", **{f"detail__{ALL_BOUND}": True}
    ).exists()


def is_bound(token: str, owner: int) -> bool:
    """Say whether a sealed value is bound to this person."""
    try:
        open_bound(token, owner)
    except SealError:
        return False
    return True


def is_bound_to_nobody(token: str, owner: int) -> bool:
    """Say whether a stored value opens, but only as one from before."""
    if is_bound(token, owner):
        return False
    try:
        open_stored(token, owner)
    except SealError:
        return False
    return True


def resealed(token: str, owner: int) -> str:
    """Return a stored value bound to its person and sealed with the ring's first key.

    Raises SealError when it does not open.
    """
    if kid_of(token) == _ring().sealing_kid and is_bound(token, owner):
        return token
    return seal(open_stored(token, owner), owner)


def each_string(data: Any, change: Callable[[str], str]) -> Any:
    """Return what django-allauth keeps about a factor with every string changed."""
    if isinstance(data, dict):
        return {name: each_string(value, change) for name, value in data.items()}
    if isinstance(data, list):
        return [each_string(value, change) for value in data]
    return change(data) if isinstance(data, str) else data


@receiver(post_init, sender=Authenticator)
def _tell_the_owner(instance: Authenticator, **kwargs: Any) -> None:
    loaded = instance.__dict__  # what is deferred stays so
    if loaded.get("type") in SEALED_TYPES and loaded.get("user_id"):
        owner = loaded["user_id"]
        instance.data = each_string(loaded.get("data"), lambda x: Owned(x, owner))


@receiver(pre_save, sender=Authenticator)
def _bind(instance: Authenticator, update_fields: Any, **kwargs: Any) -> None:
    if instance.type not in SEALED_TYPES:
        return
    if update_fields is None or "data" in update_fields:
        owner = instance.user_id
        instance.data = each_string(
            instance.data, lambda token: Owned(_bound(token, owner), owner)
        )


def _bound(token: str, owner: int) -> str:
    """Return a value ready to be stored; one that does not open is left as it is."""
    if is_bound(token, owner):
        return token
    try:
        return seal(open_bound(token, None, IN_TRANSIT), owner)
    except SealError:
        with suppress(SealError):
            return seal(open_stored(token, owner), owner)
    return token
