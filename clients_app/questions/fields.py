"""The questions of the client form: Heffl's fields with our words, order and caps.

Which key a client type may have and must have is Heffl's (heffl/contract.py). What stands
here is the page's: the group a question is in, its label and hint, how long an answer may be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from clients_app.heffl.contract import CUSTOM_PREFIX, FIELDS, ClientType, FieldSpec
from clients_app.questions.countries import ADDRESSES, address_in

STATE = "billing_address__state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(FieldSpec):
    """A field of Heffl's as our page asks for it.

    `group` is "details", "address" or "more"; `label` and `hint` are message ids, but an
    organisation's own words for its own fields; `max_length` is our cap in characters, as
    Heffl names none; `options` are the answers to choose from, in their order.
    """

    group: str
    label: str
    hint: str = ""
    max_length: int = 160
    options: tuple[str, ...] = ()


def _asked(
    name: str, group: str, label: str, hint: str = "", max_length: int = 160
) -> Question:
    """Return the question for the field of Heffl's that has this input name."""
    spec = next(spec for spec in FIELDS if spec.name == name)
    of_heffl = {each.name: getattr(spec, each.name) for each in fields(spec)}
    return Question(
        **of_heffl, group=group, label=label, hint=hint, max_length=max_length
    )


QUESTIONS: tuple[Question, ...] = (
    _asked(
        "name",
        "details",
        gettext_noop("Company name"),
        gettext_noop("As it appears on the trade licence."),
    ),
    _asked(
        "website",
        "details",
        gettext_noop("Website"),
        gettext_noop("For example, example.com"),
        max_length=500,
    ),
    _asked("first_name", "details", gettext_noop("First name")),
    _asked("last_name", "details", gettext_noop("Last name")),
    _asked(
        "phone",
        "details",
        gettext_noop("Phone"),
        gettext_noop("Include the country code, for example +971 50 123 4567."),
        max_length=40,
    ),
    _asked("email", "details", gettext_noop("Email"), max_length=254),
    _asked("job_title", "details", gettext_noop("Job title")),
    _asked("salutation", "details", gettext_noop("Salutation"), max_length=40),
    _asked("billing_address__country", "address", gettext_noop("Country")),
    _asked(
        "billing_address__address",
        "address",
        gettext_noop("Address"),
        gettext_noop(
            "Street, building, floor and office. Include the P.O. Box if there is one."
        ),
        max_length=500,
    ),
    _asked(
        "billing_address__landmark",
        "address",
        gettext_noop("Landmark"),
        gettext_noop("Something nearby, for example opposite the metro station."),
    ),
    _asked("billing_address__city", "address", gettext_noop("City or area")),
    _asked(STATE, "address", gettext_noop("State or province")),
    _asked(
        "billing_address__postal_code",
        "address",
        gettext_noop("Postal code"),
        max_length=40,
    ),
    _asked(
        "tax_number",
        "more",
        gettext_noop("Tax number"),
        gettext_noop("15 digits in the UAE, for example 100 1234 5678 9003."),
        max_length=60,
    ),
    _asked(
        "opening_balance",
        "more",
        gettext_noop("Opening balance"),
        gettext_noop("Amount the client owes you today. 0 or more."),
        max_length=20,
    ),
)

DISPLAY_NAME_OF_CONTACT = replace(
    QUESTIONS[0],
    label=gettext_noop("Display name"),
    hint=gettext_noop("Leave empty to use first and last name."),
)
"""A contact's `name`: the same field of Heffl's as a company's, asked in other words."""


def questions_for(
    client_type: ClientType, extra: Iterable[Question] = ()
) -> tuple[Question, ...]:
    """Return the questions of one client type in form order, `extra` (own fields) last.

    A contact's `name` carries its own wording and closes the details group.
    """
    asked = [spec for spec in QUESTIONS if client_type in spec.allowed_for]
    if client_type is ClientType.CONTACT:
        asked.remove(QUESTIONS[0])
        details = sum(spec.group == "details" for spec in asked)
        asked.insert(details, DISPLAY_NAME_OF_CONTACT)
    asked += [spec for spec in extra if client_type in spec.allowed_for]
    return tuple(asked)


def label_of(spec: Question) -> str:
    """Return a question's label: ours translated, an organisation's own as it is."""
    return spec.label if spec.name.startswith(CUSTOM_PREFIX) else _(spec.label)


def in_country(spec: Question, country: str) -> Question:
    """Return a question as it is asked in a country (ISO code): an area by its name there."""
    if spec.name != STATE or country not in ADDRESSES:
        return spec
    return replace(spec, label=address_in(country).area)
