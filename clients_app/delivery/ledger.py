"""The balance: accepted = created + waiting + needs a person + closed. It must add up.

"Accepted" is counted from the audit trail, the rest from the submissions, so that a row
that vanished is seen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Count
from django.db.models.functions import TruncDate

from clients_app.models import (
    NEEDS_PERSON,
    WAITING,
    AuditEvent,
    Organisation,
    Status,
    Submission,
)


@dataclass(frozen=True)
class DayBalance:
    """One organisation's day."""

    organisation: str
    day: date
    accepted: int
    created: int
    waiting: int
    needs_person: int
    closed: int

    @property
    def adds_up(self) -> bool:
        """Say whether every accepted submission is accounted for."""
        parts = self.created + self.waiting + self.needs_person + self.closed
        return self.accepted == parts


@dataclass(frozen=True)
class OpenNow:
    """How many submissions of an organisation are not closed yet, of whatever day."""

    waiting: int
    needs_person: int


def balance() -> Iterator[DayBalance]:
    """Yield a line per organisation and day (in its time zone), oldest first."""
    for organisation in Organisation.objects.order_by("slug"):
        yield from days_of(organisation)


def days_of(
    organisation: Organisation, since: date | None = None, until: date | None = None
) -> Iterator[DayBalance]:
    """Yield the lines of an organisation's days, oldest first; `until` is included.

    The cost is that of what came in between the two days.
    """
    zone = ZoneInfo(organisation.time_zone)
    events = AuditEvent.objects.filter(
        organisation_id=organisation.pk, action="submission.accepted"
    )
    rows = Submission.objects.filter(organisation=organisation)
    if since is not None:
        start = datetime.combine(since, time(), zone)
        events, rows = events.filter(at__gte=start), rows.filter(created_at__gte=start)
    if until is not None:
        end = datetime.combine(until + timedelta(days=1), time(), zone)
        events, rows = events.filter(at__lt=end), rows.filter(created_at__lt=end)
    accepted: Counter[date] = Counter()
    for day, count in (
        events.order_by()
        .annotate(day=TruncDate("at", tzinfo=zone))
        .values_list("day")
        .annotate(count=Count("pk"))
    ):
        accepted[day] = count
    statuses: dict[date, Counter[str]] = defaultdict(Counter)
    for day, status, count in (
        rows.order_by()
        .annotate(day=TruncDate("created_at", tzinfo=zone))
        .values_list("day", "status")
        .annotate(count=Count("pk"))
    ):
        statuses[day][status] += count
    for day in sorted(accepted.keys() | statuses.keys()):
        found = statuses[day]
        yield DayBalance(
            organisation.slug,
            day,
            accepted[day],
            created=found[Status.CREATED],
            waiting=sum(found[status] for status in WAITING),
            needs_person=sum(found[status] for status in NEEDS_PERSON),
            closed=found[Status.REJECTED] + found[Status.DROPPED],
        )


def day_of(organisation: Organisation, day: date) -> DayBalance:
    """Return one day's line, with zeros for a day on which nothing came in."""
    return next(
        days_of(organisation, day, day),
        DayBalance(organisation.slug, day, 0, 0, 0, 0, 0),
    )


def open_now(organisation: Organisation) -> OpenNow:
    """Count what is not closed yet, from all days."""
    still_open = organisation.submissions.filter(
        status__in=(*WAITING, *NEEDS_PERSON)
    ).order_by()
    counts = dict(still_open.values_list("status").annotate(count=Count("pk")))
    return OpenNow(
        sum(counts.get(status, 0) for status in WAITING),
        sum(counts.get(status, 0) for status in NEEDS_PERSON),
    )
