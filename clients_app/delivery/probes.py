"""Knocks at Heffl's door: for each hold whose probe is due, and for keys not checked yet.

A probe asks one question within the key's budget, and never sends a client. Any number of
processes may knock; a hold is probed by one of them at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone

from clients_app import credentials
from clients_app.delivery import holds, rate_limit
from clients_app.delivery import timing as times
from clients_app.heffl.outcome import Reading, Verdict
from clients_app.models import ApiCredential, Hold, HoldReason, KeySlot

CheckKey = Callable[[ApiCredential], str]
"""Asks Heffl about a stored key and acts on a yes; returns "works", "unreachable", …"""
ABOUT_KEY = (
    HoldReason.KEY_UNVERIFIED,
    HoldReason.KEY_REFUSED,
    HoldReason.KEY_UNREADABLE,
)


def probe_due(check_key: CheckKey) -> None:
    """Knock at Heffl's door for every hold whose probe is due."""
    for found in holds.due_probes(timezone.now()):
        now = timezone.now()
        if not _take_probe(found, now):
            continue
        credential = _credential_for(found)
        if credential is None:
            continue
        if found.reason in ABOUT_KEY:
            _probe_key(found, credential, check_key)
        else:
            later = rate_limit.take_read(credential.fingerprint, now)
            if later is not None:
                Hold.objects.filter(pk=found.pk).update(probe_at=later)
                continue
            reading = credentials.api_for(credential).check_key()
            if _is_over(found, reading):
                holds.release(
                    found.fingerprint, HoldReason(found.reason), timezone.now()
                )


def _take_probe(found: Hold, now: datetime) -> bool:
    """Set the hold's next probe; False when another process was faster."""
    before = found.probe_at
    mine = Hold.objects.filter(pk=found.pk, probe_at=before).update(
        probe_at=now + timedelta(seconds=30)
    )
    if mine:
        holds.probed(found, now)
    return bool(mine)


def _credential_for(found: Hold) -> ApiCredential | None:
    current = ApiCredential.objects.current().select_related("organisation")
    if found.fingerprint:
        return current.filter(fingerprint=found.fingerprint).first()
    return current.filter(verified_at__isnull=False).order_by("?").first()


def _probe_key(found: Hold, credential: ApiCredential, check_key: CheckKey) -> None:
    answer = check_key(credential)
    if answer in ("works", "unreachable", "unreadable"):
        return  # a key that works has released its own holds
    if found.reason == HoldReason.KEY_UNVERIFIED:
        now = timezone.now()
        holds.hold(found.fingerprint, HoldReason.KEY_REFUSED, now, answer)
        holds.release(found.fingerprint, HoldReason.KEY_UNVERIFIED, now)


def _is_over(found: Hold, reading: Reading[object]) -> bool:
    """Say whether a probe's answer ends a hold."""
    if reading.ok or reading.verdict is Verdict.RATE_LIMITED:
        return True
    if reading.verdict is Verdict.KEY_REFUSED:
        return reading.status is not None  # Heffl spoke, not our own key ring
    return found.reason == HoldReason.OUTAGE and reading.verdict is Verdict.REFUSED


class WaitingKeys:
    """Asks about keys that were saved unverified beside a working one, each now and then.

    It remembers when to ask again only for keys it asked about lately.
    """

    def __init__(self, check_key: CheckKey) -> None:
        self._check_key = check_key
        self._ask_again_at: dict[UUID, float] = {}

    def ask(self) -> None:
        """Ask about those that are due, at most twenty."""
        now = time.monotonic()
        self._ask_again_at = {
            key: at for key, at in self._ask_again_at.items() if at > now
        }
        waiting = ApiCredential.objects.held().filter(slot=KeySlot.NEXT)
        for credential in waiting.select_related("organisation")[:20]:
            if time.monotonic() < self._ask_again_at.get(credential.pk, 0.0):
                continue
            reached = self._check_key(credential) != "unreachable"
            timing = times.timing()
            pause = timing.key_probe if reached else timing.probe_cap
            self._ask_again_at[credential.pk] = time.monotonic() + pause
