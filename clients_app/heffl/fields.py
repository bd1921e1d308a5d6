"""The custom fields of a workspace, as Heffl lists them.

How that answer names its parts is documented nowhere: it is read leniently. A list that is
not read to its end, or not understood at all, is no list: nobody may conclude from it that
a field is gone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .contract import CUSTOM_PREFIX, FieldKind, clean_text, load_json
from .errors import UnreadableAnswer

MAX_FIELDS = 500
_KEY = re.compile(r"cf_[A-Za-z0-9_]{1,57}")
# Heffl's documented types by their letters alone: "Long Text", "long_text", "LONG_TEXT".
KINDS = {
    "text": FieldKind.TEXT,
    "shorttext": FieldKind.TEXT,
    "longtext": FieldKind.LONG_TEXT,
    "textarea": FieldKind.LONG_TEXT,
    "number": FieldKind.NUMBER,
    "currency": FieldKind.NUMBER,
    "date": FieldKind.DATE,
    "singleoption": FieldKind.OPTION,
    "singleselect": FieldKind.OPTION,
    "select": FieldKind.OPTION,
    "dropdown": FieldKind.OPTION,
    "multipleoption": FieldKind.OPTIONS,
    "multipleoptions": FieldKind.OPTIONS,
    "multiselect": FieldKind.OPTIONS,
    "arraytext": FieldKind.TEXTS,
    "phone": FieldKind.PHONE,
    "phonenumber": FieldKind.PHONE,
    "email": FieldKind.EMAIL,
    "link": FieldKind.LINK,
    "url": FieldKind.LINK,
    "boolean": FieldKind.YES_NO,
    "checkbox": FieldKind.YES_NO,
}
_NAMES = {
    "key": ("key", "apiName", "api_name", "fieldKey", "slug", "name"),
    "label": ("label", "title", "displayName", "name"),
    "type": ("type", "fieldType", "dataType", "kind"),
    "options": ("allowedValues", "options", "values", "choices", "enum"),
    "hint": ("helperText", "helpText", "hint", "description"),
    "required": ("required", "isRequired", "mandatory"),
    "unique": ("unique", "isUnique"),
    "value": ("value", "label", "name", "title"),
}


@dataclass(frozen=True, slots=True)
class RemoteField:
    """A custom field as Heffl tells it; `type` in Heffl's own word."""

    key: str
    label: str
    type: str
    required: bool = False
    unique: bool = False
    options: tuple[str, ...] = ()
    hint: str = ""

    @property
    def kind(self) -> FieldKind | None:
        """Return the kind of answer it takes, None for what cannot be sent from here."""
        kind = KINDS.get(re.sub(r"[^a-z]", "", self.type.casefold()))
        lacks_options = kind in {FieldKind.OPTION, FieldKind.OPTIONS}
        return None if lacks_options and not self.options else kind


@dataclass(frozen=True, slots=True)
class FieldPage:
    """One page of the list; `next_cursor` None on the last."""

    fields: tuple[RemoteField, ...]
    next_cursor: str | None


def read_fields(body: bytes) -> FieldPage:
    """Read one page of custom fields.

    Raises UnreadableAnswer where there is no list of them, an entry has no usable key, or
    there is more to come and no way to it.
    """
    answer = load_json(body)
    entries = answer
    meta: object = {}
    if isinstance(answer, dict):
        names = ("data", "items", "customFields", "fields")
        entries = next((answer[name] for name in names if name in answer), None)
        meta = answer.get("meta", answer)
    if not isinstance(entries, list) or len(entries) > MAX_FIELDS:
        raise UnreadableAnswer("the answer is not a list of custom fields")
    return FieldPage(tuple(map(_field, entries)), _next(meta))


def _next(meta: object) -> str | None:
    if not isinstance(meta, dict):
        return None
    cursor = meta.get("nextCursor")
    more = meta.get("hasMore", cursor is not None)
    if more and not (isinstance(cursor, str | int) and cursor):
        raise UnreadableAnswer("the list does not say how it goes on")
    return str(cursor) if more else None


def _field(entry: object) -> RemoteField:
    if not isinstance(entry, dict):
        raise UnreadableAnswer("an entry is no custom field")
    texts = (clean_text(entry.get(name), 60) for name in _NAMES["key"])
    key = next((text for text in texts if _KEY.fullmatch(text)), "")
    if not key:
        raise UnreadableAnswer(
            f"a custom field has no key that starts with {CUSTOM_PREFIX}"
        )
    return RemoteField(
        key=key,
        label=_text(entry, "label", 120) or key,
        type=_text(entry, "type", 40),
        required=_flag(entry, "required"),
        unique=_flag(entry, "unique"),
        options=_options(_first(entry, "options")),
        hint=_text(entry, "hint", 200),
    )


def _first(entry: Mapping[str, object], part: str) -> object:
    found = (entry[name] for name in _NAMES[part] if entry.get(name) not in (None, ""))
    return next(found, None)


def _text(entry: Mapping[str, object], part: str, limit: int) -> str:
    value = _first(entry, part)
    if isinstance(value, dict):  # a type may come as {"name": "Text"}
        value = _first(value, "value")
    return clean_text(value, limit)


def _flag(entry: Mapping[str, object], part: str) -> bool:
    return _first(entry, part) in (True, 1, "true")


def _options(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    texts = (
        clean_text(_first(one, "value") if isinstance(one, dict) else one, 120)
        for one in value
    )
    return tuple(dict.fromkeys(filter(None, texts)))
