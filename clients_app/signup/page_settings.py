"""What an administrator changes about the signup page, each change with its audit event."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from clients_app import audit
from clients_app.models import Organisation, SignupPage, User
from clients_app.questions import custom_fields

NAMES_OF_QUESTIONS = {"hidden_fields", "public_fields"}


NEVER_ASKED = frozenset({"opening_balance"})
"""What an organisation knows and a visitor does not."""


class ChangedMeanwhile(Exception):
    """Somebody else saved the page after this person had opened it. Nothing was changed."""


def state_of(page: SignupPage) -> str:
    """Return what stands for the stored state of a page; "" when none is stored.

    A form carries it along, so that save() sees whether somebody else saved meanwhile.
    """
    return page.updated_at.isoformat() if page.pk else ""


def _locked(organisation: Organisation) -> tuple[Organisation, SignupPage]:
    """Lock the organisation, so that two people change its page one after the other."""
    locked = organisation.locked()
    return locked, SignupPage.of(locked)


def not_asked(page: SignupPage) -> frozenset[str]:
    """Return the names of what a public page does not ask, unless a client needs it.

    Own questions are among them by their keys.
    """
    inner = page.organisation.custom_fields.filter(is_public=False)
    return (
        NEVER_ASKED
        | {*map(str, page.hidden_fields)}
        | {*inner.values_list("key", flat=True)}
    )


@transaction.atomic
def save(
    page: SignupPage,
    *,
    mode: str,
    public_fields: Collection[str],
    changed: Collection[str],
    seen: str,
    user: User,
    now: datetime | None = None,
) -> None:
    """Store a changed page, whether it is open, and which own questions it asks.

    `mode` is an ApprovalMode, or "" to close the page. `public_fields` names the own
    questions to ask (keys), `changed` the inputs that differ. `seen` is state_of() when
    the form was opened. Another wording of the consent line raises its version. Raises
    ChangedMeanwhile. One transaction with its audit event.
    """
    organisation, stored = _locked(page.organisation)
    if state_of(stored) != seen:
        raise ChangedMeanwhile
    page.pk = stored.pk
    page.consent_version = stored.consent_version
    page.kiosk_key = stored.kiosk_key
    wordings = ("consent_en", "consent_ar")
    if any(getattr(page, name) != getattr(stored, name) for name in wordings):
        page.consent_version += 1
    page.updated_at = now or timezone.now()
    page.save()
    organisation.signup_mode = mode
    organisation.save(update_fields=["signup_mode"])
    for field in organisation.custom_fields.filter(is_active=True):
        if field.is_public != (field.key in public_fields):
            field.is_public = not field.is_public
            field.save(update_fields=["is_public"])
    if NAMES_OF_QUESTIONS & set(changed):
        custom_fields.changed(organisation)
    audit.record(
        "settings.signup_changed",
        organisation=organisation,
        actor=user,
        about=page,
        detail={"fields": sorted(changed)},
    )
    page.organisation = organisation


def put_logo(page: SignupPage, png: bytes | None) -> None:
    """Put a PNG, or none, on a page that is about to be saved.

    Its hash goes into its address, so that browsers may keep it for ever.
    """
    page.logo = png
    page.logo_hash = hashlib.sha256(png).hexdigest()[:16] if png else ""


@transaction.atomic
def renew_kiosk(organisation: Organisation, *, user: User) -> None:
    """Give the tablet at the desk a new address. The one it had counts no more."""
    _change_kiosk(organisation, secrets.token_urlsafe(16), user)


@transaction.atomic
def close_kiosk(organisation: Organisation, *, user: User) -> None:
    """Take the tablet's address back. From then on it counts no more."""
    _change_kiosk(organisation, "", user)


def _change_kiosk(organisation: Organisation, key: str, user: User) -> None:
    organisation, page = _locked(organisation)
    page.kiosk_key = key
    page.save()
    audit.record(
        "settings.kiosk_renewed" if key else "settings.kiosk_closed",
        organisation=organisation,
        actor=user,
        about=page,
    )
