"""What Heffl takes and gives: the field table, the payload, the answers.

Pure functions and frozen dataclasses. Nothing here knows HTTP, Django or a clock.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import TypeAlias, TypeVar

from .errors import ContractError, UnreadableAnswer

Answer: TypeAlias = str | bool | list[str] | None
_T = TypeVar("_T")

CUSTOM_PREFIX = "cf_"
MAX_MESSAGE = 500
MAX_VALUE = 5_000
MAX_ID = 200


class ClientType(StrEnum):
    """The two kinds of client; the values are Heffl's."""

    COMPANY = "company"
    CONTACT = "contact"


class FieldKind(StrEnum):
    """How an answer looks and which JSON type it becomes."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    NUMBER = "number"
    MONEY = "money"
    DATE = "date"
    OPTION = "option"
    OPTIONS = "options"
    TEXTS = "texts"
    EMAIL = "email"
    PHONE = "phone"
    LINK = "link"
    YES_NO = "yes_no"
    COUNTRY = "country"


COMPANY = frozenset({ClientType.COMPANY})
CONTACT = frozenset({ClientType.CONTACT})
BOTH = COMPANY | CONTACT
NEITHER: frozenset[ClientType] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSpec:
    """One field of a client: where its answer goes in the request, and for whom it is.

    `name` is our input name, `api_path` the keys that lead to the value in the JSON
    body, `minimum` the least number allowed.
    """

    name: str
    api_path: tuple[str, ...]
    kind: FieldKind
    allowed_for: frozenset[ClientType]
    required_for: frozenset[ClientType] = NEITHER
    minimum: int | None = None


def _field(
    name: str,
    path: str,
    kind: FieldKind,
    allowed_for: frozenset[ClientType],
    required_for: frozenset[ClientType] = NEITHER,
    minimum: int | None = None,
) -> FieldSpec:
    return FieldSpec(
        name=name,
        api_path=tuple(path.split(".")),
        kind=kind,
        allowed_for=allowed_for,
        required_for=required_for,
        minimum=minimum,
    )


# Source: create-a-client. First and last name, salutation, phone, email and job title: not
# allowed for companies. Website: not available for contacts. Name: required for companies.
# First name: required for contacts. Opening balance: 0 or more.
FIELDS: tuple[FieldSpec, ...] = (
    _field("name", "name", FieldKind.TEXT, BOTH, required_for=COMPANY),
    _field("website", "website", FieldKind.LINK, COMPANY),
    _field("first_name", "firstName", FieldKind.TEXT, CONTACT, required_for=CONTACT),
    _field("last_name", "lastName", FieldKind.TEXT, CONTACT),
    _field("phone", "phone", FieldKind.PHONE, CONTACT),
    _field("email", "email", FieldKind.EMAIL, CONTACT),
    _field("job_title", "jobTitle", FieldKind.TEXT, CONTACT),
    _field("salutation", "salutation", FieldKind.TEXT, CONTACT),
    _field(
        "billing_address__country", "billingAddress.country", FieldKind.COUNTRY, BOTH
    ),
    _field(
        "billing_address__address", "billingAddress.address", FieldKind.LONG_TEXT, BOTH
    ),
    _field(
        "billing_address__landmark", "billingAddress.landmark", FieldKind.TEXT, BOTH
    ),
    _field("billing_address__city", "billingAddress.city", FieldKind.TEXT, BOTH),
    _field("billing_address__state", "billingAddress.state", FieldKind.TEXT, BOTH),
    _field(
        "billing_address__postal_code",
        "billingAddress.postalCode",
        FieldKind.TEXT,
        BOTH,
    ),
    _field("tax_number", "taxNumber", FieldKind.TEXT, BOTH),
    _field("opening_balance", "openingBalance", FieldKind.MONEY, BOTH, minimum=0),
)


def build_payload(
    client_type: ClientType,
    answers: Mapping[str, Answer],
    extra: Sequence[FieldSpec] = (),
) -> dict[str, object]:
    """Return the JSON object for one new client: only allowed keys, no empty ones.

    Numbers and money are decimal strings ("250.50") and become JSON numbers. An empty
    answer to a field that the type does not have is ignored; any other answer to such a
    field, an unknown name, a missing required answer or an answer of the wrong kind
    raises ContractError: create-a-client would refuse it.
    """
    specs = _known_specs(extra)
    payload: dict[str, object] = {"type": client_type.value}
    nested: dict[str, dict[str, object]] = {}
    for name, answer in answers.items():
        spec = specs.get(name)
        if spec is None:
            raise ContractError(f"Heffl has no field {name!r}", name)
        value = _json_value(spec, answer)
        if value is None:
            continue
        if client_type not in spec.allowed_for:
            raise ContractError(f"{name} is not allowed for a {client_type}", name)
        *parents, key = spec.api_path
        target = nested.setdefault(parents[0], {}) if parents else payload
        target[key] = value
    _check_required(client_type, specs.values(), payload)
    return payload | nested


def encode_payload(payload: Mapping[str, object]) -> bytes:
    """Return the compact UTF-8 JSON that goes over the wire."""
    try:
        text = json.dumps(
            payload, ensure_ascii=False, separators=(",", ":"), allow_nan=False
        )
        return text.encode()
    except UnicodeEncodeError:
        raise ContractError("an answer holds a broken character") from None


def _known_specs(extra: Sequence[FieldSpec]) -> dict[str, FieldSpec]:
    specs = {spec.name: spec for spec in FIELDS}
    for spec in extra:
        key = spec.api_path[0] if len(spec.api_path) == 1 else ""
        if not key.startswith(CUSTOM_PREFIX) or key == CUSTOM_PREFIX:
            raise ContractError(
                f"a custom field starts with {CUSTOM_PREFIX}", spec.name
            )
        if spec.name in specs:
            raise ContractError(f"two fields are called {spec.name!r}", spec.name)
        specs[spec.name] = spec
    return specs


def _check_required(
    client_type: ClientType, specs: Iterable[FieldSpec], payload: Mapping[str, object]
) -> None:
    for spec in specs:
        if client_type in spec.required_for and spec.api_path[0] not in payload:
            raise ContractError(f"{spec.name} is required", spec.name)


# Fifteen significant digits survive the trip through a double unchanged.
_DECIMAL = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,6})?", re.ASCII)


def _json_value(spec: FieldSpec, answer: Answer) -> object | None:
    """Return the JSON value of one answer, or None when there is nothing to send."""
    if answer is None:
        return None
    if spec.kind is FieldKind.YES_NO:
        return _checked(spec, answer, bool)
    if spec.kind in {FieldKind.OPTIONS, FieldKind.TEXTS}:
        chosen = _checked(spec, answer, list)
        return [item for item in chosen if _checked(spec, item, str).strip()] or None
    text = _checked(spec, answer, str)
    if not text.strip():
        return None
    if spec.kind in {FieldKind.NUMBER, FieldKind.MONEY}:
        return _number(spec, text.strip())
    return text


def _checked(spec: FieldSpec, answer: object, kind: type[_T]) -> _T:
    if not isinstance(answer, kind):
        raise ContractError(f"{spec.name} takes another kind of answer", spec.name)
    return answer


def _number(spec: FieldSpec, text: str) -> int | float:
    digits = text.replace(".", "").lstrip("-0")
    if not _DECIMAL.fullmatch(text) or len(digits) > 15:
        raise ContractError(f"{spec.name} is not a number", spec.name)
    number = float(text)
    if spec.minimum is not None and number < spec.minimum:
        raise ContractError(f"{spec.name} is below {spec.minimum}", spec.name)
    return int(number) if number.is_integer() else number


@dataclass(frozen=True, slots=True)
class RemoteClient:
    """A client as Heffl tells it; "" where the answer says nothing."""

    id: str
    number: str = ""
    name: str = ""
    type: str = ""
    created_at: datetime | None = None
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    phone: str = ""
    website: str = ""
    extra: Mapping[str, object] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class ClientPage:
    """One page of a client list; `total` only where Heffl counts."""

    items: tuple[RemoteClient, ...]
    next_cursor: str | None
    has_more: bool
    total: int | None = None


def read_created(body: bytes) -> RemoteClient:
    """Read one client; raise UnreadableAnswer without a usable `id`."""
    return _client(_object(load_json(body)))


def read_page(body: bytes) -> ClientPage:
    """Read a client list in any of the three shapes known.

    `{items, nextCursor, hasMore}`, `{items, meta: {pageNo, pageSize, total}}` and
    `{data, meta: {nextCursor, hasMore}}`. Whoever reads a list to prove that a client
    is absent must see all of it, so an unknown shape, an entry without an id or "more
    to come" without a way to it raises UnreadableAnswer.
    """
    answer = _object(load_json(body))
    entries = answer.get("items", answer.get("data"))
    if not isinstance(entries, list):
        raise UnreadableAnswer("the answer is not a list of clients")
    items = tuple(_client(_object(entry)) for entry in entries)
    meta = answer.get("meta", answer)
    paging = _object(meta)
    total = _count(paging.get("total"))
    if {"nextCursor", "hasMore"} & paging.keys():
        cursor = _cursor(paging.get("nextCursor"))
        has_more = paging.get("hasMore", cursor is not None)
        if not isinstance(has_more, bool) or (has_more and cursor is None):
            raise UnreadableAnswer("the list does not say how it goes on")
        return ClientPage(items, cursor if has_more else None, has_more, total)
    page_no, size = _count(paging.get("pageNo")), _count(paging.get("pageSize"))
    if total is None or page_no is None or not size:
        raise UnreadableAnswer("the list does not say how it goes on")
    return ClientPage(items, None, page_no * size < total, total)


def is_json_answer(body: bytes) -> bool:
    """Say whether the body is a JSON object or list at all."""
    try:
        return isinstance(load_json(body), dict | list)
    except UnreadableAnswer:
        return False


def load_json(body: bytes) -> object:
    """Return the JSON value in a body; raise UnreadableAnswer for anything else."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        # 200,000 opening brackets are a RecursionError, not a ValueError.
        raise UnreadableAnswer("the answer is not JSON", "not_json") from None


def _object(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise UnreadableAnswer("the answer is not a JSON object", "not_an_object")
    return value


def _client(answer: Mapping[str, object]) -> RemoteClient:
    client_id = answer.get("id")
    if (
        not isinstance(client_id, str)
        or not 0 < len(client_id) <= MAX_ID
        or not client_id.isprintable()
        or " " in client_id
    ):
        raise UnreadableAnswer("the answer has no client id", "no_id")
    return RemoteClient(
        id=client_id,
        number=_text(answer.get("number")),
        name=_text(answer.get("name")),
        type=_text(answer.get("type")),
        created_at=_moment(answer.get("createdAt")),
        first_name=_text(answer.get("firstName")),
        last_name=_text(answer.get("lastName")),
        email=_text(answer.get("email")),
        phone=_text(answer.get("phone")),
        website=_text(answer.get("website")),
        extra=_custom_values(answer),
    )


def _custom_values(answer: Mapping[str, object]) -> dict[str, object]:
    custom = answer.get("customFields")
    values = dict(custom) if isinstance(custom, dict) else {}
    values |= {
        key: value for key, value in answer.items() if key.startswith(CUSTOM_PREFIX)
    }
    return values


def _text(value: object) -> str:
    """Return a cleaned string; a bare number counts as its digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:MAX_VALUE]
    return clean_text(value, MAX_VALUE) if isinstance(value, str) else ""


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _count(value: object) -> int | None:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def _cursor(value: object) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None


# C0 and C1 controls, line and paragraph separators, bidi controls, lone surrogates.
_UNWANTED = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+"
)
# The far end may quote our own key back at us.
_KEY_SHAPED = re.compile(r"heffl_user_[\x21-\x7e]+")


def clean_text(value: object, limit: int = MAX_MESSAGE) -> str:
    """Return foreign words fit to store and show: one line, no controls, no key."""
    if not isinstance(value, str):
        return ""
    text = _UNWANTED.sub(" ", value[: 4 * limit])
    return _KEY_SHAPED.sub("heffl_user_***", text).strip()[:limit]
