"""The custom fields of Heffl beside those of our form: read, taken over, compared.

A field that goes, or becomes required, would have every new client refused: what has changed
is noticed daily, and told before it hurts. Only a person's "Read from Heffl" changes the form.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from clients_app import audit, credentials
from clients_app.delivery import rate_limit
from clients_app.heffl.api import HefflAPI
from clients_app.heffl.contract import ClientType
from clients_app.heffl.fields import RemoteField
from clients_app.models import (
    ApiCredential,
    CustomField,
    CustomFieldKind,
    FieldReading,
    Organisation,
    User,
)
from clients_app.questions import custom_fields

DAILY = timedelta(hours=24)
AGAIN = timedelta(hours=1)
"""When to look again after Heffl could not be reached."""
SETTLED = timedelta(minutes=10)
"""A new organisation is set up in peace first."""
MAX_PAGES = 10
_CHOICES = {CustomFieldKind.OPTION, CustomFieldKind.OPTIONS}
DRIFT_WORDS = {
    "gone": gettext_noop(
        "{label} is no longer in Heffl. Clients with an answer to it may be refused."
    ),
    "required": gettext_noop("{label} is required in Heffl, but not in the form."),
    "missing": gettext_noop(
        "{label} is required in Heffl, and the form does not ask for it."
    ),
    "unsendable": gettext_noop(
        "{label} is required in Heffl and cannot be sent from here. New clients may be "
        "refused until it is optional there."
    ),
    "options": gettext_noop("{label} has other options in Heffl."),
    "kind": gettext_noop("{label} takes another kind of answer in Heffl."),
}


@dataclass(frozen=True, slots=True)
class Told:
    """A field as Heffl tells it, for companies, contacts or both.

    `type` is Heffl's own word; `kind` is a CustomFieldKind, "" for what cannot be sent
    from here. `required` where one of the types requires it.
    """

    key: str
    label: str
    type: str
    kind: str
    required: bool
    options: list[str]
    hint: str
    for_company: bool
    for_contact: bool


@dataclass(slots=True)
class Taken:
    """What "Read from Heffl" did: the labels of the fields, by what became of them.

    `problem` says why nothing could be read, "" otherwise.
    """

    problem: str = ""
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)


def told_of(organisation: Organisation) -> list[Told]:
    """Return the fields of the last reading, in Heffl's order; empty before the first."""
    reading = FieldReading.objects.filter(organisation=organisation).first()
    names = set(Told.__dataclass_fields__)
    # A newer or an older version may have told it in another shape.
    found = reading.told if reading else []
    return [Told(**entry) for entry in found if entry.keys() == names]


def drift_of(
    rows: Iterable[CustomField], told: Iterable[Told]
) -> list[tuple[str, str, str]]:
    """Compare our form with what Heffl told: triples (what, key, label), in that order.

    What is one of DRIFT_WORDS. Fields that are switched off here are not asked.
    """
    asked = {row.key: row for row in rows if row.is_active}
    found = []
    known = {each.key for each in told}
    found += [
        ("gone", row.key, row.label) for row in asked.values() if row.key not in known
    ]
    for each in told:
        if what := _difference(asked.get(each.key), each):
            found.append((what, each.key, each.label))
    return found


def _difference(row: CustomField | None, told: Told) -> str:
    if row is None:
        if not told.required:
            return ""
        return "missing" if told.kind else "unsendable"
    covers = row.for_company >= told.for_company and row.for_contact >= told.for_contact
    if told.kind and row.kind != told.kind:
        return "kind"
    if row.kind in _CHOICES and list(row.options) != told.options:
        return "options"
    if told.required and not (row.required and covers):
        return "required"
    return ""


def drift_words(what: str, label: str) -> str:
    """Return one difference in plain words; `what` is one of DRIFT_WORDS."""
    return _(DRIFT_WORDS[what]).format(label=label)


def take_over(
    organisation: Organisation, *, user: User, now: datetime | None = None
) -> Taken:
    """Ask Heffl for its fields and bring the form in line with them.

    New fields are added, switched on where Heffl requires an answer; known ones take over
    kind, options and being required, and keep label, hint and order; those gone are
    switched off. Nothing changes when the list cannot be read to its end.
    """
    now = now or timezone.now()
    credential = credentials.current(organisation)
    if credential is None:
        return Taken(_("There is no API key yet. Add one first."))
    for _each in ClientType:
        rate_limit.note_call(credential.fingerprint, now)
    told = _ask(credentials.api_for(credential))
    if isinstance(told, str):
        return Taken(told)
    with transaction.atomic():
        organisation = Organisation.objects.select_for_update().get(pk=organisation.pk)
        taken = _bring_in_line(organisation, told)
        rows = list(organisation.custom_fields.all())
        _note(organisation, told, drift_of(rows, told), now)
        audit.record(
            "settings.fields_read",
            organisation=organisation,
            actor=user,
            about=organisation,
            detail={
                "added": len(taken.added),
                "changed": len(taken.changed),
                "gone": len(taken.gone),
            },
        )
        custom_fields.changed(organisation)
    return taken


def _ask(api: HefflAPI) -> list[Told] | str:
    """Return all custom fields, or why they cannot be read, in plain words."""
    by_key: dict[str, dict[str, Any]] = {}
    for client_type in ClientType:
        fields = _all_of(api, client_type)
        if isinstance(fields, str):
            return fields
        for each in fields:
            entry = by_key.setdefault(each.key, _entry(each))
            entry[f"for_{client_type}"] = True
            entry["required"] |= each.required
    return [Told(**entry) for entry in by_key.values()]


def _entry(each: RemoteField) -> dict[str, Any]:
    return {
        "key": each.key,
        "label": each.label,
        "type": each.type,
        "kind": str(each.kind or ""),
        "required": False,
        "options": list(each.options),
        "hint": each.hint,
        "for_company": False,
        "for_contact": False,
    }


def _all_of(api: HefflAPI, client_type: ClientType) -> list[RemoteField] | str:
    fields: list[RemoteField] = []
    cursor = None
    for _page in range(MAX_PAGES):
        reading = api.custom_fields(client_type, cursor=cursor)
        if reading.data is None:
            return _why_unread(reading.status, reading.reason)
        fields += reading.data.fields
        cursor = reading.data.next_cursor
        if cursor is None:
            return fields
    return _why_unread(200, "too_many")


def _why_unread(status: int | None, reason: str) -> str:
    if status == 401:
        return _("Heffl does not know this key.")
    if status == 403:
        return _("The key works but may not read custom fields.")
    if status == 429:
        return _("Too many calls to Heffl in this minute. Try again in a minute.")
    if reason == "key_unreadable":
        return _("The stored key cannot be opened here. Enter it again.")
    if status in {200, 404}:
        return _("Heffl's list of custom fields could not be understood.")
    return _("Heffl could not be reached. Nothing was changed.")


def _bring_in_line(organisation: Organisation, told: list[Told]) -> Taken:
    taken = Taken()
    rows = {row.key: row for row in organisation.custom_fields.all()}
    position = max((row.position for row in rows.values()), default=0)
    for each in told:
        row = rows.get(each.key)
        if not each.kind:
            continue
        if row is None:
            position += 1
            _add(organisation, each, position)
            taken.added.append(each.label)
        elif _update(row, each):
            taken.changed.append(row.label)
    known = {each.key for each in told}
    for row in rows.values():
        if row.is_active and row.key not in known:
            row.is_active = False
            row.save(update_fields=["is_active"])
            taken.gone.append(row.label)
    return taken


def _add(organisation: Organisation, told: Told, position: int) -> None:
    CustomField.objects.create(
        organisation=organisation,
        key=told.key,
        label=told.label,
        kind=told.kind,
        help_text=told.hint,
        options=told.options if told.kind in _CHOICES else [],
        for_company=told.for_company,
        for_contact=told.for_contact,
        required=told.required,
        position=position,
        is_active=told.required,
    )


def _update(row: CustomField, told: Told) -> bool:
    wanted: dict[str, Any] = {
        "kind": told.kind,
        "options": told.options if told.kind in _CHOICES else [],
        "required": row.required or told.required,
        # A field of one type only is refused for the other; one required is asked.
        "for_company": told.for_company and (row.for_company or told.required),
        "for_contact": told.for_contact and (row.for_contact or told.required),
        "is_active": row.is_active or told.required,
    }
    different = [name for name, value in wanted.items() if getattr(row, name) != value]
    for name in different:
        setattr(row, name, wanted[name])
    if different:
        row.save(update_fields=different)
    return bool(different)


def _note(
    organisation: Organisation,
    told: list[Told],
    drift: list[tuple[str, str, str]],
    now: datetime,
) -> None:
    """Keep what was told; a change for the worse goes into the audit trail, once."""
    marks = [[what, key] for what, key, _label in drift]
    before = FieldReading.objects.filter(organisation=organisation).first()
    FieldReading.objects.update_or_create(
        organisation=organisation,
        defaults={
            "read_at": now,
            "tried_at": now,
            "problem": "",
            "told": [asdict(each) for each in told],
            "drift": marks,
        },
    )
    if marks and (before is None or before.drift != marks):
        audit.record(
            "settings.fields_drifted",
            organisation=organisation,
            actor_label="worker",
            about=organisation,
            detail={"fields": sorted(key for _what, key in marks)},
        )


def look_daily() -> int:
    """Compare the fields of organisations not looked at for a day; return how many.

    A chore of the worker, done once a minute. Calls wait for the key's budget like any
    other reading, and one organisation is looked at by one process only.
    """
    now = timezone.now()
    due = Q(field_reading=None) | (
        Q(field_reading__read_at__lt=now - DAILY) | Q(field_reading__read_at=None)
    ) & Q(field_reading__tried_at__lt=now - AGAIN)
    keys = ApiCredential.objects.current().select_related("organisation")
    keys = keys.filter(
        verified_at__isnull=False,
        organisation__created_at__lt=now - SETTLED,
        organisation__in=Organisation.objects.filter(due),
    )
    return sum(
        _take_turn(credential.organisation, now) and _compare(credential, now)
        for credential in keys.order_by("organisation")[:20]
    )


def _take_turn(organisation: Organisation, now: datetime) -> bool:
    """Note that somebody looks; False when another process was faster."""
    FieldReading.objects.get_or_create(
        organisation=organisation, defaults={"tried_at": now - AGAIN - DAILY}
    )
    turn = FieldReading.objects.filter(
        organisation=organisation, tried_at__lt=now - AGAIN
    )
    return bool(turn.update(tried_at=now))


def _compare(credential: ApiCredential, now: datetime) -> bool:
    for _each in ClientType:
        if rate_limit.take_read(credential.fingerprint, now):
            return False
    organisation = credential.organisation
    told = _ask(credentials.api_for(credential))
    if isinstance(told, str):
        FieldReading.objects.filter(organisation=organisation).update(
            problem=told[:200]
        )
        return False
    _note(
        organisation,
        told,
        drift_of(organisation.custom_fields.all(), told),
        timezone.now(),
    )
    return True
