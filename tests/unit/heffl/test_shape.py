"""What departs from the specification is told by names and types, never by values."""

import json

import pytest

from clients_app.heffl import shape

CLIENT = {
    "id": "clt_1",
    "number": "CON001",
    "name": "Noor",
    "type": "company",
    "createdAt": "2026-01-01T00:00:00Z",
}


def signs(found):
    return [odd.sign for odd in found.oddities] if found else None


def without(key):
    return {name: value for name, value in CLIENT.items() if name != key}


@pytest.mark.parametrize("more", [{}, {"email": "a@b.test", "customFields": {}}])
@pytest.mark.parametrize("status", [200, 201])
def test_a_proper_answer_has_nothing_odd(status, more):
    assert signs(shape.of_creation(status, json.dumps(CLIENT | more).encode())) == []


@pytest.mark.parametrize(
    ("status", "body", "odd"),
    [
        (200, json.dumps(without("number")), ["number missing"]),
        (200, json.dumps(without("id")), ["id missing"]),
        (200, json.dumps(CLIENT | {"number": 7}), ["number is number"]),
        (200, json.dumps(CLIENT | {"name": None}), ["name is null"]),
        (200, json.dumps([CLIENT]), ["no object"]),
        (200, "<html>", ["no JSON"]),
        (202, "{}", ["status 202"]),
        (204, "", ["status 204"]),
        (418, "{}", ["status 418"]),
        (777, "{}", ["status 777"]),
        (500, "{}", None),
        (302, "", None),
        (400, "{}", None),
    ],
)
def test_what_is_odd_about_a_created_client(status, body, odd):
    assert signs(shape.of_creation(status, body.encode())) == odd


def page(**changes):
    whole = {"items": [CLIENT], "nextCursor": None, "hasMore": False}
    return json.dumps(whole | changes).encode()


@pytest.mark.parametrize(
    ("body", "readable", "odd"),
    [
        (page(), True, []),
        (page(items=[]), True, None),
        (page(items=[without("createdAt")]), True, ["createdAt missing"]),
        (page(items=["clt_1"]), False, ["paging"]),
        (b'{"results": [], "next": null}', False, ["paging"]),
        (b"[]", False, ["paging"]),
    ],
)
def test_what_is_odd_about_a_list(body, readable, odd):
    found = shape.of_list("list", 200, body, shape.LISTED, readable=readable)

    assert signs(found) == odd


def test_an_outline_holds_no_value():
    secret = {"name": "Zyq", "nested": {"a": ["Zyq"], "zyq@x.test": 1}, "+97150": "Zyq"}

    told = shape.outline(secret)

    assert told == "{name: string, nested: {a: list, …: number}, …: string}"


def test_an_outline_of_anything_is_short():
    huge = {f"key{number}": "x" * 1000 for number in range(5000)}

    found = shape.of_creation(200, json.dumps(huge).encode())

    assert all(len(odd.example) <= shape.MAX_EXAMPLE for odd in found.oddities)
