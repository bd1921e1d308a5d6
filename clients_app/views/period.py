"""`from` and `to`: the one reader of the days that a list is narrowed to.

A day is understood however it is written, as on the forms. One that is not is named at its
field and stays there as it was typed, and the list is not narrowed by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app.questions.text import UnusableText, clean_text, iso_date

YEARS = range(1970, 9999)
"""The years that every database and time zone can hold, with a day to spare."""
LONGEST_KEPT = 40
"""So many characters of what is no day are shown again."""
LONGEST_DAY = 100
"""What is longer is no day, whatever comes out when it is cleaned."""


@dataclass(frozen=True)
class Period:
    """What was asked for: as it stands in the fields, what it means, and what is wrong.

    `typed` and `errors` go by "from" and "to"; a day that was understood is typed as ISO
    8601. `since` is the first moment of the period, `until` the first one after it.
    """

    typed: dict[str, str]
    errors: dict[str, str]
    since: datetime | None
    until: datetime | None


def read_period(parameters: Mapping[str, str]) -> Period:
    """Read the `from` and the `to` of an address, both of which belong to the period."""
    typed, errors = {}, {}
    days: dict[str, date | None] = {}
    for name in ("from", "to"):
        text = _visible(parameters.get(name, ""))
        days[name] = day = read_day(text)
        typed[name] = day.isoformat() if day else text[:LONGEST_KEPT]
        if text and day is None:
            errors[name] = _("Enter a real date, like 2026-11-20")
    since, until = days["from"], days["to"]
    if since and until and since > until:
        errors["to"] = _("Enter a date on or after the first one")
        until = None
    return Period(
        typed,
        errors,
        since=_midnight(since) if since else None,
        until=_midnight(until + timedelta(days=1)) if until else None,
    )


def read_day(text: str) -> date | None:
    """Return the day a text names ("٢٠/١١/٢٠٢٦" → 2026-11-20), else None."""
    if len(text) > LONGEST_DAY:
        return None
    try:
        found = iso_date(clean_text(text))
    except UnusableText:
        return None
    day = date.fromisoformat(found) if found else None
    return day if day and day.year in YEARS else None


def _visible(text: str) -> str:
    """Return what was typed without the blanks around it; "" when nothing can be seen."""
    text = text.replace("\x00", "").strip()
    try:
        return text if clean_text(text[:LONGEST_DAY]) else ""
    except UnusableText:
        return text


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
