"""The balance: accepted = created + waiting + needs a person + closed. It must add up.

"Accepted" is counted from the audit trail, the rest from the submissions, so that a row
that vanished is seen.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
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
class Line:
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


def balance() -> Iterator[Line]:
    """Yield a line per organisation and day (in its time zone), oldest first."""
    for organisation in Organisation.objects.order_by("slug"):
        zone = ZoneInfo(organisation.time_zone)
        accepted: Counter[date] = Counter()
        events = AuditEvent.objects.filter(
            organisation_id=organisation.pk, action="submission.accepted"
        )
        for day, count in (
            events.annotate(day=TruncDate("at", tzinfo=zone))
            .values_list("day")
            .annotate(count=Count("pk"))
        ):
            accepted[day] = count
        statuses: dict[date, Counter[str]] = defaultdict(Counter)
        for day, status, count in (
            Submission.objects.filter(organisation=organisation)
            .annotate(day=TruncDate("created_at", tzinfo=zone))
            .values_list("day", "status")
            .annotate(count=Count("pk"))
        ):
            statuses[day][status] += count
        for day in sorted(accepted.keys() | statuses.keys()):
            found = statuses[day]
            yield Line(
                organisation.slug,
                day,
                accepted[day],
                created=found[Status.CREATED],
                waiting=sum(found[status] for status in WAITING),
                needs_person=sum(found[status] for status in NEEDS_PERSON),
                closed=found[Status.REJECTED] + found[Status.DROPPED],
            )
