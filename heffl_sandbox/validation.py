"""The strict rules for the body of "create a client", as the description has them.

`validate` returns every breach in the order of the description; v1 shows the first.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import cast

ADDRESS_KEYS = ("city", "address", "landmark", "state", "country", "postalCode")
CUSTOM_FIELD_TYPES = (
    "Text",
    "Long Text",
    "Number",
    "Date",
    "Single Option",
    "Multiple Option",
    "Array Text",
    "Phone Number",
    "Email",
    "Currency",
    "Link",
    "Relation",
    "File Picker",
    "Signature",
)
_CONTACT_ONLY = ("firstName", "lastName", "salutation", "phone", "email", "jobTitle")
_TEXTS = ("name", "firstName", "lastName", "salutation", "phone", "jobTitle")
_KNOWN = frozenset(
    (*_TEXTS, "type", "email", "website", "taxNumber", "billingAddress")
) | {"openingBalance"}
_EMAIL = re.compile(
    r"[^\s@<>()\[\],;:\"\\]{1,64}@(?:[^\s@.<>()\[\],;:\"\\-][^\s@.<>()\[\],;:\"\\]*\.)+"
    r"[^\s@.<>()\[\],;:\"\\\d-][^\s@.<>()\[\],;:\"\\]+\Z"
)


@dataclass(frozen=True, slots=True)
class Issue:
    """One breach: the API field it is about ("" for the whole body) and the words."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class CustomField:
    """A custom field that a workspace defines for one entity."""

    key: str
    label: str
    type: str = "Text"
    required: bool = False
    unique: bool = False
    options: tuple[str, ...] = ()
    helper_text: str = ""


class UnreadableBody(ValueError):
    """A body that is not one JSON value in UTF-8; the message says what is wrong."""


def read_json(body: bytes) -> object:
    """Parse a request body as strict JSON; UnreadableBody otherwise."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
        )
        json.dumps(value, ensure_ascii=False).encode()  # finds lone surrogates
    except UnreadableBody:
        raise
    except (ValueError, RecursionError):
        raise UnreadableBody("Malformed JSON in request body") from None
    return cast(object, value)


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise UnreadableBody("Malformed JSON in request body: a key is repeated")
    return found


def _refuse_constant(name: str) -> object:
    raise UnreadableBody(f"Malformed JSON in request body: {name} is not JSON")


def validate(
    body: object, custom_fields: Mapping[str, Sequence[CustomField]]
) -> list[Issue]:
    """Return every breach of the rules in a parsed body; none when it is valid.

    `custom_fields` has "contacts" and "companies".
    """
    if not isinstance(body, dict):
        return [Issue("", "Expected an object")]
    kind = body.get("type", "company")
    if kind not in ("company", "contact"):
        return [Issue("type", "type must be one of: company, contact")]
    issues = _names(kind, body)
    issues += _not_allowed(kind, body)
    issues += _texts(kind, body)
    issues += _address(body.get("billingAddress", {}))
    issues += _balance(body.get("openingBalance", 0))
    entity = "companies" if kind == "company" else "contacts"
    issues += _custom(body, custom_fields.get(entity, ()))
    unknown = [k for k in body if k not in _KNOWN and not k.startswith("cf_")]
    return issues + [Issue(key, f"Unrecognized key: {key}") for key in unknown]


def _required(kind: str) -> str:
    return "name" if kind == "company" else "firstName"


def _names(kind: str, body: Mapping[str, object]) -> list[Issue]:
    wanted = _required(kind)
    plural = "companies" if kind == "company" else "contacts"
    value = body.get(wanted)
    if value is None or (isinstance(value, str) and not value.strip()):
        return [Issue(wanted, f"{wanted} is required for {plural}")]
    return []


def _not_allowed(kind: str, body: Mapping[str, object]) -> list[Issue]:
    if kind == "company":
        return [
            Issue(name, f"{name} is not allowed for companies")
            for name in _CONTACT_ONLY
            if name in body
        ]
    if "website" in body:
        return [Issue("website", "website is not available for contacts")]
    return []


def _texts(kind: str, body: Mapping[str, object]) -> list[Issue]:
    issues = []
    for name in _TEXTS:
        if name not in body or (kind == "company" and name in _CONTACT_ONLY):
            continue
        missing = name == _required(kind) and body[name] is None
        if not missing and not isinstance(body[name], str):
            issues.append(Issue(name, f"{name} must be a string"))
    if not isinstance(body.get("taxNumber"), str | None):
        issues.append(Issue("taxNumber", "taxNumber must be a string"))
    email = body.get("email")
    if kind == "contact" and email is not None and not _is_email(email):
        issues.append(Issue("email", "Invalid email address format"))
    return issues


def _is_email(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 254 and bool(_EMAIL.match(value))


def _address(value: object) -> list[Issue]:
    if not isinstance(value, dict):
        return [Issue("billingAddress", "billingAddress must be an object")]
    issues = []
    for key, part in value.items():
        name = f"billingAddress.{key}"
        if key not in ADDRESS_KEYS:
            issues.append(Issue(name, f"Unrecognized key: {name}"))
        elif not isinstance(part, str):
            issues.append(Issue(name, f"{name} must be a string"))
    return issues


def _is_number(value: object) -> bool:
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
    )


def _balance(value: object) -> list[Issue]:
    name = "openingBalance"
    if not _is_number(value):
        return [Issue(name, f"{name} must be a number")]
    if cast(float, value) < 0:
        return [Issue(name, f"{name} must be greater than or equal to 0")]
    return []


def _custom(
    body: Mapping[str, object], definitions: Sequence[CustomField]
) -> list[Issue]:
    given = [key for key in body if key.startswith("cf_")]
    known = {definition.key for definition in definitions}
    issues = [
        Issue(key, f"Unrecognized key: {key}")
        for key in given
        if key == "cf_" or (known and key not in known)
    ]
    for definition in definitions:
        message = _custom_breach(definition, body.get(definition.key))
        if message:
            issues.append(Issue(definition.key, f"{definition.key} {message}"))
    return issues


def _custom_breach(definition: CustomField, value: object) -> str:
    if value is None or value in ("", []):
        return "is required" if definition.required else ""
    if definition.type in ("Number", "Currency"):
        return "" if _is_number(value) else "must be a number"
    if definition.type == "Date":
        return "" if _is_date(value) else "must be a date"
    if definition.type == "Email":
        return "" if _is_email(value) else "must be an email address"
    if definition.options:
        return _option_breach(definition, value)
    return ""


def _is_date(value: object) -> bool:
    try:
        date.fromisoformat(str(value)[:10])
    except ValueError:
        return False
    return isinstance(value, str)


def _option_breach(definition: CustomField, value: object) -> str:
    several = definition.type == "Multiple Option"
    if several and not isinstance(value, list):
        return "must be a list"
    chosen = value if several and isinstance(value, list) else [value]
    if all(choice in definition.options for choice in chosen):
        return ""
    return "must be one of: " + ", ".join(definition.options)


def read_custom_fields(value: object) -> dict[str, tuple[CustomField, ...]]:
    """Read {"contacts": [{key, label, type, required, unique, options}], …}.

    Raises ValueError, in plain words, on anything else.
    """
    if not isinstance(value, dict) or not set(value) <= {"contacts", "companies"}:
        raise ValueError('custom_fields is {"contacts": [...], "companies": [...]}.')
    if not all(isinstance(items, list) for items in value.values()):
        raise ValueError("Custom fields come as a list for each entity.")
    return {
        entity: tuple(_read_custom_field(item) for item in items)
        for entity, items in value.items()
    }


def _read_custom_field(item: object) -> CustomField:
    known = ("key", "label", "type", "required", "unique", "options", "helper_text")
    if not isinstance(item, dict) or not set(item) <= set(known):
        raise ValueError(f"A custom field is an object of: {', '.join(known)}.")
    key, kind = str(item.get("key", "")), str(item.get("type", "Text"))
    if not re.match(r"cf_.", key):
        raise ValueError("The key of a custom field starts with cf_.")
    if kind not in CUSTOM_FIELD_TYPES:
        raise ValueError(f"There is no custom field type {kind!r}.")
    options = item.get("options", [])
    if not isinstance(options, list):
        raise ValueError("The options of a custom field are a list.")
    return CustomField(
        key=key,
        label=str(item.get("label", key)),
        type=kind,
        required=bool(item.get("required", False)),
        unique=bool(item.get("unique", False)),
        options=tuple(str(option) for option in options),
        helper_text=str(item.get("helper_text", "")),
    )
