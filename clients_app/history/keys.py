# ruff: noqa: S608 - only names of our own go into the SQL, values never do
"""Reads of the indexes of the history table: whole key ranges, nothing between.

What a page, an export or a figure of the overview costs is what is asked for here: so
many rows from one place of an index on, at ten rows as at ten million.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections

from clients_app.models import Organisation
from clients_app.models.listing import (
    NEWEST_FIRST,
    Cursor,
    Filters,
    Key,
    Sort,
    beyond_sql,
)
from clients_app.models.search_index import BODY
from clients_app.models.search_text import Terms
from clients_app.models.submission import SubmissionQuerySet

COUNT_CAP = 10_000
"""Counting stops here; the page then says "10,000+ clients"."""
_LAST_CHARACTER = "\U0010ffff"


@dataclass
class KeyRanges:
    """The clients of one organisation, read by the ranges of the table's indexes."""

    own: SubmissionQuerySet
    organisation_id: int

    def __post_init__(self) -> None:
        self.connection = connections[self.own.db]
        self.table = self.own.model._meta.db_table
        self.sqlite = self.connection.vendor == "sqlite"

    def in_order(
        self,
        filters: Filters,
        sort: Sort,
        cursor: Cursor | None,
        limit: int,
        *,
        prefix: str = "",
        looking: bool = False,
    ) -> list[tuple[Any, ...]]:
        """Return up to `limit` rows (id, key, hit) beyond a cursor, in the order walked.

        Filters that leave a column open are served by merging the ranges of each of its
        values. `prefix` bounds the sort key; `looking` marks the hits of the search,
        without it `hit` is 1.
        """
        where, bounds = self._bounds(filters, sort, cursor, prefix)
        hit, texts = self._hit(filters.terms) if looking else ("1", [])
        branches, parameters = [], []
        direction = "DESC" if sort.falls(cursor) else "ASC"
        order = f" ORDER BY 2 {direction}, 1 {direction}"
        for choice in self._choices(filters):
            equal = "".join(f" AND {column} = %s" for column in choice)
            branch = (
                f"SELECT id, {sort.column}, {hit} FROM {self._from(sort, choice)}"
                f" WHERE organisation_id = %s{equal}{where}"
            )
            branches.append(branch)
            parameters += [*texts, self.organisation_id, *choice.values(), *bounds]
        if len(branches) > 1 and not self.sqlite:
            # PostgreSQL merges branches only if it is told that each is in order.
            branches = [f"({branch}{order})" for branch in branches]
        sql = f"{' UNION ALL '.join(branches)}{order} LIMIT %s"
        return self._rows(sql, [*parameters, limit])

    def ends(self, filters: Filters) -> tuple[int, int]:
        """Return the first and the last id that were added in the days chosen; 0 for none."""
        where, bounds = self._bounds(
            Filters(since=filters.since, until=filters.until),
            NEWEST_FIRST,
            None,
            "",
        )
        ends = [
            f"(SELECT id FROM {self._from(NEWEST_FIRST, {})} WHERE organisation_id = %s"
            f"{where} ORDER BY created_at {way}, id {way} LIMIT 1)"
            for way in ("ASC", "DESC")
        ]
        parameters = [self.organisation_id, *bounds] * 2
        first, last = self._rows(f"SELECT {', '.join(ends)}", parameters)[0]
        return first or 0, last or 0

    def count(self, filters: Filters, prefix: str = "") -> tuple[int, bool]:
        """Count what the filters leave, up to the cap; say whether there is more."""
        sort = Sort("", "name_key", False) if prefix else NEWEST_FIRST
        where, bounds = self._bounds(filters, sort, None, prefix)
        values = self._values(filters)
        chosen = ""
        parameters: list[Any] = [self.organisation_id]
        for column, allowed in values.items():
            chosen += f" AND {column} IN ({', '.join(['%s'] * len(allowed))})"
            parameters += allowed
        sql = (
            f"SELECT COUNT(*) FROM (SELECT 1 FROM {self._from(sort, values)}"
            f" WHERE organisation_id = %s{chosen}{where} LIMIT %s) AS counted"
        )
        found = int(self._rows(sql, [*parameters, *bounds, COUNT_CAP + 1])[0][0])
        return min(found, COUNT_CAP), found > COUNT_CAP

    def _rows(self, sql: str, parameters: list[Any]) -> list[tuple[Any, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(sql, parameters)
            return list(cursor.fetchall())

    def _values(self, filters: Filters) -> dict[str, list[str]]:
        """Return the values of each column of the index that the filters allow."""
        if not filters.choices and not filters.campaign:
            return {}
        chosen: dict[str, list[str]] = {}
        if filters.campaign:
            chosen["campaign"] = [filters.campaign]
        for column in ("status", "type", *(() if filters.campaign else ("source",))):
            value = filters.choices.get(column)
            every: Any = self.own.model._meta.get_field(column)
            chosen[column] = [value] if value else [one for one, _ in every.flatchoices]
        return chosen

    def _choices(self, filters: Filters) -> Iterator[dict[str, str]]:
        """Yield every combination of values that the filters allow."""
        values = self._values(filters)
        for combination in itertools.product(*values.values()):
            yield dict(zip(values, combination, strict=True))

    def _from(self, sort: Sort, choice: dict[str, Any]) -> str:
        """Return the table, for SQLite with the index that is in the order asked for."""
        if not self.sqlite:
            return self.table
        name = {"created_at": "added", "name_key": "name", "number": "number"}
        kind = "submission_some_" if choice else "submission_"
        if "campaign" in choice:
            kind = "submission_campaign_"
            name = {column: index[:3] for column, index in name.items()}
        return f"{self.table} INDEXED BY {kind}{name[sort.column]}"

    def _bounds(
        self,
        filters: Filters,
        sort: Sort,
        cursor: Cursor | None,
        prefix: str,
    ) -> tuple[str, list[Any]]:
        where, bounds = "", []
        if filters.campaign:
            # The index holds only rows with one: said in its own words, or it is not used.
            # All of them came through one door: another leaves nothing.
            where += " AND NOT (campaign = '')"
            if filters.source not in ("", "signup"):
                where += " AND 1 = 0"
        if filters.since:
            where += " AND created_at >= %s"
            bounds.append(self._value(filters.since))
        if filters.until:
            where += " AND created_at < %s"
            bounds.append(self._value(filters.until))
        if prefix:
            where += f" AND {sort.column} >= %s AND {sort.column} < %s"
            bounds += [prefix, prefix + _LAST_CHARACTER]
        if cursor:
            where += beyond_sql(sort, cursor)
            bounds += [self._value(cursor.key), self._value(cursor.key), cursor.id]
        return where, bounds

    def _value(self, key: Key) -> Any:
        if isinstance(key, datetime):
            return self.connection.ops.adapt_datetimefield_value(key)
        return key

    def _hit(self, terms: Terms) -> tuple[str, list[str]]:
        """Return an SQL expression that is true for a row the search is after."""
        position = "instr" if self.sqlite else "strpos"
        one = f"{position}({BODY}, %s) > 0"
        return f"({' AND '.join([one] * len(terms.words))})", list(terms.words)


def newest_ids(organisation: Organisation, status: str, limit: int) -> list[int]:
    """Return the ids of up to `limit` submissions in one status, newest first."""
    own: SubmissionQuerySet = organisation.submissions.all()
    keys = KeyRanges(own, organisation.pk)
    rows = keys.in_order(Filters(status=status), NEWEST_FIRST, None, limit)
    return [row[0] for row in rows]
