"""Why Heffl said no, in every shape, and the field that is meant."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients_app.heffl import refusal
from clients_app.heffl.contract import FIELDS
from clients_app.heffl.refusal import (
    Refusal,
    field_in_words,
    input_name,
    looks_like_html,
    read_refusal,
)

JSON = "application/json"


def v2(message, *issues):
    error = {"code": "VALIDATION_ERROR", "message": message}
    return json.dumps({"error": error | {"details": {"issues": issues}}}).encode()


def test_refusal_of_the_first_generation():
    body = b'{"code":"BAD_REQUEST","message":"Invalid email address format"}'

    assert read_refusal(body, JSON) == Refusal(
        "BAD_REQUEST", "Invalid email address format", "email"
    )


def test_refusal_of_the_second_generation_speaks_at_the_field():
    body = v2("Validation failed", {"field": "billingAddress.city", "message": "Odd"})

    assert read_refusal(body, JSON) == Refusal(
        "VALIDATION_ERROR",
        "Odd",
        "billing_address__city",
        (("billingAddress.city", "Odd"),),
    )


def test_refusal_takes_the_first_issue_that_names_a_field_of_ours():
    body = v2(
        "Validation failed",
        {"field": "workspace", "message": "Locked"},
        {"path": ["body", "firstName"], "message": ""},
    )

    refusal = read_refusal(body, JSON)

    assert (refusal.field, refusal.message) == ("first_name", "Validation failed")
    assert refusal.issues == (("workspace", "Locked"), ("body.firstName", ""))


def test_refusal_with_unknown_fields_only_keeps_the_words():
    body = v2("", {"field": "workspace", "message": "Locked"}, "odd")

    refusal = read_refusal(body, JSON)

    assert (refusal.field, refusal.message) == (None, "Locked")


@pytest.mark.parametrize(
    ("body", "content_type", "refusal"),
    [
        (b"", "", Refusal()),
        (b"<html>Phone us</html>", "text/html", Refusal()),
        (b"  <html>Phone us", "text/plain", Refusal()),
        (b'{"code":"BAD', JSON, Refusal()),
        (b"[]", JSON, Refusal()),
        (b"null", JSON, Refusal()),
        (b'{"error":7}', JSON, Refusal()),
        (b'{"error":"phone is wrong"}', JSON, Refusal("", "phone is wrong", "phone")),
        (b'{"code":7,"message":["x"]}', JSON, Refusal()),
        (b"\xffphone is\nwrong", "text/plain", Refusal("", "�phone is wrong", "phone")),
        (b"\x00\x01", "application/octet-stream", Refusal()),
    ],
)
def test_refusal_survives_every_other_body(body, content_type, refusal):
    assert read_refusal(body, content_type) == refusal


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.integers() | st.text(max_size=12),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "code", "message", "details", "issues", "field", "path"]
                ),
                inner,
                max_size=4,
            )
        ),
    ).map(lambda value: json.dumps(value).encode()),
    st.sampled_from([JSON, "text/html", "text/plain", ""]),
)
def test_refusal_of_any_kind_is_fit_to_show(body, content_type):
    refusal = read_refusal(body, content_type)

    assert len(refusal.message) <= 500
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", refusal.message)
    assert refusal.field in {None, *(spec.name for spec in FIELDS)}


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Invalid email address format", "email"),
        ("email must be unique, change the email", "email"),
        ("firstName is required", "first_name"),
        ("First name is required", "first_name"),
        ("name is required", "name"),
        ("A client with the same name already exists", "name"),
        ("A contact with this mobile number exists", "phone"),
        ("phone needs a country code", "phone"),
        ("Country is unknown", "billing_address__country"),
        ("billingAddress.city is too long", "billing_address__city"),
        ("Billing address is too long", "billing_address__address"),
        ("VAT number is taken", "tax_number"),
        ("openingBalance must be >= 0", "opening_balance"),
        ("cf_Size is required", "cf_Size"),
        ("'cf_size' must be unique", "cf_size"),
        ("name or phone is taken", None),
        ("firstName is not allowed for name", None),
        ("cf_a and cf_b clash", None),
        ("The username is wrong", None),
        ("state-of-the-art validation failed", None),
        ("Something is wrong", None),
        ("", None),
    ],
)
def test_message_names_a_field_only_when_one_is_meant(message, field):
    assert field_in_words(message) == field


@pytest.mark.parametrize("spec", FIELDS, ids=lambda spec: spec.name)
def test_every_api_name_leads_back_to_its_input(spec):
    path = ".".join(spec.api_path)

    assert input_name(path) == spec.name
    assert input_name(f"body.{path}") == spec.name
    assert field_in_words(f"{path} is invalid") == spec.name


@pytest.mark.parametrize(
    ("api_field", "name"),
    [
        ("billingAddress[city]", "billing_address__city"),
        ("/billingAddress/postalCode", "billing_address__postal_code"),
        ("primaryContact.email", "email"),
        ("cf_Size", "cf_Size"),
        ("customFields.cf_size", "cf_size"),
        ("job_title", "job_title"),
        ("workspace", None),
        ("", None),
    ],
)
def test_input_name_reads_paths_in_every_notation(api_field, name):
    assert input_name(api_field) == name


@pytest.mark.parametrize(
    ("body", "content_type", "html"),
    [
        (b"", "text/html; charset=utf-8", True),
        (b"\n <!DOCTYPE html>", "", True),
        (b"{}", JSON, False),
        (b"", "", False),
    ],
)
def test_web_page_is_known_by_its_type_or_its_first_character(body, content_type, html):
    assert looks_like_html(body, content_type) is html


@pytest.mark.parametrize(
    ("message", "meaning"),
    [
        ("A contact with this email already exists", "taken"),
        ("Email is required", "missing"),
        ("Name must not be blank", "missing"),
        ("Name must be at most 20 characters", "too_long"),
        ("Invalid email address format", "invalid"),
        ("Phone must be in E.164", "invalid"),
        ("The domain of this email does not exist", "invalid"),
        ("This domain doesn't exist", "invalid"),
        ("This domain doesn’t exist", "invalid"),
        ("The country no longer exists", "invalid"),
        ("No such country exists", "invalid"),
        ("The email can't be found, such an address cannot exist", "invalid"),
        ("Nonexistent domain", "invalid"),
        ("You must be mistaken about this phone", "invalid"),
        ("The email does not exist, and the name is already taken", "taken"),
        ("Name is not unique", "taken"),
        ("Operation conflicts with existing data", "taken"),
        ("This number is in use", "taken"),
        ("Email must not already exist", "taken"),
        ("Cannot be saved: a client with this email exists", "taken"),
        ("Email is used by another client", "taken"),
        ("Another contact uses this phone number", "taken"),
        ("This email address is not available", "taken"),
        ("The country is not available", None),
        ("The domain of this email does not currently exist", "invalid"),
        ("The domain doesn't actually exist", "invalid"),
        ("Such a domain can't exist", "invalid"),
        ("This domain never existed", "invalid"),
        ("There is no existing country of that name", "invalid"),
        ("Country is not one of the existing countries", "invalid"),
        ("Country must exist", "invalid"),
        ("Country not found", "invalid"),
        ("No such domain", "invalid"),
        ("Country is not recognised", "invalid"),
        ("Name can’t be empty", "missing"),
        ("البريد الإلكتروني موجود بالفعل", "taken"),
        ("رقم الهاتف مستخدم من قبل", "taken"),
        ("الاسم مكرر", "taken"),
        ("هذا العميل مسجل مسبقًا", "taken"),
        ("رقم الهاتف مُسجَّل من قبل", "taken"),
        ("الاسم مكرّر", "taken"),
        ("البريد الإلكتروني قيد الاستخدام", "taken"),
        ("البريد الإلكتروني غير متاح", "taken"),
        ("تم استخدام هذا الرقم", "taken"),
        ("سبق تسجيل هذا البريد", "taken"),
        ("يوجد عميل بهذا البريد", "taken"),
        ("لا يوجد عميل بهذا الاسم", "invalid"),
        ("نطاق البريد غير موجود", "invalid"),
        ("النطاق ليس موجودًا", "invalid"),
        ("لم يعد النطاق موجودًا", "invalid"),
        ("البريد الإلكتروني للمستخدم غير صحيح", "invalid"),
        ("اختر بلدًا من القائمة الموجودة", None),
        ("البلد غير معروف", "invalid"),
        ("لم يتم العثور على البلد", "invalid"),
        ("لا يوجد نطاق بهذا الاسم", "invalid"),
        ("صيغة البريد الإلكتروني غير صالحة", "invalid"),
        ("اسم المستخدم غير صحيح", "invalid"),
        ("الاسم مطلوب", "missing"),
        ("الاسم طويل جدًا", "too_long"),
        ("Ask your administrator", None),
        ("", None),
    ],
)
def test_known_messages_have_a_meaning_and_others_none(message, meaning):
    assert refusal.meaning_of(message) == meaning
