# ruff: noqa: T201
"""What "is this a client already?" costs at 1,000 and at many clients, side by side.

    DATABASE_URL=sqlite:////tmp/bench.sqlite3 python -m benchmarks.duplicates [--rows 1000000]

Fills the database it is given, which must be empty, as benchmarks/history.py does; then
asks about clients that are there by every mark, about a very common name, and about nobody.
Median and slowest in milliseconds of the whole look-up, and its queries.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import sys
import time

from benchmarks.history import DatabaseTime, fill  # sets Django up

# isort: split
from django.core.management import call_command
from django.db import connection

from clients_app.intake.duplicates import likely_matches, remember
from clients_app.models import ClientKey, Organisation, Submission, User

ASKED = 200
BATCH = 2_000


def _cases(organisation: Organisation) -> dict[str, list[dict[str, str]]]:
    """Return what is asked, by its name in the table."""
    step = max(1, organisation.submissions.count() // ASKED)
    first = organisation.submissions.order_by("pk").values_list("pk", flat=True)[0]
    ids = range(first, first + step * ASKED, step)
    rows = list(organisation.submissions.filter(pk__in=ids))
    every = [
        {"type": row.type, **{k: str(v) for k, v in row.answers.items()}}
        for row in rows
    ]
    return {
        "by every mark": every,
        "a common name": [{"type": "contact", "name": "Sara Khan"}] * ASKED,
        "a common company": [{"type": "company", "name": "Gulf Star Trading LLC"}]
        * ASKED,
        "nobody": [
            {
                "type": "contact",
                "name": f"Nobody {at}",
                "email": f"nobody{at}@example.org",
                "phone": f"+4420{at:08d}",
                "tax_number": f"7{at:014d}",
            }
            for at in range(ASKED)
        ],
    }


def _mark_all() -> None:
    """Store the marks of every client, a batch at a time."""
    last = 0
    rows = Submission.objects.order_by("pk")
    while batch := list(rows.filter(pk__gt=last)[:BATCH]):
        last = batch[-1].pk
        remember(batch)


def run(organisation: Organisation) -> dict[str, tuple[float, float, int]]:
    """Measure every case: median, slowest, most queries."""
    table = {}
    for name, questions in _cases(organisation).items():
        likely_matches(organisation, **questions[0])
        took, most = [], 0
        for question in questions:
            spent = DatabaseTime()
            started = time.perf_counter()
            with connection.execute_wrapper(spent):
                likely_matches(organisation, **question)
            took.append((time.perf_counter() - started) * 1000)
            most = max(most, spent.statements)
        table[name] = statistics.median(took), max(took), most
    return table


def main() -> None:
    """Fill, measure, fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    if Submission.objects.exists():
        raise SystemExit("The database is not empty.")
    organisation = Organisation.objects.create(name="bench", slug="bench")
    person = User.objects.create_user("bench@example.test", name="Hana")
    tables = []
    for rows in (1_000, options.rows):
        fill(rows, [(organisation, person, 1)])
        started = time.perf_counter()
        _mark_all()
        seconds = time.perf_counter() - started
        with connection.cursor() as cursor:
            postgresql = connection.vendor == "postgresql"
            cursor.execute("VACUUM ANALYZE" if postgresql else "ANALYZE")
        marks = ClientKey.objects.count()
        print(f"{rows:,} clients, {marks:,} marks in {seconds:.0f} s", file=sys.stderr)
        tables.append(run(organisation))
    print(f"{connection.vendor}: 1,000 clients against {options.rows:,}; ms")
    for name, (median, slowest, queries) in tables[1].items():
        before = tables[0][name]
        print(
            f"{name:20} median {before[0]:6.2f} {median:6.2f}"
            f"   slowest {before[1]:6.2f} {slowest:6.2f}   queries {queries}"
        )


if __name__ == "__main__":
    main()
