"""Each route of v1 and v2 over real HTTP."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.sandbox.conftest import KEY, call, create, create_bytes, raw

OTHER = "heffl_user_other_key_0002"


def test_create_answers_id_and_number_for_a_company(sandbox):
    answer = create(sandbox, {"name": "Al Noor Trading"})

    assert answer.status == 200
    assert answer.json["id"].startswith("clt_")
    assert answer.json["number"] == "CLT-00001"
    assert answer.json["name"] == "Al Noor Trading"
    assert answer.json["type"] == "company"
    assert answer.json["firstName"] is None
    assert set(answer.json) == {
        "id",
        "number",
        "name",
        "type",
        "createdAt",
        "firstName",
        "lastName",
    }


def test_create_stamps_the_present_moment_in_utc(sandbox):
    stamp = create(sandbox, {"name": "A"}).json["createdAt"]

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    away = abs(datetime.now(UTC) - datetime.fromisoformat(stamp))
    assert away < timedelta(minutes=1)


def test_create_counts_numbers_up_per_workspace(sandbox, control):
    control.add_workspace("Harbour", prefix="CON", digits=3, keys=[OTHER])

    create(sandbox, {"name": "A"})
    second = create(sandbox, {"name": "B"})
    other = create(sandbox, {"name": "C"}, key=OTHER)

    assert second.json["number"] == "CLT-00002"
    assert other.json["number"] == "CON001"


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"firstName": "Ann", "lastName": "Lee"}, "Ann Lee"),
        ({"firstName": "Ann"}, "Ann"),
        ({"firstName": "Ann", "lastName": "Lee", "name": "Dr. Lee"}, "Dr. Lee"),
        ({"firstName": "Ann", "name": ""}, "Ann"),
    ],
)
def test_create_names_a_contact(sandbox, given, name):
    answer = create(sandbox, {"type": "contact", **given})

    assert answer.status == 200
    assert answer.json["name"] == name
    assert answer.json["firstName"] == "Ann"


def test_create_keeps_exactly_the_json_it_received(sandbox, control):
    body = {
        "type": "contact",
        "firstName": "Zoë",
        "email": None,
        "billingAddress": {"city": "דבי"},
        "openingBalance": 12.5,
        "cf_any": [1, {"a": None}],
    }

    create(sandbox, body)

    assert control.clients()[0]["received"] == body


@pytest.mark.parametrize("key", [None, "", "heffl_user_unknown", KEY + "x"])
def test_create_without_a_known_key_is_unauthorized(sandbox, control, key):
    answer = create(sandbox, {"name": "A"}, key=key)

    assert answer.status == 401
    assert answer.json["code"] == "UNAUTHORIZED"
    assert set(answer.json) == {"code", "message"}
    assert "ratelimit-limit" not in answer.headers
    assert control.clients() == []


def test_create_with_a_revoked_key_is_unauthorized(sandbox, control):
    control.revoke_key(KEY)

    assert create(sandbox, {"name": "A"}).status == 401


def test_create_with_a_bearer_token_is_unauthorized(sandbox):
    headers = {"Authorization": f"Bearer {KEY}"}

    assert create(sandbox, {"name": "A"}, key=None, headers=headers).status == 401


@pytest.mark.parametrize(
    ("rights", "reads", "creates"),
    [(["read"], 200, 403), (["create"], 403, 200), ([], 403, 403)],
)
def test_key_without_the_right_is_forbidden(sandbox, control, rights, reads, creates):
    control.add_key("Test", OTHER, rights)

    read = call(sandbox, "GET", "/api/v1/clients", key=OTHER)
    created = create(sandbox, {"name": "A"}, key=OTHER)

    assert (read.status, created.status) == (reads, creates)
    refused = read if reads == 403 else created
    assert refused.json["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"name": "A"',
        b'{"name": "\xff"}',
        b'{"name": NaN}',
        b'{"name": "A", "name": "B"}',
        b'{"name": "\\ud800"}',
        b"[" * 100_000,
        b'{"openingBalance": ' + b"9" * 5000 + b"}",
    ],
)
def test_create_with_malformed_json_is_a_bad_request(sandbox, body):
    answer = create(sandbox, body)

    assert answer.status == 400
    assert answer.json["code"] == "BAD_REQUEST"
    assert answer.json["message"].startswith("Malformed JSON")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("Application/JSON; charset=UTF-8", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json; charset=latin-1", 415),
    ],
)
def test_create_takes_json_only(sandbox, content_type, status):
    headers = {"Content-Type": content_type}

    assert create(sandbox, {"name": "A"}, headers=headers).status == status


def test_create_over_one_mebibyte_is_too_large(sandbox):
    answer = create(sandbox, {"name": "x" * (1 << 20)})

    assert answer.status == 413
    assert answer.json["code"] == "PAYLOAD_TOO_LARGE"


@pytest.mark.parametrize(
    "path", ["/api/v1/client", "/api/v1/clients/a/b", "/api/v3/clients", "/api/"]
)
def test_unknown_path_is_not_found_in_json(sandbox, path):
    answer = call(sandbox, "GET", path)

    assert answer.status == 404
    assert answer.json["code"] == "NOT_FOUND"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("PUT", "/api/v1/clients", "GET, POST"),
        ("DELETE", "/api/v1/clients/clt_1", "GET"),
        ("POST", "/api/v2/contacts", "GET"),
    ],
)
def test_wrong_method_is_405_and_names_the_right_ones(sandbox, method, path, allow):
    answer = call(sandbox, method, path)

    assert answer.status == 405
    assert answer.headers["allow"] == allow


def test_refusals_are_wrapped_when_v1_is_set_to_the_newer_shape(sandbox, control):
    control.set(error_shape="v2")

    answer = create(sandbox, {"type": "contact", "firstName": "A", "email": "x"})

    assert answer.status == 400
    assert answer.json["error"]["code"] == "VALIDATION_ERROR"
    assert answer.json["error"]["details"]["issues"] == [
        {"field": "email", "message": "Invalid email address format"}
    ]


def test_duplicate_contact_name_is_a_conflict_when_the_workspace_says_so(
    sandbox, control
):
    control.add_workspace("Test", unique_names=True)
    create(sandbox, {"type": "contact", "firstName": "Ann", "lastName": "Lee"})

    again = create(sandbox, {"type": "contact", "firstName": "ann", "lastName": "LEE"})
    company = create(sandbox, {"name": "Ann Lee"})

    assert again.status == 409
    assert again.json["code"] == "CONFLICT"
    assert company.status == 200


def test_duplicate_contact_phone_is_a_conflict_when_the_workspace_says_so(
    sandbox, control
):
    control.add_workspace("Test", unique_phones=True)
    create(sandbox, {"type": "contact", "firstName": "Ann", "phone": "+971 50 123"})

    again = create(
        sandbox, {"type": "contact", "firstName": "Bea", "phone": "(971)50123"}
    )
    without = create(sandbox, {"type": "contact", "firstName": "Cy"})

    assert again.status == 409
    assert without.status == 200


def test_duplicates_are_welcome_otherwise(sandbox, control):
    body = {"type": "contact", "firstName": "Ann", "phone": "+1 2"}

    answers = [create(sandbox, body).status for _ in range(2)]

    assert answers == [200, 200]
    assert control.creates_per_name() == {"Ann": 2}


def test_conflict_can_be_set_to_answer_400(sandbox, control):
    control.add_workspace("Test", unique_names=True)
    control.set(conflict_status=400)
    create(sandbox, {"type": "contact", "firstName": "Ann"})

    again = create(sandbox, {"type": "contact", "firstName": "Ann"})

    assert (again.status, again.json["code"]) == (400, "BAD_REQUEST")


def test_unique_custom_field_is_refused_the_second_time(sandbox, control):
    fields = {"companies": [{"key": "cf_ref", "unique": True}]}
    control.add_workspace("Test", custom_fields=fields)
    create(sandbox, {"name": "A", "cf_ref": "77"})

    again = create(sandbox, {"name": "B", "cf_ref": "77"})
    other = create(sandbox, {"name": "B", "cf_ref": "78"})

    assert again.status == 409
    assert again.json["message"] == "cf_ref must be unique"
    assert other.json["number"] == "CLT-00002"


def test_extra_keys_are_answered_when_set(sandbox, control):
    control.set(extra_keys=True)

    answer = create(sandbox, {"name": "A", "website": "a.example", "cf_x": 1})

    assert answer.json["website"] == "a.example"
    assert answer.json["customFields"] == {"cf_x": 1}


def test_read_answers_the_client(sandbox):
    body = {"type": "contact", "firstName": "Ann", "email": "a@b.example"}
    made = create(sandbox, body).json

    answer = call(sandbox, "GET", f"/api/v1/clients/{made['id']}")

    assert answer.status == 200
    assert answer.json == {**made, "email": "a@b.example", "phone": None} | {
        "website": None
    }


def test_read_of_another_workspace_is_not_found(sandbox, control):
    control.add_workspace("Harbour", keys=[OTHER])
    made = create(sandbox, {"name": "A"}).json

    answer = call(sandbox, "GET", f"/api/v1/clients/{made['id']}", key=OTHER)

    assert answer.status == 404


def _fill(control, count):
    for number in range(count):
        control.add_client("Test", {"name": f"Firm {number:03}"})


def test_list_is_newest_first_and_twenty_long(sandbox, control):
    _fill(control, 25)

    page = call(sandbox, "GET", "/api/v1/clients").json

    assert [item["name"] for item in page["items"][:2]] == ["Firm 024", "Firm 023"]
    assert len(page["items"]) == 20
    assert page["hasMore"] is True
    assert set(page) == {"items", "nextCursor", "hasMore"}


def test_list_cursor_leads_through_all_exactly_once(sandbox, control):
    _fill(control, 7)
    seen, cursor = [], ""

    while cursor is not None:
        path = f"/api/v1/clients?limit=3&cursor={cursor}"
        page = call(sandbox, "GET", path).json
        seen += [item["name"] for item in page["items"]]
        cursor = page["nextCursor"]
        control.add_client("Test", {"name": "Came in between"})

    assert seen == [f"Firm {number:03}" for number in range(6, -1, -1)]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=-1",
        "cursor=%00",
        "cursor=bm9wZQ==",
        "pageNo=0&pageSize=5",
        "pageSize=101",
    ],
)
def test_list_with_a_bad_argument_is_a_bad_request(sandbox, query):
    answer = call(sandbox, "GET", f"/api/v1/clients?{query}")

    assert answer.status == 400
    assert answer.json["code"] == "BAD_REQUEST"


def test_list_by_page_number_answers_meta(sandbox, control):
    _fill(control, 5)

    page = call(sandbox, "GET", "/api/v1/clients?pageNo=2&pageSize=3").json

    assert [item["name"] for item in page["items"]] == ["Firm 001", "Firm 000"]
    assert page["meta"] == {"count": 2, "total": 5, "pageNo": 2, "pageSize": 3}


def test_list_ignores_search_until_told_otherwise(sandbox, control):
    _fill(control, 3)
    path = "/api/v1/clients?search=firm%20001"

    ignored = call(sandbox, "GET", path).json["items"]
    control.set(search_v1=True)
    honoured = call(sandbox, "GET", path).json["items"]

    assert len(ignored) == 3
    assert [item["name"] for item in honoured] == ["Firm 001"]


def test_list_hides_new_clients_for_the_time_of_the_lag(sandbox, control):
    control.set(list_lag=3600)
    made = create(sandbox, {"name": "Hidden"}).json

    listed = call(sandbox, "GET", "/api/v1/clients").json
    read = call(sandbox, "GET", f"/api/v1/clients/{made['id']}")

    assert listed["items"] == []
    assert read.status == 200


def test_v2_search_finds_contacts_by_name_email_and_phone(sandbox):
    ann = {"firstName": "Ann", "email": "ann@b.example", "phone": "+971 50 1"}
    create(sandbox, {"type": "contact", **ann, "cf_size": "S"})
    create(sandbox, {"type": "contact", "firstName": "Bob"})
    create(sandbox, {"name": "Ann Trading"})

    for text in ("ANN", "ann@b.example", "971501", "%2B971%2050"):
        path = f"/api/v2/contacts?search={text}&orderBy=createdAt&orderDir=desc"
        page = call(sandbox, "GET", path).json

        assert [item["name"] for item in page["data"]] == ["Ann"], text
        assert page["data"][0]["cf_size"] == "S"
        assert page["meta"] == {"nextCursor": None, "hasMore": False}


def test_v2_companies_pages_in_both_directions(sandbox, control):
    _fill(control, 3)

    first = call(sandbox, "GET", "/api/v2/companies?pageSize=2").json
    path = f"/api/v2/companies?pageSize=2&cursor={first['meta']['nextCursor']}"
    second = call(sandbox, "GET", path).json
    oldest = call(sandbox, "GET", "/api/v2/companies?orderDir=asc&pageSize=2").json
    path = f"/api/v2/companies?orderDir=asc&cursor={oldest['meta']['nextCursor']}"
    newest = call(sandbox, "GET", path).json

    assert [one["name"] for one in first["data"]] == ["Firm 002", "Firm 001"]
    assert [one["name"] for one in second["data"]] == ["Firm 000"]
    assert [one["name"] for one in oldest["data"]] == ["Firm 000", "Firm 001"]
    assert [one["name"] for one in newest["data"]] == ["Firm 002"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("orderBy=name", "orderBy"),
        ("orderDir=up", "orderDir"),
        ("pageSize=500", "pageSize"),
    ],
)
def test_v2_refusals_are_wrapped_with_issues(sandbox, query, field):
    answer = call(sandbox, "GET", f"/api/v2/contacts?{query}")

    error = answer.json["error"]
    assert answer.status == 400
    assert error["code"] == "VALIDATION_ERROR"
    assert [issue["field"] for issue in error["details"]["issues"]] == [field]


def test_v2_without_a_key_is_wrapped_unauthorized(sandbox):
    answer = call(sandbox, "GET", "/api/v2/contacts", key=None)

    assert answer.status == 401
    assert answer.json["error"]["code"] == "UNAUTHORIZED"


def test_v2_custom_fields_lists_the_definitions(sandbox, control):
    size = {
        "key": "cf_size",
        "label": "Size",
        "type": "Single Option",
        "required": True,
        "options": ["S", "M"],
    }
    control.add_workspace("Test", custom_fields={"contacts": [size]})

    contacts = call(sandbox, "GET", "/api/v2/custom-fields?entity=contacts").json
    companies = call(sandbox, "GET", "/api/v2/custom-fields?entity=companies").json
    neither = call(sandbox, "GET", "/api/v2/custom-fields")

    assert contacts["data"] == [
        {
            "key": "cf_size",
            "label": "Size",
            "type": "Single Option",
            "required": True,
            "unique": False,
            "helperText": "",
            "allowedValues": ["S", "M"],
        }
    ]
    assert companies["data"] == []
    assert neither.status == 400


def test_rate_limit_headers_count_down_over_all_operations(sandbox, control):
    control.set(rate="3/60")

    first = create(sandbox, {"name": "A"})
    second = call(sandbox, "GET", "/api/v1/clients")
    third = create(sandbox, {})
    fourth = call(sandbox, "GET", "/api/v2/contacts")

    remaining = [one.headers["ratelimit-remaining"] for one in (first, second, third)]
    assert remaining == ["2", "1", "0"]
    assert first.headers["ratelimit-limit"] == "3"
    assert 1 <= int(first.headers["ratelimit-reset"]) <= 60
    assert third.status == 400
    assert fourth.status == 429
    assert fourth.json["error"]["code"] == "TOO_MANY_REQUESTS"
    assert "retry-after" not in fourth.headers


def test_rate_limit_is_per_key(sandbox, control):
    control.set(rate="1/60")
    control.add_key("Test", OTHER)
    create(sandbox, {"name": "A"})

    over = create(sandbox, {"name": "B"})
    other = create(sandbox, {"name": "C"}, key=OTHER)

    assert (over.status, other.status) == (429, 200)
    assert over.json == {"code": "TOO_MANY_REQUESTS", "message": "Rate limit exceeded"}
    assert list(control.creates_per_name()) == ["A", "C"]


def test_rate_limit_answers_retry_after_when_set(sandbox, control):
    control.set(rate="1/60", retry_after=True)
    create(sandbox, {"name": "A"})

    over = create(sandbox, {"name": "B"})

    assert over.headers["retry-after"] == over.headers["ratelimit-reset"]


def test_calls_are_logged_with_the_tail_of_the_key_only(sandbox, control):
    made = create(sandbox, {"name": "A"}).json
    call(sandbox, "GET", "/api/v2/contacts?search=a", key="nobody")

    first, second = control.calls()

    assert (first["method"], first["path"]) == ("POST", "/api/v1/clients")
    assert (first["status"], first["client_id"]) == (200, made["id"])
    assert (first["key"], first["workspace"]) == (KEY[-4:], "Test")
    assert first["bytes_in"] > 50
    assert (second["status"], second["query"], second["key"]) == (401, "search=a", "")
    assert first["monotonic"] <= second["monotonic"]


def test_two_key_headers_are_unauthorized(sandbox):
    doubled = create_bytes().replace(b"x-api-key:", b"x-api-key: other\r\nx-api-key:")

    answer, _ = raw(sandbox, doubled)

    assert answer.startswith(b"HTTP/1.1 401 ")
