"""API keys: cleaned, sealed to their organisation and row, and opened for a call.

A key is revealed inside HefflAPI when the header is set, and nowhere else.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app.crypto import KeyRing, SealError, Secret, count_kids, kid_of
from clients_app.heffl.api import HefflAPI
from clients_app.models import (
    ApiCredential,
    DeliveryAttempt,
    Hold,
    KeySlot,
    Organisation,
    RateBudget,
    User,
)

PURPOSE = "api_key"
USUAL_PREFIX = "heffl_user_"
_KEY = re.compile(r"[\x21-\x7e]{8,200}")


class KeyFormatError(ValueError):
    """What was given cannot be an API key. The text is for people; it holds no key."""


def _ring() -> KeyRing:
    ring: KeyRing = settings.PORTAL_KEYRING
    return ring


def clean_key(text: str) -> Secret:
    """Return the key in what somebody pasted, without the blanks and breaks around it.

    Raises KeyFormatError.
    """
    key = text.strip().strip("\ufeff\u200b\u200e\u200f\u2060").strip()
    if not key:
        raise KeyFormatError(_("Enter the API key"))
    if not _KEY.fullmatch(key):
        raise KeyFormatError(
            _(
                "An API key is 8 to 200 letters, digits and signs, without blanks. "
                "Copy it again from Heffl."
            )
        )
    return Secret(key)


def has_usual_prefix(key: Secret) -> bool:
    """Say whether a key begins like those that Heffl hands out."""
    return key.reveal().startswith(USUAL_PREFIX)


def current(organisation: Organisation) -> ApiCredential | None:
    """Return the key in use, or None."""
    return organisation.credentials.current().select_related("added_by").first()


def next_(organisation: Organisation) -> ApiCredential | None:
    """Return the key that waits for a check before it replaces the current one, or None."""
    held = organisation.credentials.held().filter(slot=KeySlot.NEXT)
    return held.select_related("added_by").first()


def describe(credential: ApiCredential) -> str:
    """Return what people may see of a key: `heffl_user_…9f3c`."""
    return f"{credential.prefix}…{credential.last_four}"


def fingerprint_of(key: Secret) -> str:
    """Return the mark under which a key's budget, holds and attempts are kept.

    While the ring rotates, a key stored already keeps the mark it has until `rotate`
    renews it: one key never has two budgets.
    """
    marks = list(_ring().fingerprints(key).values())
    known = set(
        ApiCredential.objects.held()
        .filter(fingerprint__in=marks)
        .values_list("fingerprint", flat=True)
    )
    return next((mark for mark in marks if mark in known), marks[0])


def _seal(credential: ApiCredential, key: Secret) -> str:
    return _ring().seal(
        key,
        purpose=PURPOSE,
        organisation=str(credential.organisation_id),
        row=str(credential.pk),
    )


def _visible_parts(key: Secret) -> tuple[str, str]:
    """Return what people may see of a key. A function, so that no frame keeps the rest."""
    value = key.reveal()
    prefix = USUAL_PREFIX if has_usual_prefix(key) else ""
    return prefix, value[-4:] if len(value) >= 12 else value[-2:]


def seal_new(
    organisation: Organisation,
    key: Secret,
    *,
    slot: str = KeySlot.CURRENT,
    user: User | None = None,
    verified_at: datetime | None = None,
    now: datetime | None = None,
) -> ApiCredential:
    """Store a key in an empty slot. Raises IntegrityError when the slot holds one.

    `verified_at` is when Heffl accepted the key, None when it has not been asked yet.
    """
    prefix, last_four = _visible_parts(key)
    credential = ApiCredential(
        id=uuid.uuid4(),
        organisation=organisation,
        slot=slot,
        prefix=prefix,
        last_four=last_four,
        fingerprint=fingerprint_of(key),
        added_by=user,
        added_at=now or timezone.now(),
        verified_at=verified_at,
    )
    credential.ciphertext = _seal(credential, key)
    credential.save(force_insert=True)
    return credential


def reveal(credential: ApiCredential) -> Secret:
    """Open a stored key. Raises SealError when this key ring cannot."""
    return _ring().open(
        credential.ciphertext,
        purpose=PURPOSE,
        organisation=str(credential.organisation_id),
        row=str(credential.pk),
    )


def _api(reveal_key: Callable[[], str]) -> HefflAPI:
    timeouts = settings.HEFFL_TIMEOUTS
    return HefflAPI(
        settings.HEFFL_API_URL,
        reveal_key,
        user_agent=f"heffl-portal/{settings.VERSION}",
        connect_timeout=timeouts["connect"],
        read_timeout=timeouts["read"],
        total_timeout=timeouts["total"],
    )


def api_for(credential: ApiCredential) -> HefflAPI:
    """Return Heffl's API as this stored key sees it; the key is opened per call.

    A key that does not open raises nothing: the call comes back as "key_unreadable".
    """
    return _api(lambda: reveal(credential).reveal())


def api_with(key: Secret) -> HefflAPI:
    """Return Heffl's API as a key sees it that is not stored yet."""
    return _api(key.reveal)


def kids_in_use() -> dict[str, int]:
    """Count the stored keys by the id of the ring key that seals them ("?" = malformed)."""
    held = ApiCredential.objects.held()
    return count_kids(held.values_list("ciphertext", flat=True))


def unreadable() -> list[ApiCredential]:
    """Return the held keys that this ring cannot open."""
    found = []
    for credential in ApiCredential.objects.held().select_related("organisation"):
        try:
            reveal(credential)
        except SealError:
            found.append(credential)
    return found


def reseal_all() -> tuple[int, list[str]]:
    """Seal every key with the ring's first key; return how many, and the renewed marks.

    Each mark is one short transaction, so this may be stopped and run again at any
    moment while the portal works. Keys that do not open are left as they are.
    """
    marks = ApiCredential.objects.held().values_list("fingerprint", flat=True)
    done = [_reseal_mark(mark) for mark in sorted(set(marks))]
    return sum(count for count, _new in done), [new for _count, new in done if new]


@transaction.atomic
def _reseal_mark(mark: str) -> tuple[int, str | None]:
    done = 0
    renewed = None
    ring = _ring()
    held = ApiCredential.objects.select_for_update().held().filter(fingerprint=mark)
    for credential in held:
        try:
            key = reveal(credential)
        except SealError:
            continue
        new_mark = ring.fingerprint(key)
        if kid_of(credential.ciphertext) == ring.sealing_kid and new_mark == mark:
            continue
        changed = ApiCredential.objects.filter(
            pk=credential.pk, ciphertext=credential.ciphertext
        ).update(ciphertext=_seal(credential, key), fingerprint=new_mark)
        done += changed
        if changed and new_mark != mark:
            renewed = new_mark
    if renewed:
        _rename_mark(mark, renewed)
    return done, renewed


def _rename_mark(old: str, new: str) -> None:
    """Carry what is kept about a key (budget, holds, attempts) over to its new mark."""
    budget = RateBudget.objects.select_for_update().filter(fingerprint=old).first()
    heir = RateBudget.objects.select_for_update().filter(fingerprint=new).first()
    if budget and heir:
        heir.recent = sorted([*heir.recent, *budget.recent])
        heir.save(update_fields=["recent"])
        budget.delete()
    elif budget:
        RateBudget.objects.filter(pk=budget.pk).update(fingerprint=new)
    there = Hold.objects.filter(fingerprint=new, released_at__isnull=True)
    Hold.objects.filter(
        fingerprint=old,
        released_at__isnull=True,
        reason__in=list(there.values_list("reason", flat=True)),
    ).update(released_at=timezone.now())
    Hold.objects.filter(fingerprint=old).update(fingerprint=new)
    DeliveryAttempt.objects.filter(fingerprint=old).update(fingerprint=new)
    ApiCredential.objects.filter(fingerprint=old, revoked_at__isnull=False).update(
        fingerprint=new
    )
