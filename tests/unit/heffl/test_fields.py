"""Reading Heffl's list of custom fields, whatever it calls its parts."""

import json

import pytest

from clients_app.heffl.contract import FieldKind
from clients_app.heffl.errors import UnreadableAnswer
from clients_app.heffl.fields import RemoteField, read_fields


def read(value):
    return read_fields(json.dumps(value).encode())


SIZE = {"key": "cf_size", "label": "Size", "type": "Single Option", "required": True}


@pytest.mark.parametrize(
    "answer",
    [
        {"data": [{**SIZE, "allowedValues": ["S", "M"]}], "meta": {"hasMore": False}},
        {"items": [{**SIZE, "options": [{"value": "S"}, {"value": "M"}]}]},
        {"customFields": [{**SIZE, "choices": [{"label": "S"}, {"label": "M"}]}]},
        [{**SIZE, "values": ["S", "M", "M", ""]}],
        [
            {
                "apiName": "cf_size",
                "name": "Size",
                "fieldType": {"name": "Single Option"},
                "isRequired": "true",
                "options": ["S", "M"],
            }
        ],
    ],
)
def test_read_fields_knows_many_shapes(answer):
    (found,) = read(answer).fields

    assert found == RemoteField(
        "cf_size", "Size", "Single Option", required=True, options=("S", "M")
    )


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("Text", FieldKind.TEXT),
        ("Long Text", FieldKind.LONG_TEXT),
        ("LONG_TEXT", FieldKind.LONG_TEXT),
        ("Number", FieldKind.NUMBER),
        ("Date", FieldKind.DATE),
        ("Single Option", FieldKind.OPTION),
        ("multipleOption", FieldKind.OPTIONS),
        ("Array Text", FieldKind.TEXTS),
        ("Phone Number", FieldKind.PHONE),
        ("Email", FieldKind.EMAIL),
        ("Currency", FieldKind.NUMBER),
        ("Link", FieldKind.LINK),
        ("Relation", None),
        ("File Picker", None),
        ("Signature", None),
        ("Hologram", None),
        ("", None),
    ],
)
def test_every_documented_type_is_mapped_or_known_not_to_be_sendable(told, kind):
    assert RemoteField("cf_a", "A", told, options=("x",)).kind == kind


def test_a_choice_without_options_cannot_be_asked():
    assert RemoteField("cf_a", "A", "Single Option").kind is None


def test_read_fields_goes_on_where_there_is_more():
    more = {"data": [SIZE], "meta": {"hasMore": True, "nextCursor": "n"}}

    assert read(more).next_cursor == "n"
    assert read({"data": []}).next_cursor is None


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"data": None},
        {"data": {}},
        [1],
        [{"label": "Size"}],
        [{"key": "size"}],
        {"data": [], "meta": {"hasMore": True}},
        [SIZE] * 501,
        "cf_size",
    ],
)
def test_read_fields_takes_nothing_for_a_list_that_is_none(answer):
    with pytest.raises(UnreadableAnswer):
        read(answer)


def test_read_fields_cleans_foreign_words():
    (found,) = read([{**SIZE, "label": "Si\u202eze\n", "helperText": "x" * 999}]).fields

    assert found.label == "Si ze"
    assert len(found.hint) == 200
