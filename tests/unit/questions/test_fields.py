"""The questions of the form: in which order and group, and whose they are."""

from __future__ import annotations

from clients_app.heffl.contract import BOTH, CONTACT, FIELDS, ClientType, FieldKind
from clients_app.questions.fields import QUESTIONS, Question, questions_for


def custom(**changes):
    given = {
        "name": "cf_size",
        "api_path": ("cf_size",),
        "kind": FieldKind.TEXT,
        "allowed_for": BOTH,
        "group": "more",
        "label": "Size",
    }
    return Question(**(given | changes))


def test_every_field_of_heffl_is_asked_under_its_own_rules():
    rules = [(spec.name, spec.allowed_for, spec.required_for) for spec in FIELDS]

    asked = [(spec.name, spec.allowed_for, spec.required_for) for spec in QUESTIONS]

    assert asked == rules


def test_company_form_has_its_fields_in_order():
    names = [spec.name for spec in questions_for(ClientType.COMPANY)]

    assert names == [
        "name",
        "website",
        "billing_address__country",
        "billing_address__address",
        "billing_address__landmark",
        "billing_address__city",
        "billing_address__state",
        "billing_address__postal_code",
        "tax_number",
        "opening_balance",
    ]


def test_contact_form_closes_the_details_with_the_display_name():
    fields = questions_for(ClientType.CONTACT, [custom()])

    details = [spec.name for spec in fields if spec.group == "details"]
    assert details == [
        "first_name",
        "last_name",
        "phone",
        "email",
        "job_title",
        "salutation",
        "name",
    ]
    assert [spec.group for spec in fields] == (
        ["details"] * 7 + ["address"] * 6 + ["more"] * 3
    )
    assert fields[6].label == "Display name"
    assert fields[-1].name == "cf_size"


def test_questions_for_leaves_out_custom_fields_of_the_other_type():
    only_contacts = custom(allowed_for=CONTACT)

    assert only_contacts not in questions_for(ClientType.COMPANY, [only_contacts])
    assert only_contacts in questions_for(ClientType.CONTACT, [only_contacts])
