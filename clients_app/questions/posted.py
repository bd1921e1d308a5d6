"""What was posted, by input name: read from any form or mapping, and held to its bound.

A value longer than its bound is looked at no further: it is neither cleaned nor shown
whole. The bound leaves room for what cleaning takes away, so that whatever is within a
question's own length afterwards was within it before.
"""

from __future__ import annotations

from collections.abc import Mapping

from clients_app.heffl.contract import FieldKind
from clients_app.questions.fields import STATE, Question

Posted = Mapping[str, object]

# Two questions may share one input name: a company's name and a contact's display
# name, the list of emirates and the free text for other countries. The page holds
# both, in this order, and posts both; scripts and imports post one.
DISPLAY_NAME = "display_name"
EMIRATE = "emirate"
TWINS = {"name": ("name", DISPLAY_NAME), STATE: (EMIRATE, STATE)}

MAX_TEXTS = 50
CHOSEN = frozenset({FieldKind.OPTION, FieldKind.OPTIONS})
LEAST_ROOM, MOST_ROOM = 100, 1_000
"""So many characters a value may have beyond its length before it is cleaned."""
CUT = "…"


def values(posted: Posted, name: str) -> list[str]:
    """Return all values of one input name, from a form post or a plain mapping."""
    getlist = getattr(posted, "getlist", None)
    found = getlist(name) if getlist else posted.get(name)
    if found is None:
        return []
    many = found if isinstance(found, list | tuple) else [found]
    return [value if isinstance(value, str) else str(value) for value in many]


def last(posted: Posted, name: str) -> str:
    """Return the last value of one input name, "" for none."""
    return (values(posted, name) or [""])[-1]


def twin(posted: Posted, name: str, position: int, *, asked: bool) -> str:
    """Return the value of one question of a pair. A lone value belongs to the one asked."""
    found = values(posted, name)
    if len(found) > 1:
        return found[position]
    return found[0] if found and asked else ""


def room_of(longest: int) -> int:
    """Return how many characters a value may have that is to be `longest` when cleaned."""
    return longest + min(max(3 * longest, LEAST_ROOM), MOST_ROOM)


def room_for(spec: Question) -> int:
    """Return how many characters one value for a question may have before it is cleaned."""
    if spec.kind in CHOSEN:
        return room_of(max(map(len, spec.options), default=0))
    return room_of(spec.max_length)


def room_for_all(spec: Question) -> int:
    """Return how many characters the lines of a question may have together."""
    return MAX_TEXTS * room_for(spec)


def held(value: str, most: int) -> str:
    """Return a value fit to be shown again: what is longer is cut, and shows that it is."""
    if len(value) > most:
        value = value[: most - len(CUT)] + CUT
    return value.encode("utf-8", "replace").decode()
