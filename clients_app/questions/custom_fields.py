"""An organisation's own questions as field specs: for form, payload and CSV header alike."""

from __future__ import annotations

from django.db.models import F
from django.utils.translation import get_language

from clients_app.heffl.contract import ClientType, FieldKind
from clients_app.models import CustomField, CustomFieldKind, Organisation
from clients_app.questions.fields import Question

# Our own cap per answer, in characters. Heffl names none.
_MAX_LENGTH = {
    CustomFieldKind.LONG_TEXT: 5_000,
    CustomFieldKind.EMAIL: 254,
    CustomFieldKind.PHONE: 40,
    CustomFieldKind.LINK: 500,
}


def specs_for(organisation: Organisation) -> tuple[Question, ...]:
    """Return the questions in use, in the organisation's order, labelled in the language
    of the page where the organisation has a label in it. One query."""
    rows = organisation.custom_fields.filter(is_active=True).order_by("position", "id")
    return tuple(map(_spec, rows))


def _spec(row: CustomField) -> Question:
    allowed = frozenset(
        client_type
        for client_type, asked in (
            (ClientType.COMPANY, row.for_company),
            (ClientType.CONTACT, row.for_contact),
        )
        if asked
    )
    return Question(
        name=row.key,
        api_path=(row.key,),
        kind=FieldKind(row.kind),
        allowed_for=allowed,
        required_for=allowed if row.required else frozenset(),
        group="more",
        label=row.label_ar if row.label_ar and get_language() == "ar" else row.label,
        hint=row.help_text,
        max_length=_MAX_LENGTH.get(CustomFieldKind(row.kind), 255),
        options=tuple(map(str, row.options)),
    )


def changed(organisation: Organisation) -> None:
    """Count a change of the questions, so that an older form can be told from this one.

    Call it in the transaction of the change; `organisation` has the new count
    afterwards.
    """
    Organisation.objects.filter(pk=organisation.pk).update(
        form_version=F("form_version") + 1
    )
    organisation.refresh_from_db(fields=["form_version"])
