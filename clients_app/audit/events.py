"""record() and record_all(): the only writers of AuditEvent. Call it inside the transaction of what it tells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import models
from django.utils import timezone

from clients_app.models import AuditEvent, Organisation, User

# The trail is never rewritten, so a model that got another name keeps its word in there.
_KEPT_WORDS = {"fileimport": "csvimport"}


def record(
    action: str,
    *,
    organisation: Organisation | None,
    actor: User | None = None,
    actor_label: str = "",
    about: models.Model | None = None,
    detail: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> AuditEvent:
    """Note that something happened.

    `action` is dotted lower case ("submission.created"). `actor` is a person;
    `actor_label` names what acted where no person did ("worker", "command"). `detail`
    may hold names of fields, counts and slugs, never what somebody typed.
    """
    reference = getattr(about, "uuid", None) or (about.pk if about is not None else "")
    return AuditEvent.objects.create(
        at=at or timezone.now(),
        organisation_id=organisation.pk if organisation else None,
        actor_id=actor.pk if actor else None,
        actor_label=actor_label,
        action=action,
        object_type=_word_for(about) if about is not None else "",
        object_id=str(reference),
        detail=dict(detail or {}),
    )


def record_all(
    action: str,
    *,
    organisation: Organisation,
    actor: User | None,
    about: Sequence[models.Model],
    details: Sequence[Mapping[str, Any]],
    at: datetime,
) -> None:
    """Note the same of many things of one table at once.

    `details` go with `about`, one for each; ValueError where their numbers differ.
    """
    AuditEvent.objects.bulk_create(
        AuditEvent(
            at=at,
            organisation_id=organisation.pk,
            actor_id=actor.pk if actor else None,
            action=action,
            object_type=_word_for(thing),
            object_id=str(getattr(thing, "uuid", None) or thing.pk),
            detail=dict(detail),
        )
        for thing, detail in zip(about, details, strict=True)
    )


def _word_for(thing: models.Model) -> str:
    name = thing._meta.model_name or ""
    return _KEPT_WORDS.get(name, name)
