"""Numbers at a glance for one organisation, at a cost that its history does not raise.

Counts come from key ranges of an index, each up to a cap; times from the newest clients.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import connection
from django.utils import timezone

from clients_app.history.keys import newest_ids
from clients_app.models import (
    ClientTypeChoice,
    Organisation,
    Source,
    Status,
    Submission,
)

DAYS = 30
CELL_CAP = 2_000
"""A day counts up to so many of one status, type and source: more than an import is."""
SAMPLE = 500
"""So many of the newest clients give the times and the reasons."""


@dataclass(frozen=True)
class Day:
    """How many clients were added on a day, by source.

    `by_source` has every source. A number stops growing at `CELL_CAP` for each status
    and type.
    """

    day: date
    by_source: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.by_source.values())


def days(organisation: Organisation, now: datetime | None = None) -> list[Day]:
    """Return the last thirty days, the oldest first, in the time zone in force."""
    today = timezone.localdate(now or timezone.now())
    dates = [today - timedelta(days=back) for back in reversed(range(DAYS))]
    edges = [
        timezone.make_aware(datetime.combine(day, time.min))
        for day in [*dates, today + timedelta(days=1)]
    ]
    adapt = connection.ops.adapt_datetimefield_value
    bounds = [str(adapt(edge)) for edge in edges]
    counted = _counted(organisation, bounds)
    return [
        Day(day, {source: counted.get((at, source), 0) for source in Source.values})
        for at, day in enumerate(dates)
    ]


def _counted(
    organisation: Organisation, bounds: Sequence[str]
) -> dict[tuple[int, str], int]:
    """Count by (day, source): one range of the index submission_some_added per cell."""
    table = connection.ops.quote_name(Submission._meta.db_table)
    moment = "%s" if connection.vendor == "sqlite" else "%s::timestamptz"
    spans = ", ".join([f"(%s, {moment}, {moment})"] * (len(bounds) - 1))
    kinds = ", ".join(
        f"('{status}', '{type_}', '{source}')"
        for status in Status.values
        for type_ in ClientTypeChoice.values
        for source in Source.values
    )
    number = "" if connection.vendor == "sqlite" else "::int"
    sql = (
        f"WITH spans(day, since, until) AS (VALUES {spans}),"  # noqa: S608
        f" kinds(status, type, source) AS (VALUES {kinds})"
        f" SELECT day{number}, source, SUM((SELECT COUNT(*) FROM (SELECT 1 FROM {table} AS s"
        " WHERE s.organisation_id = %s AND s.status = kinds.status"
        " AND s.type = kinds.type AND s.source = kinds.source"
        " AND s.created_at >= spans.since AND s.created_at < spans.until"
        f" LIMIT {CELL_CAP}) AS counted)) FROM spans CROSS JOIN kinds GROUP BY day, source"
    )
    parameters: list[int | str] = []
    for at in range(len(bounds) - 1):
        parameters += [at, bounds[at], bounds[at + 1]]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*parameters, organisation.pk])
        return {(int(day), source): int(n) for day, source, n in cursor.fetchall()}


@dataclass(frozen=True)
class Times:
    """How long clients took from the form to the number, in seconds; of how many."""

    median: float
    slow: float
    count: int


def times(organisation: Organisation) -> Times | None:
    """Return p50 and p95 of the newest created clients; None when there are none."""
    ids = newest_ids(organisation, Status.CREATED, SAMPLE)
    rows = organisation.submissions.among(ids).filter(delivered_at__isnull=False)
    took = sorted(
        max(0.0, (delivered - created).total_seconds())
        for created, delivered in rows.values_list("created_at", "delivered_at")
        if delivered
    )
    if not took:
        return None
    return Times(
        took[(len(took) - 1) // 2],
        took[min(len(took) - 1, int(len(took) * 0.95))],
        len(took),
    )


def refusals(organisation: Organisation) -> list[tuple[str, str, int]]:
    """Return what Heffl refused and nobody has corrected: field, problem, how many.

    The ten commonest of the newest `SAMPLE`, the commonest first; "" for no one field.
    """
    ids = newest_ids(organisation, Status.NEEDS_FIX, SAMPLE)
    rows = organisation.submissions.among(ids)
    counted = Counter(rows.values_list("problem_field", "problem"))
    return [(field, problem, n) for (field, problem), n in counted.most_common(10)]
