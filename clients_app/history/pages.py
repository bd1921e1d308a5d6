"""The pages of the history: filters, search and order at a cost that never grows.

A page reads what it shows and little more, at ten rows as at ten million: key ranges of
one index per sort order, merged over the filters' values; for a search, the hits of the
search index as long as they can be sorted, else the newest of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from clients_app.history.keys import KeyRanges
from clients_app.models import Organisation, Submission
from clients_app.models.listing import (
    NEWEST_FIRST,
    PAGE_SIZE,
    Cursor,
    Filters,
    Sort,
    beyond,
    slice_of,
)
from clients_app.models.search_index import newest_hits
from clients_app.models.search_marks import Scope
from clients_app.models.submission import SubmissionQuerySet

HITS_CAP = 500
"""A search by age looks at so many hits at most; the page then says "500+ clients"."""
SORT_CAP = 5_000
"""So many clients found by a search or a date can still be sorted by name or number."""
LOOKS = (1_000, 4_000)
"""How many rows are read, in two goes, where no index gives the next page."""
ID_SLACK = 1_000
"""Ids follow the time of adding up to so many rows."""
_ANY_ID = (0, 2**62)


@dataclass(frozen=True)
class Page:
    """One page of the list.

    `newer` and `older` are the cursors of the pages beside it, None where there is
    none. `count` is how many clients match; with `capped`, there are more than that.
    `sort` is the order shown, which is by age where too many match for another
    (`too_many`). `looked_through` is set when only so many clients were read, so that
    the page may be short although more follow.
    """

    rows: Sequence[Submission]
    newer: str | None
    older: str | None
    count: int
    capped: bool
    sort: Sort
    too_many: bool = False
    looked_through: int = 0


def page_of(
    organisation: Organisation,
    filters: Filters,
    sort: Sort = NEWEST_FIRST,
    cursor: Cursor | None = None,
) -> Page:
    """Return the page of an organisation's clients that a cursor points at.

    A cursor of another order gives the first page, and so does one that leads nowhere
    (of a search: an empty page with the way back).
    """
    page = _Walk(organisation, filters, sort, cursor).page()
    if not page.rows and cursor is not None and not filters.searches:
        page = _Walk(organisation, filters, sort, None).page()
    return page


@dataclass
class _Found:
    """Ids in the order of the walk, one more than a page shows where there is more."""

    ids: list[int]
    more: bool = False
    last_read: int | None = None
    looked_through: int = 0


@dataclass
class _Walk:
    """The making of one page. `cursor` is dropped when it belongs to another order."""

    organisation: Organisation
    filters: Filters
    sort: Sort
    cursor: Cursor | None
    too_many: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.own: SubmissionQuerySet = self.organisation.submissions.all()
        self.keys = KeyRanges(self.own, self.organisation.pk)

    def page(self) -> Page:
        """Find the rows and the count, in the way that suits the filters."""
        if self.filters.searches:
            found, count, capped = self._searched()
        elif self.filters.by_date and not self.sort.by_age:
            found, count, capped = self._of_dates()
        else:
            self._settle()
            found = self._next_in_order()
            count, capped = self.keys.count(self.filters)
        return self._assemble(found, count, capped)

    def _settle(self, *, fall_back: bool = False) -> None:
        """Fix the order, by age where `fall_back` says so; drop a cursor of another."""
        if fall_back and not self.sort.by_age:
            self.sort, self.too_many = NEWEST_FIRST, True
        self.cursor = self.sort.own(self.cursor)

    @property
    def _backwards(self) -> bool:
        return self.cursor is not None and self.cursor.backwards

    @property
    def _falling(self) -> bool:
        """Say whether the walk goes from high keys to low ones."""
        return self.sort.falls(self.cursor)

    def _next_in_order(self, prefix: str = "") -> _Found:
        rows = self.keys.in_order(
            self.filters,
            self.sort,
            self.cursor,
            PAGE_SIZE + 1,
            prefix=prefix,
        )
        ids = [row[0] for row in rows]
        return _Found(ids[:PAGE_SIZE], len(ids) > PAGE_SIZE)

    def _of_these(self, ids: Sequence[int]) -> _Found:
        """Return the next page of a set of ids that is small enough to be sorted."""
        rows = self.own.among(ids).chosen(self.filters)
        page = beyond(rows, self.sort, self.cursor)
        pks = list(page.values_list("pk", flat=True)[: PAGE_SIZE + 1])
        return _Found(pks[:PAGE_SIZE], len(pks) > PAGE_SIZE)

    def _of_dates(self) -> tuple[_Found, int, bool]:
        """Sort by name or number what was added in some days, if it is not too much."""
        added = self.keys.in_order(self.filters, NEWEST_FIRST, None, SORT_CAP + 1)
        self._settle(fall_back=len(added) > SORT_CAP)
        if self.too_many:
            count, capped = self.keys.count(self.filters)
            return self._next_in_order(), count, capped
        return self._of_these([row[0] for row in added]), len(added), False

    def _searched(self) -> tuple[_Found, int, bool]:
        terms = self.filters.terms
        if terms.prefix and self.sort.column == "name_key" and terms.prefix.isalpha():
            self._settle()
            count, capped = self.keys.count(self.filters, terms.prefix)
            return self._next_in_order(prefix=terms.prefix), count, capped
        exact = self._of_number()
        cap = HITS_CAP if self.sort.by_age else SORT_CAP
        hits = exact or self._newest(cap + 1, _ANY_ID, descending=True)
        if len(hits) <= cap:
            self._settle()
            count = self.own.among(hits).chosen(self.filters).count()
            return self._of_these(hits), count, False
        self._settle(fall_back=True)
        if self.filters.campaign:
            # The search index knows no campaigns, and of so many hits few may be of this.
            cap = self.own.among(hits).chosen(self.filters).count()
            return self._looked(), cap, True
        return self._by_age(hits[: HITS_CAP + 1]) or self._looked(), cap, True

    def _of_number(self) -> list[int]:
        """Return the clients whose whole number this is, the commonest search of all."""
        typed = self.filters.q.strip()
        if not any(char.isdigit() for char in typed):
            return []
        forms = {typed, typed.upper(), typed.lower()}
        return list(self.own.filter(number__in=forms).values_list("pk", flat=True)[:50])

    def _newest(
        self, limit: int, ids: tuple[int, int], *, descending: bool
    ) -> list[int]:
        return newest_hits(
            self.filters.terms,
            Scope(self.organisation.pk, **self.filters.choices),
            limit,
            ids=ids,
            descending=descending,
            using=self.own.db,
        )

    def _by_age(self, hits: list[int]) -> _Found | None:
        """Return the page from the hits next to the cursor, where ids follow time."""
        newest = hits
        if self.cursor or self.filters.by_date or not self._falling:
            hits = self._newest(
                HITS_CAP + 1, self._id_range(), descending=self._falling
            )
        if not self._ids_follow_time(newest, hits):
            return None
        found = self._of_these(hits)
        if len(hits) > HITS_CAP:
            # More hits lie further on: the page must not come near where these end.
            middle = hits[HITS_CAP // 2]
            near = any((pk < middle) == self._falling for pk in found.ids)
            if near or not found.more:
                return None
        return found

    def _ids_follow_time(self, *hits: list[int]) -> bool:
        """Say whether of some hits a higher id was, but for a few, added later."""
        sample = {pk for some in hits for pk in some[:: len(some) // 25 + 1]}
        rows = self.own.among(sample).order_by("pk")
        times = list(rows.values_list("created_at", flat=True))
        backwards = sum(late < early for early, late in itertools.pairwise(times))
        return backwards * 10 <= len(times)

    def _id_range(self) -> tuple[int, int]:
        """Return the ids between which the rest of the walk must lie, with some slack."""
        low, high = _ANY_ID
        if self.filters.by_date:
            low, high = self.keys.ends(self.filters)
            low, high = low - ID_SLACK, high + ID_SLACK
        if self.cursor and self._falling:
            high = min(high, self.cursor.id + ID_SLACK)
        elif self.cursor:
            low = max(low, self.cursor.id - ID_SLACK)
        return max(low, 0), high

    def _looked(self) -> _Found:
        """Read rows in order until a page is full, but only so many."""
        found: list[int] = []
        place, looked = self.cursor, 0
        for amount in LOOKS:
            rows = self.keys.in_order(
                self.filters, self.sort, place, amount + 1, looking=True
            )
            ended = len(rows) <= amount
            rows = rows[:amount]
            found += [row[0] for row in rows if row[2]]
            looked += len(rows)
            if len(found) > PAGE_SIZE or ended:
                return _Found(found[:PAGE_SIZE], len(found) > PAGE_SIZE)
            pk, key, _hit = rows[-1]
            place = Cursor(self.sort.column, key, pk, self._backwards)
        return _Found(found, True, rows[-1][0], looked)

    def _assemble(self, found: _Found, count: int, capped: bool) -> Page:
        by_id = {row.pk: row for row in self.own.for_list(found.ids)}
        read = [by_id[pk] for pk in found.ids if pk in by_id]
        part = slice_of(read, self.sort, self.cursor, more=found.more)
        rows, newer, older = part.rows, part.newer, part.older
        if not rows and self.cursor is not None:
            way_back = replace(self.cursor, backwards=not self._backwards).encode()
            newer, older = (None, way_back) if self._backwards else (way_back, None)
        if found.last_read is not None:
            last = self.own.only("pk", self.sort.column).get(pk=found.last_read)
            back, on = (
                Cursor.at(last, self.sort, backwards=way).encode()
                for way in (True, False)
            )
            newer = back if self._backwards or not rows else newer
            older = on if not self._backwards or not rows else older
        return Page(
            rows, newer, older, count, capped, self.sort, self.too_many,
            found.looked_through,
        )  # fmt: skip
