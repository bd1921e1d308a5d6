"""The field table, the payload that it allows, and the answers that come back."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from clients_app.heffl.contract import (
    BOTH,
    CONTACT,
    FIELDS,
    ClientPage,
    ClientType,
    FieldKind,
    FieldSpec,
    RemoteClient,
    build_payload,
    clean_text,
    encode_payload,
    is_json_answer,
    read_created,
    read_page,
)
from clients_app.heffl.errors import ContractError, HefflError, UnreadableAnswer

COMPANY_ANSWERS = {"name": "Oasis Dental"}
CONTACT_ANSWERS = {"first_name": "Mariam"}
PERSON_KEYS = {"firstName", "lastName", "salutation", "phone", "email", "jobTitle"}


def custom(key="cf_size", kind=FieldKind.TEXT, **changes):
    spec = FieldSpec(name=key, api_path=(key,), kind=kind, allowed_for=BOTH)
    return replace(spec, **changes)


def test_fields_cover_the_contract_each_once():
    paths = {".".join(spec.api_path) for spec in FIELDS}

    assert len({spec.name for spec in FIELDS}) == len(FIELDS) == len(paths)
    assert paths == PERSON_KEYS | {"name", "website", "taxNumber", "openingBalance"} | {
        f"billingAddress.{key}"
        for key in ("country", "address", "landmark", "city", "state", "postalCode")
    }


def test_payload_of_a_full_company():
    answers = {
        "name": "Oasis Dental",
        "website": "https://example.com",
        "tax_number": "100123456789003",
        "opening_balance": "250.50",
        "billing_address__city": "Dubai",
        "billing_address__postal_code": "00000",
        "cf_size": "12",
    }

    payload = build_payload(
        ClientType.COMPANY, answers, [custom(kind=FieldKind.NUMBER)]
    )

    assert payload == {
        "type": "company",
        "name": "Oasis Dental",
        "website": "https://example.com",
        "taxNumber": "100123456789003",
        "openingBalance": 250.5,
        "billingAddress": {"city": "Dubai", "postalCode": "00000"},
        "cf_size": 12,
    }


def test_payload_of_a_full_contact():
    answers = {
        "name": "Dr. Mariam",
        "first_name": "Mariam",
        "last_name": "Haddad",
        "salutation": "Dr.",
        "phone": "+971501234567",
        "email": "mariam@example.com",
        "job_title": "Dentist",
    }

    payload = build_payload(ClientType.CONTACT, answers)

    assert payload == {
        "type": "contact",
        "name": "Dr. Mariam",
        "firstName": "Mariam",
        "lastName": "Haddad",
        "salutation": "Dr.",
        "phone": "+971501234567",
        "email": "mariam@example.com",
        "jobTitle": "Dentist",
    }


@pytest.mark.parametrize("empty", [None, "", "  ", []])
def test_payload_leaves_empty_answers_out(empty):
    kind = FieldKind.OPTIONS if isinstance(empty, list) else FieldKind.TEXT
    answers = COMPANY_ANSWERS | {"cf_size": empty, "billing_address__city": ""}

    payload = build_payload(ClientType.COMPANY, answers, [custom(kind=kind)])

    assert payload == {"type": "company", "name": "Oasis Dental"}


@pytest.mark.parametrize(
    ("kind", "answer", "value"),
    [
        (FieldKind.NUMBER, "5", 5),
        (FieldKind.NUMBER, "-0.5", -0.5),
        (FieldKind.MONEY, "250.00", 250),
        (FieldKind.MONEY, "0", 0),
        (FieldKind.YES_NO, False, False),
        (FieldKind.YES_NO, True, True),
        (FieldKind.OPTIONS, ["a", " ", "b"], ["a", "b"]),
        (FieldKind.DATE, "2026-03-01", "2026-03-01"),
        (FieldKind.TEXT, "007", "007"),
    ],
)
def test_payload_value_has_the_json_type_of_its_kind(kind, answer, value):
    answers = COMPANY_ANSWERS | {"cf_size": answer}

    payload = build_payload(ClientType.COMPANY, answers, [custom(kind=kind)])

    assert payload["cf_size"] == value
    assert type(payload["cf_size"]) is type(value)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (FieldKind.NUMBER, "five"),
        (FieldKind.NUMBER, "1e5"),
        (FieldKind.NUMBER, "NaN"),
        (FieldKind.NUMBER, "Infinity"),
        (FieldKind.NUMBER, "1,5"),
        (FieldKind.NUMBER, "٥"),
        (FieldKind.NUMBER, "1234567890123456"),
        (FieldKind.NUMBER, "12345678901234.567"),
        (FieldKind.NUMBER, True),
        (FieldKind.TEXT, True),
        (FieldKind.TEXT, ["a"]),
        (FieldKind.YES_NO, "yes"),
        (FieldKind.OPTIONS, "a"),
        (FieldKind.OPTIONS, [1]),
    ],
)
def test_payload_refuses_an_answer_of_another_kind(kind, answer):
    answers = COMPANY_ANSWERS | {"cf_size": answer}

    with pytest.raises(ContractError) as refused:
        build_payload(ClientType.COMPANY, answers, [custom(kind=kind)])

    assert refused.value.field == "cf_size"


def test_payload_refuses_a_negative_opening_balance():
    with pytest.raises(ContractError, match="below 0"):
        build_payload(ClientType.COMPANY, COMPANY_ANSWERS | {"opening_balance": "-1"})


@pytest.mark.parametrize(
    ("client_type", "answers", "field"),
    [
        (ClientType.COMPANY, {"name": "A", "first_name": "B"}, "first_name"),
        (ClientType.COMPANY, {"name": "A", "email": "a@example.com"}, "email"),
        (ClientType.CONTACT, {"first_name": "A", "website": "a.example"}, "website"),
        (ClientType.COMPANY, {"name": "A", "nickname": ""}, "nickname"),
        (ClientType.COMPANY, {"name": "A", "cf_unknown": "x"}, "cf_unknown"),
        (ClientType.COMPANY, {"name": "A", "type": "contact"}, "type"),
        (ClientType.COMPANY, {"tax_number": "1"}, "name"),
        (ClientType.COMPANY, {"name": " "}, "name"),
        (ClientType.CONTACT, {"name": "A"}, "first_name"),
    ],
)
def test_payload_refuses_what_the_type_does_not_take(client_type, answers, field):
    with pytest.raises(ContractError) as refused:
        build_payload(client_type, answers)

    assert refused.value.field == field


def test_payload_ignores_an_empty_answer_to_a_field_of_the_other_type():
    answers = COMPANY_ANSWERS | {"first_name": "", "phone": None}

    assert "firstName" not in build_payload(ClientType.COMPANY, answers)


def test_payload_asks_for_a_required_custom_field():
    spec = custom(required_for=CONTACT)

    with pytest.raises(ContractError, match="cf_size is required"):
        build_payload(ClientType.CONTACT, CONTACT_ANSWERS, [spec])


@pytest.mark.parametrize("path", [("size",), ("cf_",), ("billingAddress", "cf_x"), ()])
def test_custom_field_has_to_start_with_the_prefix(path):
    with pytest.raises(ContractError, match="starts with cf_"):
        build_payload(ClientType.COMPANY, COMPANY_ANSWERS, [custom(api_path=path)])


def test_custom_field_cannot_take_the_name_of_another():
    with pytest.raises(ContractError, match="two fields"):
        build_payload(ClientType.COMPANY, COMPANY_ANSWERS, [custom(), custom()])


answers_of_any_kind = st.dictionaries(
    st.sampled_from([spec.name for spec in FIELDS]),
    st.none() | st.text(max_size=20) | st.from_regex(r"[0-9]{1,4}", fullmatch=True),
)


@given(st.sampled_from(list(ClientType)), answers_of_any_kind)
def test_payload_holds_only_keys_that_the_type_allows(client_type, answers):
    try:
        payload = build_payload(client_type, answers)
    except ContractError:
        return

    forbidden = PERSON_KEYS if client_type is ClientType.COMPANY else {"website"}
    assert not forbidden & payload.keys()
    assert payload["type"] == client_type
    assert "" not in payload.values()
    assert payload.get("billingAddress") != {}
    assert json.loads(encode_payload(payload)) == payload


@given(
    st.decimals(
        min_value=0, max_value=10**12, places=2, allow_nan=False, allow_infinity=False
    )
)
@example(Decimal("0.10"))
def test_money_arrives_to_the_last_digit(amount):
    answers = COMPANY_ANSWERS | {"opening_balance": str(amount)}

    sent = encode_payload(build_payload(ClientType.COMPANY, answers))

    assert json.loads(sent, parse_float=Decimal)["openingBalance"] == amount


def test_encode_is_compact_utf8():
    assert encode_payload({"name": "مريم", "n": 1}) == '{"name":"مريم","n":1}'.encode()


def test_encode_refuses_a_broken_character():
    with pytest.raises(ContractError, match="broken character"):
        encode_payload({"name": "\ud800"})


def test_created_reads_the_answer_of_the_contract():
    client = read_created(
        b'{"id":"clt_1","number":"CON001","name":"Mariam","type":"contact",'
        b'"createdAt":"2023-11-07T05:31:56Z","firstName":"Mariam","lastName":null}'
    )

    assert client == RemoteClient(
        id="clt_1",
        number="CON001",
        name="Mariam",
        type="contact",
        created_at=datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC),
        first_name="Mariam",
    )


def test_created_survives_more_and_fewer_keys():
    client = read_created(
        b'{"id":"clt_1","number":7,"createdAt":"soon","name":["x"],"cf_a":1,'
        b'"customFields":{"cf_b":2},"primaryContact":{}}'
    )

    assert client == RemoteClient(id="clt_1", number="7", extra={"cf_a": 1, "cf_b": 2})


@pytest.mark.parametrize(
    ("moment", "read"),
    [
        ("2023-11-07T05:31:56", datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)),
        ("2023-11-07T09:31:56+04:00", datetime(2023, 11, 7, 5, 31, 56, tzinfo=UTC)),
        ("2023-11-07T05:31:56.123Z", datetime(2023, 11, 7, 5, 31, 56, 123000, UTC)),
        ("0001-01-01T00:00:00+23:59", None),
        ("", None),
    ],
)
def test_created_at_is_aware_or_missing(moment, read):
    body = json.dumps({"id": "clt_1", "createdAt": moment}).encode()

    assert read_created(body).created_at == read


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "not_json"),
        (b'{"id":', "not_json"),
        (b"\xff\xfe\xfd", "not_json"),
        (b"[" * 200_000, "not_json"),
        (b'{"id":' + b"9" * 5_000 + b"}", "not_json"),
        (b"[]", "not_an_object"),
        (b"null", "not_an_object"),
        (b"{}", "no_id"),
        (b'{"id":7}', "no_id"),
        (b'{"id":""}', "no_id"),
        (b'{"id":"a b"}', "no_id"),
        (b'{"id":"a\\u0000"}', "no_id"),
        (b'{"id":"\\ud800"}', "no_id"),
        (b'{"id":"' + b"x" * 201 + b'"}', "no_id"),
    ],
)
def test_created_without_a_usable_id_is_unreadable(body, reason):
    with pytest.raises(UnreadableAnswer) as unreadable:
        read_created(body)

    assert unreadable.value.reason == reason
    assert isinstance(unreadable.value, HefflError)


ITEM = b'{"id":"clt_1"}'


@pytest.mark.parametrize(
    ("body", "page"),
    [
        (b'"nextCursor":"c2","hasMore":true', ("c2", True, None)),
        (b'"nextCursor":7,"hasMore":true', ("7", True, None)),
        (b'"nextCursor":null,"hasMore":false', (None, False, None)),
        (b'"nextCursor":"c2","hasMore":false', (None, False, None)),
        (b'"nextCursor":"c2"', ("c2", True, None)),
        (b'"nextCursor":null', (None, False, None)),
        (
            b'"meta":{"count":1,"total":3,"pageNo":1,"pageSize":1}',
            (None, True, 3),
        ),
        (
            b'"meta":{"count":1,"total":3,"pageNo":3,"pageSize":1}',
            (None, False, 3),
        ),
    ],
)
def test_page_of_the_first_generation(body, page):
    assert read_page(b'{"items":[' + ITEM + b"]," + body + b"}") == ClientPage(
        (RemoteClient("clt_1"),), *page
    )


def test_page_of_the_second_generation():
    body = b'{"data":[' + ITEM + b'],"meta":{"nextCursor":"n","hasMore":true}}'

    assert read_page(body) == ClientPage((RemoteClient("clt_1"),), "n", True)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"items":[]}',
        b'{"data":[]}',
        b'{"items":{},"hasMore":false}',
        b'{"items":[1],"hasMore":false}',
        b'{"items":[{}],"hasMore":false}',
        b'{"items":[],"hasMore":true}',
        b'{"items":[],"hasMore":true,"nextCursor":""}',
        b'{"items":[],"hasMore":"no"}',
        b'{"items":[],"meta":[]}',
        b'{"items":[],"meta":{"total":5}}',
        b'{"items":[],"meta":{"total":5,"pageNo":1,"pageSize":0}}',
        b'{"items":[],"meta":{"total":-5,"pageNo":1,"pageSize":10}}',
    ],
)
def test_page_of_unknown_shape_is_unreadable(body):
    with pytest.raises(UnreadableAnswer):
        read_page(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["id", "items", "data", "meta", "total", "pageNo", "pageSize"]
                + ["nextCursor", "hasMore", "createdAt", "customFields", "cf_a"]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@given(json_values.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_page_of_any_kind_is_read_or_unreadable(body):
    try:
        page = read_page(body)
    except UnreadableAnswer:
        return

    assert all(client.id for client in page.items)
    assert not (page.has_more and page.next_cursor is None and page.total is None)


@pytest.mark.parametrize(
    ("body", "is_json"),
    [(b"{}", True), (b"[]", True), (b"7", False), (b"<html>", False), (b"", False)],
)
def test_json_answer_is_an_object_or_a_list(body, is_json):
    assert is_json_answer(body) is is_json


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        (" two\r\nlines\x00 ", "two lines"),
        ("right\u202eto\u2066left", "right to left"),
        ("\ud800", ""),
        ("bad key heffl_user_abc123, sorry", "bad key heffl_user_*** sorry"),
        ("x" * 600, "x" * 500),
        (7, ""),
        (None, ""),
    ],
)
def test_clean_text_is_one_harmless_line(value, cleaned):
    assert clean_text(value) == cleaned
