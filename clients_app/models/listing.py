"""What any list goes by: filters, an order, and a place to go on from.

A page begins where the one before ended (a cursor names the row), so that its cost does
not grow with what lies before it, and nothing is shown twice when rows are added.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeAlias, TypeVar

from django.db import models
from django.db.models import Q

from clients_app.models.search_text import Terms, terms_of

PAGE_SIZE = 50
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Key: TypeAlias = datetime | str
Row = TypeVar("Row", bound=models.Model)
Rows = TypeVar("Rows", bound="models.QuerySet[Any]")


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to. Empty means any; `until` is the first moment after.

    Only public signups have a campaign: with one, the source is not asked again.
    """

    q: str = ""
    status: str = ""
    type: str = ""
    source: str = ""
    campaign: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def terms(self) -> Terms:
        """Return the search, taken apart."""
        return terms_of(self.q)

    @property
    def searches(self) -> bool:
        """Say whether there is anything to search for."""
        return bool(self.terms.words)

    @property
    def by_date(self) -> bool:
        """Say whether the list is narrowed by when clients were added."""
        return self.since is not None or self.until is not None

    @property
    def choices(self) -> dict[str, str]:
        """Return the filters that name one value of a column."""
        named = {"status": self.status, "type": self.type, "source": self.source}
        return {column: value for column, value in named.items() if value}


@dataclass(frozen=True)
class Sort:
    """The order of a list; ties are broken by id, so that the order is total."""

    name: str
    column: str
    descending: bool

    @classmethod
    def named(cls, name: str) -> Sort | None:
        """Return the order for an address' `sort`, or None when there is no such one.

        `added`, `name` and `number`; with a - before it, the highest comes first.
        """
        column = _COLUMNS.get(name.removeprefix("-"))
        if column is None or name.startswith("--"):
            return None
        return cls(name, column, name.startswith("-"))

    @property
    def by_age(self) -> bool:
        """Say whether the list is in order of adding."""
        return self.column == "created_at"

    def order(self, *, backwards: bool = False) -> tuple[str, str]:
        """Return the order_by() arguments, turned round for a walk backwards."""
        sign = "-" if self.descending != backwards else ""
        return f"{sign}{self.column}", f"{sign}id"

    def falls(self, cursor: Cursor | None) -> bool:
        """Say whether a walk on from a cursor goes from high keys to low ones."""
        return self.descending != (cursor is not None and cursor.backwards)

    def own(self, cursor: Cursor | None) -> Cursor | None:
        """Return a cursor of this order; None for one of another, which leads nowhere."""
        return cursor if cursor and cursor.column == self.column else None


_COLUMNS = {"added": "created_at", "name": "name_key", "number": "number"}
NEWEST_FIRST = Sort("-added", "created_at", True)
OLDEST_FIRST = Sort("added", "created_at", False)


_MOMENTS = ("created_at", "decided_at", "at")
_TEXTS = ("name_key", "number")


@dataclass(frozen=True)
class Cursor:
    """A place in a list: what comes after this row, or before it."""

    column: str
    key: Key
    id: int
    backwards: bool = False

    @classmethod
    def at(cls, row: models.Model, sort: Sort, *, backwards: bool = False) -> Cursor:
        """Return the place of a row in a list."""
        return cls(sort.column, getattr(row, sort.column), row.pk, backwards)

    def encode(self) -> str:
        """Return the cursor as it stands in an address."""
        key = (
            (self.key - _EPOCH) // timedelta(microseconds=1)
            if isinstance(self.key, datetime)
            else self.key
        )
        place = [self.column, key, self.id, int(self.backwards)]
        text = json.dumps(place, separators=(",", ":"))
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Cursor | None:
        """Read a cursor from an address; None for anything that is not one."""
        if not text or len(text) > 3_000:
            return None
        try:
            padded = text + "=" * (-len(text) % 4)
            place = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
            column, key, row, backwards = place
        except (ValueError, TypeError, binascii.Error, RecursionError):
            return None
        if type(row) is not int or not 0 <= row < 2**62 or backwards not in (0, 1):
            return None
        if column in _MOMENTS and type(key) is int and 0 <= key < 2**57:
            moment = _EPOCH + timedelta(microseconds=key)
            return cls(column, moment, row, bool(backwards))
        if column in _TEXTS and isinstance(key, str) and len(key) <= 400:
            try:
                key.encode()
            except UnicodeEncodeError:
                return None
            if "\x00" not in key:
                return cls(column, key, row, bool(backwards))
        return None


def beyond(rows: Rows, sort: Sort, cursor: Cursor | None) -> Rows:
    """Return what lies beyond a cursor of this order, in the order of the walk.

    That is turned round where the cursor looks back. None: from the beginning on.
    """
    rows = rows.order_by(*sort.order(backwards=bool(cursor and cursor.backwards)))
    if cursor is None:
        return rows
    sign = "lt" if sort.falls(cursor) else "gt"
    # The first bound is redundant, but only it is a range of an index.
    return rows.filter(
        Q(**{f"{sort.column}__{sign}e": cursor.key}),
        Q(**{f"{sort.column}__{sign}": cursor.key}) | Q(**{f"id__{sign}": cursor.id}),
    )


def beyond_sql(sort: Sort, cursor: Cursor) -> str:
    """Return the bounds of `beyond` as SQL; its parameters are the key twice and the id."""
    column, sign = sort.column, "<" if sort.falls(cursor) else ">"
    return f" AND {column} {sign}= %s AND ({column} {sign} %s OR id {sign} %s)"


@dataclass(frozen=True)
class Slice(Generic[Row]):
    """Rows of a list in its order, and the cursors of what lies before and after them."""

    rows: list[Row]
    newer: str | None
    older: str | None


def slice_of(
    rows: list[Row], sort: Sort, cursor: Cursor | None, *, more: bool = False
) -> Slice[Row]:
    """Return a page of rows, which a walk on from the cursor has read in its order.

    They are one more than a page shows where there is more, or `more` says so.
    """
    more = more or len(rows) > PAGE_SIZE
    rows = rows[:PAGE_SIZE]
    backwards = cursor is not None and cursor.backwards
    if backwards:
        rows = rows[::-1]
    before = more if backwards else cursor is not None
    after = backwards or more
    return Slice(
        rows,
        Cursor.at(rows[0], sort, backwards=True).encode() if before and rows else None,
        Cursor.at(rows[-1], sort).encode() if after and rows else None,
    )
