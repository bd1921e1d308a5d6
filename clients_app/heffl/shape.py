"""Whether an answer still has the shape that the specification gives it.

What departs from it is told by the names of keys and the types of values, never by a value,
so that an example may be stored, mailed and shown. Pure, and without any say in what an
answer means: a client with an id is created, whatever else its answer lacks.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from .contract import load_json
from .errors import UnreadableAnswer

CREATED = {
    "id": "string",
    "number": "string",
    "name": "string",
    "type": "string",
    "createdAt": "string",
}
"""The keys that each created client has, and the JSON type of each."""
LISTED = {key: CREATED[key] for key in ("id", "name", "type", "createdAt")}
FOUND = {key: CREATED[key] for key in ("id", "createdAt")}
"""Of an entry of the newer lists hardly more is documented than what a look needs."""
KNOWN_ERRORS = {
    400, 401, 403, 404, 405, 408, 409, 410, 413, 414, 415, 422, 425, 429, 431,
}  # fmt: skip
REPEATED = 3
MOST_KEYS = 20
MAX_EXAMPLE = 400
_PLAIN_KEY = re.compile(r"[A-Za-z_]\w{0,39}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Oddity:
    """One departure. `sign` names it, stable from answer to answer; `example` shows it.

    `needed` is after how many such answers it is more than an accident.
    """

    sign: str
    example: str
    needed: int = 1


@dataclass(frozen=True, slots=True)
class Shape:
    """What one answer showed: of which `operation` it is, and in what it departs."""

    operation: str
    oddities: tuple[Oddity, ...] = ()


def outline(value: object, depth: int = 2) -> str:
    """Return the structure of a JSON value: `{id: string, meta: {total: number}}`.

    A key that is not a plain name could be data; it is shown as "…".
    """
    match value:
        case dict() if depth:
            shown = sorted(map(_key, value))[:MOST_KEYS]
            inner = {_key(key): each for key, each in value.items()}
            parts = [f"{key}: {outline(inner[key], depth - 1)}" for key in shown]
            return "{" + ", ".join(dict.fromkeys(parts)) + "}"
        case list() if depth:
            return f"[{outline(value[0], depth - 1)}]" if value else "[]"
    return _type_of(value)


def _key(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else "…"


def _type_of(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "list"
    return "object"


def of_creation(status: int, body: bytes) -> Shape | None:
    """Look at a whole answer to a POST; None when it says nothing about the shape."""
    if status in {200, 201}:
        return _of_object("created", status, body, CREATED)
    return _of_status("created", status)


def of_client(status: int, body: bytes) -> Shape | None:
    """Look at a whole answer to a question about one client."""
    if status == 200:
        return _of_object("client", status, body, CREATED)
    return _of_status("client", status)


def of_list(
    operation: str, status: int, body: bytes, keys: Mapping[str, str], *, readable: bool
) -> Shape | None:
    """Look at a page of a list; `readable` when its entries and its paging are known."""
    if status != 200:
        return _of_status(operation, status)
    answer, odd = _json(operation, status, body)
    if odd:
        return odd
    if not readable:
        example = f"200 {outline(answer, 3)}"[:MAX_EXAMPLE]
        return Shape(operation, (Oddity("paging", example),))
    assert isinstance(answer, dict)  # noqa: S101 - it was readable
    entries = answer.get("items", answer.get("data"))
    if not isinstance(entries, list) or not entries:
        return None  # an empty page shows nothing of its entries
    return Shape(operation, tuple(_departures(200, entries[0], keys)))


def _of_object(
    operation: str, status: int, body: bytes, keys: Mapping[str, str]
) -> Shape:
    answer, odd = _json(operation, status, body)
    return odd or Shape(operation, tuple(_departures(status, answer, keys)))


def _json(operation: str, status: int, body: bytes) -> tuple[object, Shape | None]:
    try:
        return load_json(body), None
    except UnreadableAnswer:
        odd = Oddity("no JSON", f"{status}, no JSON", REPEATED)
        return None, Shape(operation, (odd,))


def _departures(
    status: int, answer: object, keys: Mapping[str, str]
) -> Iterable[Oddity]:
    example = f"{status} {outline(answer)}"
    if not isinstance(answer, dict):
        yield Oddity("no object", example[:MAX_EXAMPLE])
        return
    for key, kind in keys.items():
        if key not in answer:
            yield Oddity(f"{key} missing", f"no {key} in {example}"[:MAX_EXAMPLE])
        elif _type_of(answer[key]) != kind:
            found = _type_of(answer[key])
            words = f"{key} is {found}, not {kind}, in {example}"
            yield Oddity(f"{key} is {found}", words[:MAX_EXAMPLE])


def _of_status(operation: str, status: int) -> Shape | None:
    """Notice a status that is documented nowhere; outages are no change of shape."""
    if 300 <= status < 400 or 500 <= status < 600 or status in KNOWN_ERRORS:
        return None
    odd = Oddity(f"status {status}", f"status {status}", REPEATED)
    return Shape(operation, (odd,))
