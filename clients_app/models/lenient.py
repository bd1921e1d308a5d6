"""Columns that are read as something they can mean, whatever they hold.

A value that no code of ours writes (by hand, by an older or a newer version, from a damaged
backup) must not break every page that shows it: an unknown word is read as the column's
fallback, JSON of another shape as as much of it as fits. What is written is not looked at.
For Django, and so for migrations, they are the plain fields.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from django.db import models

if TYPE_CHECKING:
    _Text = models.CharField[str, str]
    _Small = models.PositiveSmallIntegerField[int, int]
else:
    _Text, _Small = models.CharField, models.PositiveSmallIntegerField


class _Lenient:
    """Reads a column through `readable`; a plain field of Django's in migrations."""

    plain = ""

    def deconstruct(self) -> Any:
        name, _path, arguments, named = super().deconstruct()  # type: ignore[misc]
        return name, f"django.db.models.{self.plain}", arguments, named

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return self.readable(value)

    def readable(self, value: Any) -> Any:
        raise NotImplementedError


class Choice(_Lenient, _Text):
    """A word of a closed set; `fallback` is what others are read as.

    The set is that of `choices`, or `known` where those are of no use to a form.
    """

    plain = "CharField"

    def __init__(
        self,
        *arguments: Any,
        fallback: str = "",
        known: Collection[str] = (),
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self.fallback = fallback
        self.known = known

    def clone(self) -> Choice:
        copy: Choice = super().clone()
        copy.fallback, copy.known = self.fallback, self.known
        return copy

    def readable(self, value: Any) -> Any:
        known = {each for each, _words in self.flatchoices} or self.known
        return value if value is None or value in known else self.fallback


class NumberedChoice(_Lenient, _Small):
    """A number of a closed set; any other is read as the last of them."""

    plain = "PositiveSmallIntegerField"

    def readable(self, value: Any) -> Any:
        known = [each for each, _words in self.flatchoices]
        return value if value is None or value in known else known[-1]


class TimeZone(_Lenient, _Text):
    """The name of a time zone; one that is unknown here is read as the default."""

    plain = "CharField"

    def readable(self, value: Any) -> Any:
        try:
            ZoneInfo(value)
        except (KeyError, OSError, TypeError, ValueError):  # a folder, a path, no name
            return self.get_default()
        return value


class Colour(_Lenient, _Text):
    """A colour as `#rrggbb`; anything else is read as the default."""

    plain = "CharField"

    def readable(self, value: Any) -> Any:
        text = str(value)
        digits = set(text[1:].lower())
        sound = len(text) == 7 and text[0] == "#" and digits <= set("0123456789abcdef")
        return text if sound else self.get_default()


class Shaped(models.JSONField):
    """JSON of a known shape: `shape` returns as much of a value as has it."""

    def __init__(
        self,
        *arguments: Any,
        shape: Callable[[Any], Any] = lambda value: value,
        **named: Any,
    ) -> None:
        super().__init__(*arguments, **named)
        self.shape = shape

    def clone(self) -> Shaped:
        copy: Shaped = super().clone()
        copy.shape = self.shape
        return copy

    def deconstruct(self) -> Any:
        name, _path, arguments, named = super().deconstruct()
        return name, "django.db.models.JSONField", arguments, named

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        try:
            found = super().from_db_value(value, expression, connection)
        except json.JSONDecodeError:
            found = None
        # A key inside the document is not the document.
        whole = isinstance(expression, models.expressions.Col)
        return self.shape(found) if whole else found


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int, float))


def texts(value: Any) -> list[str]:
    """Return the texts in a list, and its numbers as text."""
    return [str(each) for each in value if _is_plain(each)] if _listed(value) else []


def numbers(value: Any) -> list[float]:
    """Return the numbers in a list."""
    found = value if _listed(value) else []
    return [
        each
        for each in found
        if isinstance(each, (int, float)) and not isinstance(each, bool)
    ]


def records(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a list."""
    return [each for each in value if isinstance(each, dict)] if _listed(value) else []


def pairs(value: Any) -> list[list[str]]:
    """Return the pairs of texts in a list."""
    found = value if _listed(value) else []
    return [
        each for each in found if _listed(each) and len(texts(each)) == 2 == len(each)
    ]


def answers(value: Any) -> dict[str, Any]:
    """Return the answers in an object: texts, numbers, yes or no, and lists of those."""
    if not isinstance(value, dict):
        return {}
    return {
        name: each
        for name, each in value.items()
        if _is_plain(each) or _listed(each) and all(map(_is_plain, each))
    }


def _listed(value: Any) -> bool:
    return isinstance(value, list)
