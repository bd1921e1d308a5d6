"""Every rule of the body of "create a client"."""

import json

import pytest

from heffl_sandbox.validation import (
    CustomField,
    UnreadableBody,
    read_custom_fields,
    read_json,
    validate,
)

CONTACT = {"type": "contact", "firstName": "Ann"}
COMPANY = {"name": "Al Noor"}


def messages(body, custom_fields=None):
    return [issue.message for issue in validate(body, custom_fields or {})]


@pytest.mark.parametrize(
    "body",
    [
        COMPANY,
        {"type": "company", "name": "A", "website": None, "taxNumber": None},
        {"name": "A", "website": {"any": 1}, "openingBalance": 0},
        {"name": "A", "billingAddress": {}},
        {
            "name": "A",
            "billingAddress": {
                "city": "",
                "address": "1",
                "landmark": "2",
                "state": "3",
                "country": "4",
                "postalCode": "5",
            },
        },
        {"name": "A", "cf_x": None, "cf_y": [1, {"z": True}]},
        CONTACT,
        {**CONTACT, "email": None, "taxNumber": "T1", "openingBalance": 250.5},
        {
            **CONTACT,
            "lastName": "",
            "salutation": "Dr.",
            "phone": "+971",
            "jobTitle": "CEO",
            "name": "Dr. Ann",
            "email": "ann.lee+x@mail.b-c.example",
        },
    ],
)
def test_validate_accepts(body):
    assert messages(body) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ([], "Expected an object"),
        ("x", "Expected an object"),
        (None, "Expected an object"),
        ({"type": "person"}, "type must be one of: company, contact"),
        ({"type": None, "name": "A"}, "type must be one of: company, contact"),
        ({"type": [], "name": "A"}, "type must be one of: company, contact"),
        ({}, "name is required for companies"),
        ({"name": " "}, "name is required for companies"),
        ({"name": None}, "name is required for companies"),
        ({"name": 5}, "name must be a string"),
        ({"type": "contact"}, "firstName is required for contacts"),
        ({"type": "contact", "name": "A"}, "firstName is required for contacts"),
        ({**CONTACT, "firstName": ""}, "firstName is required for contacts"),
        ({**CONTACT, "website": None}, "website is not available for contacts"),
        ({**CONTACT, "lastName": None}, "lastName must be a string"),
        ({**CONTACT, "phone": 971}, "phone must be a string"),
        ({**CONTACT, "email": ""}, "Invalid email address format"),
        ({**CONTACT, "email": "ann"}, "Invalid email address format"),
        ({**CONTACT, "email": "ann@b"}, "Invalid email address format"),
        ({**CONTACT, "email": "a b@c.example"}, "Invalid email address format"),
        ({**CONTACT, "email": "a@b..example"}, "Invalid email address format"),
        ({**CONTACT, "email": "a@b.example\n"}, "Invalid email address format"),
        ({**CONTACT, "email": 5}, "Invalid email address format"),
        ({**COMPANY, "taxNumber": 5}, "taxNumber must be a string"),
        (
            {**COMPANY, "openingBalance": -0.01},
            "openingBalance must be greater than or equal to 0",
        ),
        ({**COMPANY, "openingBalance": "5"}, "openingBalance must be a number"),
        ({**COMPANY, "openingBalance": True}, "openingBalance must be a number"),
        ({**COMPANY, "openingBalance": None}, "openingBalance must be a number"),
        ({**COMPANY, "openingBalance": 1e999}, "openingBalance must be a number"),
        ({**COMPANY, "billingAddress": None}, "billingAddress must be an object"),
        ({**COMPANY, "billingAddress": []}, "billingAddress must be an object"),
        (
            {**COMPANY, "billingAddress": {"city": None}},
            "billingAddress.city must be a string",
        ),
        (
            {**COMPANY, "billingAddress": {"zip": "1"}},
            "Unrecognized key: billingAddress.zip",
        ),
        ({**COMPANY, "foo": 1}, "Unrecognized key: foo"),
        ({**COMPANY, "first_name": "A"}, "Unrecognized key: first_name"),
        ({**COMPANY, "cf_": 1}, "Unrecognized key: cf_"),
    ],
)
def test_validate_refuses(body, message):
    assert messages(body) == [message]


@pytest.mark.parametrize(
    "key", ["firstName", "lastName", "salutation", "phone", "email", "jobTitle"]
)
@pytest.mark.parametrize("value", [None, "", "x"])
def test_validate_refuses_contact_keys_for_companies(key, value):
    found = messages({**COMPANY, key: value})

    assert found == [f"{key} is not allowed for companies"]


def test_validate_reports_every_breach():
    found = messages({"type": "contact", "website": "x", "email": "x", "foo": 1})

    assert found == [
        "firstName is required for contacts",
        "website is not available for contacts",
        "Invalid email address format",
        "Unrecognized key: foo",
    ]


def _fields(**properties):
    return {"companies": (CustomField("cf_x", "X", **properties),)}


def test_validate_knows_only_defined_custom_fields():
    defined = _fields()

    assert messages({**COMPANY, "cf_x": "1"}, defined) == []
    assert messages({**COMPANY, "cf_y": "1"}, defined) == ["Unrecognized key: cf_y"]
    assert messages({**CONTACT, "cf_y": "1"}, defined) == []


@pytest.mark.parametrize("value", [None, "", []])
def test_validate_wants_required_custom_fields(value):
    defined = _fields(required=True)

    assert messages(COMPANY, defined) == ["cf_x is required"]
    assert messages({**COMPANY, "cf_x": value}, defined) == ["cf_x is required"]
    assert messages(CONTACT, defined) == []


@pytest.mark.parametrize(
    ("properties", "good", "bad", "words"),
    [
        ({"type": "Number"}, 1.5, "1.5", "must be a number"),
        ({"type": "Currency"}, 0, True, "must be a number"),
        ({"type": "Date"}, "2026-02-28", "2026-02-30", "must be a date"),
        ({"type": "Date"}, "2026-02-28T10:00:00Z", 20260228, "must be a date"),
        ({"type": "Email"}, "a@b.example", "a", "must be an email address"),
        (
            {"type": "Single Option", "options": ("S", "M")},
            "S",
            "L",
            "must be one of: S, M",
        ),
        (
            {"type": "Multiple Option", "options": ("S", "M")},
            ["M", "S"],
            ["S", "L"],
            "must be one of: S, M",
        ),
        (
            {"type": "Multiple Option", "options": ("S",)},
            ["S"],
            "S",
            "must be a list",
        ),
    ],
)
def test_validate_checks_the_type_of_a_custom_field(properties, good, bad, words):
    defined = _fields(**properties)

    assert messages({**COMPANY, "cf_x": good}, defined) == []
    assert messages({**COMPANY, "cf_x": bad}, defined) == [f"cf_x {words}"]


def test_read_json_reads_unicode_and_deep_values():
    value = {"name": "دبي 🏢", "cf_x": [[[[1]]]]}

    assert read_json(json.dumps(value).encode()) == value


@pytest.mark.parametrize("body", [b"", b"nul", b"\xef\xbb\xbf{}", b'{"a":1,"a":1}'])
def test_read_json_refuses(body):
    with pytest.raises(UnreadableBody):
        read_json(body)


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"people": []},
        {"contacts": {}},
        {"contacts": ["cf_x"]},
        {"contacts": [{}]},
        {"contacts": [{"key": "size"}]},
        {"contacts": [{"key": "cf_x", "type": "Colour"}]},
        {"contacts": [{"key": "cf_x", "options": "S"}]},
        {"contacts": [{"key": "cf_x", "colour": 1}]},
    ],
)
def test_read_custom_fields_refuses(value):
    with pytest.raises(ValueError, match=r"\.$"):
        read_custom_fields(value)
