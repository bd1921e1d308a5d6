"""An organisation's API key: checked, stored, replaced, removed.

Heffl is asked before the transaction begins, so that nothing is locked while the network
takes its time. Each function is one transaction with its audit event in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app import audit, credentials
from clients_app.crypto import Secret
from clients_app.delivery import holds, rate_limit, wakeups
from clients_app.heffl.api import HefflAPI
from clients_app.models import (
    PAUSED_UNTIL,
    ApiCredential,
    Hold,
    HoldReason,
    KeySlot,
    Organisation,
    Status,
    User,
)

KEY_HOLDS = (
    HoldReason.KEY_REFUSED,
    HoldReason.KEY_UNVERIFIED,
    HoldReason.KEY_UNREADABLE,
)


class KeyCheck(StrEnum):
    """What Heffl says to a key.

    UNREACHABLE: nothing that tells, be it no answer or one of somebody in between.
    UNREADABLE: Heffl was not asked, as the stored key does not open here.
    """

    WORKS = "works"
    UNKNOWN = "unknown"
    MAY_NOT_READ = "may_not_read"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"

    @property
    def refused(self) -> bool:
        """Say whether Heffl was reached and turned the key down."""
        return self in {KeyCheck.UNKNOWN, KeyCheck.MAY_NOT_READ}


@dataclass(frozen=True)
class KeyChange:
    """What came of storing a key; `credential` is None when nothing was changed."""

    check: KeyCheck
    credential: ApiCredential | None = None
    also_used_elsewhere: bool = False
    unusual: bool = False


def check_words(check: KeyCheck) -> str:
    """Return what to tell people about a key, in the language of the page."""
    return {
        KeyCheck.WORKS: _("Heffl accepts the key."),
        KeyCheck.UNKNOWN: _("Heffl does not know this key."),
        KeyCheck.MAY_NOT_READ: _("The key works but may not read clients."),
        KeyCheck.UNREACHABLE: _("Heffl could not be reached. Nothing was changed."),
        KeyCheck.UNREADABLE: _("The stored key cannot be opened here. Enter it again."),
    }[check]


def _ask(api: HefflAPI) -> KeyCheck:
    reading = api.check_key()
    if reading.ok:
        return KeyCheck.WORKS
    if reading.status == 401:
        return KeyCheck.UNKNOWN
    # A firewall answers 403 too; only Heffl itself answers in JSON.
    if reading.status == 403 and "json" in reading.content_type:
        return KeyCheck.MAY_NOT_READ
    if reading.reason == "key_unreadable":
        return KeyCheck.UNREADABLE
    return KeyCheck.UNREACHABLE


def ask_about(key: Secret) -> KeyCheck:
    """Ask Heffl about a key that is not stored: one call, which store_key() counts later."""
    return _ask(credentials.api_with(key))


def replace_api_key(
    organisation: Organisation,
    key: Secret,
    *,
    user: User | None,
    now: datetime | None = None,
    unverified: bool = False,
) -> KeyChange:
    """Ask Heffl about a key and, when it works, put it in the place of the current one.

    When Heffl cannot be reached nothing changes, unless `unverified` is set: then the
    key waits in the slot `next` beside the current one, or, where there is none, becomes
    current with a hold on it, so that nothing is sent before a check has passed.
    """
    now = now or timezone.now()
    check = ask_about(key)
    if check.refused or (check is KeyCheck.UNREACHABLE and not unverified):
        return KeyChange(check)
    return store_key(organisation, key, check, user, now)


@transaction.atomic
def store_key(
    organisation: Organisation,
    key: Secret,
    check: KeyCheck,
    user: User | None,
    now: datetime,
    *,
    actor_label: str = "",
) -> KeyChange:
    """Seal a key into the slot that follows from what Heffl said to it (`check`).

    One that works takes the place of the current key; another one waits beside it, or
    becomes current with a hold where there is none. `actor_label` names who acts where
    there is no `user`.
    """
    organisation = organisation.locked()
    before = credentials.current(organisation)
    works = check is KeyCheck.WORKS
    slot = KeySlot.CURRENT if works or before is None else KeySlot.NEXT
    waiting = credentials.next_(organisation)
    if waiting:
        _revoke(waiting, now)
    if before and slot == KeySlot.CURRENT:
        _revoke(before, now)
    credential = credentials.seal_new(
        organisation,
        key,
        slot=slot,
        user=user,
        verified_at=now if works else None,
        now=now,
    )
    audit.record(
        "key.replaced" if before and slot == KeySlot.CURRENT else "key.added",
        organisation=organisation,
        actor=user,
        actor_label=actor_label,
        about=credential,
        detail={"slot": str(slot), "verified": works},
    )
    if works:
        _put_to_work(credential, user, now, actor_label)
        rate_limit.note_call(credential.fingerprint, now)
    elif slot == KeySlot.CURRENT:
        holds.hold(credential.fingerprint, HoldReason.KEY_UNVERIFIED, now)
    return KeyChange(
        check,
        credential,
        also_used_elsewhere=_used_elsewhere(credential),
        unusual=not credentials.has_usual_prefix(key),
    )


def _used_elsewhere(credential: ApiCredential) -> bool:
    others = ApiCredential.objects.held().filter(fingerprint=credential.fingerprint)
    return others.exclude(organisation_id=credential.organisation_id).exists()


def _put_to_work(
    credential: ApiCredential, user: User | None, now: datetime, actor_label: str = ""
) -> None:
    """Note that Heffl accepts the current key, and let its queue go on."""
    audit.record(
        "key.verified",
        organisation=credential.organisation,
        actor=user,
        actor_label=actor_label,
        about=credential,
    )
    rate_limit.locked(credential.fingerprint)  # first, as every worker does
    for reason in KEY_HOLDS:
        holds.release(credential.fingerprint, reason, now)
    # Whoever backed off because of the key before this one need not wait any longer.
    waiting = credential.organisation.submissions.filter(status=Status.QUEUED)
    waiting.filter(not_before__gt=now, not_before__lt=PAUSED_UNTIL).update(
        not_before=now
    )
    wakeups.wake_organisation(credential.organisation, now)


def _revoke(credential: ApiCredential, now: datetime) -> None:
    """Take a key out of use: its ciphertext goes, and its holds when nobody else has it."""
    ApiCredential.objects.filter(pk=credential.pk).update(revoked_at=now, ciphertext="")
    mark = credential.fingerprint
    if not ApiCredential.objects.held().filter(fingerprint=mark).exists():
        Hold.objects.filter(fingerprint=mark, released_at__isnull=True).update(
            released_at=now, probe_at=None
        )


def verify_key(
    credential: ApiCredential, *, user: User | None, now: datetime | None = None
) -> KeyCheck:
    """Ask Heffl about a stored key. A waiting key that passes replaces the current one.

    The call counts against the key's budget, but does not wait for room in it.
    """
    now = now or timezone.now()
    rate_limit.note_call(credential.fingerprint, now)
    check = _ask(credentials.api_for(credential))
    if check is KeyCheck.WORKS:
        _verified(credential, user, now)
    return check


@transaction.atomic
def _verified(credential: ApiCredential, user: User | None, now: datetime) -> None:
    label = "" if user else "worker"
    organisation = credential.organisation.locked()
    held = ApiCredential.objects.held().filter(pk=credential.pk)
    found = held.select_related("organisation").first()
    if found is None:  # somebody removed it meanwhile
        return
    before = credentials.current(organisation)
    if before and before.pk != found.pk:
        _revoke(before, now)
        audit.record("key.replaced", organisation=organisation, actor=user, about=found)
    held.update(slot=KeySlot.CURRENT, verified_at=now)
    _put_to_work(found, user, now, label)


@transaction.atomic
def remove_api_key(
    credential: ApiCredential, *, user: User | None, now: datetime | None = None
) -> None:
    """Take a key out of use; its ciphertext is erased. Waiting clients keep waiting.

    Does nothing when somebody else was faster.
    """
    now = now or timezone.now()
    organisation = credential.organisation.locked()
    if not ApiCredential.objects.held().filter(pk=credential.pk).exists():
        return
    _revoke(credential, now)
    audit.record(
        "key.removed",
        organisation=organisation,
        actor=user,
        about=credential,
        detail={"slot": credential.slot},
    )
