"""An organisation's own fields: added, changed, moved, switched, and the one for our reference."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from clients_app import audit
from clients_app.models import (
    CustomField,
    Organisation,
    User,
)
from clients_app.questions import custom_fields


def save_field(field: CustomField, *, user: User, changed: Iterable[str] = ()) -> None:
    """Store a new or changed custom field; new ones go to the end of the form.

    `changed` names the inputs that differ, for the audit trail.
    """
    with transaction.atomic():
        organisation = field.organisation.locked()
        is_new = field.pk is None
        if is_new:
            field.position = organisation.custom_fields.count() + 1
        field.save()
        audit.record(
            "settings.field_added" if is_new else "settings.field_changed",
            organisation=organisation,
            actor=user,
            about=field,
            detail={"fields": sorted(changed)},
        )
        custom_fields.changed(organisation)


@transaction.atomic
def move_field(field: CustomField, step: int, *, user: User) -> None:
    """Move a custom field up (-1) or down (1) among the organisation's fields.

    Nothing happens at either end.
    """
    organisation = field.organisation.locked()
    order = list(organisation.custom_fields.order_by("position", "id"))
    place = order.index(field)
    target = place + step
    if not 0 <= target < len(order):
        return
    order[place], order[target] = order[target], order[place]
    for position, each in enumerate(order, start=1):
        each.position = position
    CustomField.objects.bulk_update(order, ["position"])
    audit.record(
        "settings.field_moved", organisation=organisation, actor=user, about=field
    )
    custom_fields.changed(organisation)


@transaction.atomic
def switch_field(field: CustomField, is_active: bool, *, user: User) -> None:
    """Show a custom field in the form, or stop showing it. Answers given stay."""
    organisation = field.organisation.locked()
    changed = organisation.custom_fields.filter(pk=field.pk).exclude(
        is_active=is_active
    )
    if not changed.update(is_active=is_active):
        return
    audit.record(
        "settings.field_switched_on" if is_active else "settings.field_switched_off",
        organisation=organisation,
        actor=user,
        about=field,
    )
    custom_fields.changed(organisation)


@transaction.atomic
def set_reference_field(organisation: Organisation, name: str, *, user: User) -> None:
    """Choose the custom field of Heffl that carries our reference; "" for none."""
    Organisation.objects.filter(pk=organisation.pk).update(reference_field=name)
    audit.record(
        "settings.changed",
        organisation=organisation,
        actor=user,
        detail={"fields": ["reference_field"], "on": bool(name)},
    )
