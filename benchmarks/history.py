# ruff: noqa: S608, SIM905, T201
"""What pages of the history table cost at 1,000 and at many rows, side by side.

    DATABASE_URL=sqlite:////tmp/bench.sqlite3 python -m benchmarks.history [--rows 1000000]

Fills the database it is given, which must be empty, so never point it at a real one. The
rows belong to one organisation among others; medians in milliseconds, of the database's
part and of the whole page.
"""

from __future__ import annotations

import argparse
import itertools
import logging
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heffl_portal.settings")
os.environ["MFA_REQUIRED_ROLES"] = ""

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.urls import reverse  # noqa: E402

from clients_app.history.pages import page_of  # noqa: E402
from clients_app.models import (  # noqa: E402
    Membership,
    Organisation,
    Role,
    Submission,
    User,
    search_index,
)
from clients_app.models.listing import Cursor, Filters  # noqa: E402
from clients_app.models.search_text import (  # noqa: E402
    name_key_for,
    search_text_for,
)

FIRST = (
    "Sara Omar Hana Priya Karim Fatima Mohammed Aisha Yusuf Layla John Maria Chen Olga "
    "Ahmed Noor Rashid Salma Tariq Zainab Bilal Dana Elias Farah Ghassan Huda Imran "
    "محمد فاطمة خالد مريم سارة"
).split()
LAST = (
    "Mansoori Nair Haddad Khan Ali Hassan Smith Garcia Wang Ivanova Suwaidi Maktoum "
    "Qasimi Farsi Rahman Siddiqui Patel Fernandes Silva Novak المنصوري الهاشمي"
).split()
WORDS = (
    "Noor Gulf Star Meridian Oasis Blue Dune Falcon Hatta Jebel Ali Metal Desert Pearl "
    "Marina Palm Royal Crescent Horizon Summit Silver Golden Eagle Atlas Orient Coral "
    "الواحة الخليج النور"
).split()
KINDS = "Trading Logistics Interiors Consulting Works Clinic Foods Motors Media".split()
STATUSES = [
    "CREATED", "QUEUED", "NEEDS_FIX", "UNCERTAIN", "REVIEW", "REJECTED", "DROPPED",
    "PENDING",
]  # fmt: skip
WEIGHTS = [920, 40, 10, 5, 5, 10, 8, 2]
START = datetime(2023, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=1_400)
BATCH = 5_000
BASE = 10_000
"""So many clients are made one by one; more are copies of these, added later."""


def submissions(
    organisation: Organisation, person: User, total: int, span: timedelta
) -> Iterator[Submission]:
    """Yield made-up clients, added evenly over a span."""
    chance = random.Random(7)  # noqa: S311 - made-up clients
    for at in range(total):
        contact = chance.random() < 0.4
        if contact:
            first, last = chance.choice(FIRST), chance.choice(LAST)
            name = f"{first} {last}"
            answers = {
                "first_name": first,
                "last_name": last,
                "email": f"client{at}@example.com",
                "phone": f"+97150{at:07d}",
            }
        else:
            name = (
                f"{chance.choice(WORDS)} {chance.choice(WORDS)} {chance.choice(KINDS)}"
            )
            answers = {"name": name, "tax_number": f"{10**14 + at}"}
        status = chance.choices(STATUSES, WEIGHTS)[0]
        number = f"CLT-{at:07d}" if status == "CREATED" else ""
        source = chance.choices(["frontdesk", "signup", "import"], [60, 10, 30])[0]
        campaign = ("fair", "spring", "")[at % 3] if source == "signup" else ""
        yield Submission(
            organisation=organisation,
            submission_token=f"bench-{at}",
            type="contact" if contact else "company",
            answers=answers,
            display_name=name,
            name_key=name_key_for(name),
            match_key=f"{at:064x}",
            search_text=search_text_for(name, answers, number),
            source=source,
            campaign=campaign,
            lane=0,
            created_by=person,
            created_at=START + span * (at / total),
            status=status,
            number=number,
            heffl_id=f"c{at}" if number else "",
        )


def repeat(organisation: Organisation, copy: int, later: timedelta) -> None:
    """Add the first clients of an organisation once more, under other numbers."""
    mark, seconds = f"{copy:03d}", later.total_seconds()
    changed = {
        "submission_token": f"submission_token || '-{mark}'",
        "search_text": f"replace(replace(search_text, '@', '{mark}@'), '97150', '97{mark}')",
        "number": f"CASE number WHEN '' THEN '' ELSE 'CLT-{mark}' || substr(number, 8) END",
        "heffl_id": f"CASE heffl_id WHEN '' THEN '' ELSE heffl_id || '-{mark}' END",
        "created_at": f"created_at + interval '{seconds} seconds'",
        "uuid": "gen_random_uuid()",
    }
    if connection.vendor == "sqlite":
        shifted = f"strftime('%Y-%m-%d %H:%M:%f000', created_at, '+{seconds} seconds')"
        changed |= {"created_at": shifted, "uuid": "lower(hex(randomblob(16)))"}
    columns = [f.column for f in Submission._meta.concrete_fields if f.column != "id"]
    values = ", ".join(changed.get(column, column) for column in columns)
    quoted = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO clients_app_submission ({quoted}) SELECT {values}"
            " FROM clients_app_submission WHERE organisation_id = %s"
            " AND submission_token NOT LIKE 'bench-%%-%%' ORDER BY id",
            [organisation.pk],
        )


def fill(rows: int, places: list[tuple[Organisation, User, int]]) -> None:
    """Put `rows` rows into the first place, and one of so many into each other one."""
    with connection.schema_editor() as editor:
        search_index.remove(editor)
    Submission.objects.all().delete()
    for organisation, person, share in places:
        total = rows // share
        copies = max(1, total // BASE)
        stream = submissions(organisation, person, total // copies, SPAN / copies)
        while batch := list(itertools.islice(stream, BATCH)):
            Submission.objects.bulk_create(batch)
        for copy in range(1, copies):
            repeat(organisation, copy, SPAN / copies * copy)
    with connection.schema_editor() as editor:
        search_index.install(editor)
    with connection.cursor() as cursor:
        vacuum = "VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE"
        cursor.execute(f"{vacuum} clients_app_submission")


Figures = tuple[float, float, int]


class DatabaseTime:
    """Adds up the time spent in statements."""

    def __init__(self) -> None:
        self.seconds, self.statements = 0.0, 0

    def __call__(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,
        many: bool,
        context: Any,
    ) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - started
            self.statements += 1


def measure(
    client: Client, address: str, repeats: int
) -> tuple[float, float, int, Any]:
    """Return median milliseconds in the database and of the page, queries, answer."""
    database, page, count = [], [], 0
    for _ in range(repeats):
        spent = DatabaseTime()
        started = time.perf_counter()
        with connection.execute_wrapper(spent):
            response = client.get(address)
            body = response.content
        page.append((time.perf_counter() - started) * 1000)
        database.append(spent.seconds * 1000)
        count = spent.statements
        if response.status_code != 200 or not body:
            raise SystemExit(f"{address} answers {response.status_code}")
    return statistics.median(database), statistics.median(page), count


def cases() -> dict[str, dict[str, str]]:
    """Return what is asked of the list, by its name in the table."""
    one = {
        "status=CREATED": {"status": "CREATED"},
        "status=PENDING": {"status": "PENDING"},
        "status=SENDING": {"status": "SENDING"},
        "type=contact": {"type": "contact"},
        "source=signup": {"source": "signup"},
        "campaign=fair": {"campaign": "fair"},
        "from (last days)": {"from": "2026-10-25"},
        "to (first days)": {"to": "2023-01-05"},
        "from+to (a day)": {"from": "2024-02-02", "to": "2024-02-02"},
        "from+to (a year)": {"from": "2024-01-01", "to": "2024-12-31"},
        "q frequent (trading)": {"q": "trading"},
        "q medium (suwaidi)": {"q": "suwaidi"},
        "q rare (client777@)": {"q": "client777@"},
        "q absent": {"q": "xqzwv"},
        "q absent, frequent parts": {"q": "tradinglogistics"},
        "q two words": {"q": "falcon metal works"},
        "q Arabic": {"q": "الواحة"},
        "q number": {"q": "CLT-0000777"},
        "q phone": {"q": "050 0000 777"},
        "q punctuation": {"q": "@@@"},
        "q two letters (no)": {"q": "no"},
        "q one letter (s)": {"q": "s"},
        "q two letters, none": {"q": "zz"},
        "q two digits": {"q": "12"},
    }
    asked: dict[str, dict[str, str]] = {"page 1": {}, **one}
    for sort in ("added", "name", "-name", "number", "-number"):
        asked[f"sort={sort}"] = {"sort": sort}
    pairs = itertools.combinations(
        ["status=CREATED", "status=PENDING", "type=contact", "source=signup",
         "campaign=fair", "from+to (a day)", "from+to (a year)", "q frequent (trading)",
         "q medium (suwaidi)", "q two letters (no)", "q absent"], 2,
    )  # fmt: skip
    for left, right in pairs:
        if not one[left].keys() & one[right].keys():
            asked[f"{left} & {right}"] = one[left] | one[right]
    for name in ("status=CREATED", "type=contact", "from+to (a day)",
                 "from+to (a year)", "q medium (suwaidi)", "q frequent (trading)"):  # fmt: skip
        asked[f"{name} & sort=name"] = one[name] | {"sort": "name"}
    return asked


def run(client: Client, address: str, repeats: int) -> dict[str, Figures]:
    """Measure every case, and pages further in for the plain list and one search."""
    table = {}
    organisation = Organisation.objects.get(slug="bench")
    for name, query in cases().items():
        client.get(address, query)
        table[name] = measure(client, _with(address, query), repeats)
        if name in {"page 1", "q frequent (trading)", "type=contact"}:
            older = None
            for _ in range(12):
                cursor = Cursor.decode(older or "")
                older = page_of(organisation, Filters(**query), cursor=cursor).older
            deep = query | {"cursor": older or ""}
            table[f"{name}, deep"] = measure(client, _with(address, deep), repeats)
    middle = Submission.objects.filter(created_at__gte=START + SPAN / 2)
    row = middle.order_by("created_at").first()
    if row:
        cursor = Cursor("created_at", row.created_at, row.pk).encode()
        place = _with(address, {"cursor": cursor})
        table["page in the middle"] = measure(client, place, repeats)
    return table


def _with(address: str, query: dict[str, str]) -> str:
    return f"{address}?{urlencode(query)}"


def main() -> None:
    """Fill, measure, fill, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    if Submission.objects.exists():
        raise SystemExit("The database is not empty.")
    places = []
    for slug, share in (("bench", 1), ("other", 20), ("third", 50)):
        organisation = Organisation.objects.create(name=slug, slug=slug)
        person = User.objects.create_user(f"{slug}@example.test", name="Hana")
        Membership.objects.create(
            organisation=organisation, user=person, role=Role.OWNER
        )
        places.append((organisation, person, share))
    client = Client(headers={"host": "localhost"})
    client.force_login(
        places[0][1], backend="allauth.account.auth_backends.AuthenticationBackend"
    )
    address = reverse("submission-list", args=["bench"])
    tables = []
    for rows in (1_000, options.rows):
        started = time.perf_counter()
        fill(rows, places)
        print(
            f"{rows:>9,} rows in {time.perf_counter() - started:.0f} s", file=sys.stderr
        )
        tables.append(run(client, address, options.repeats))
    print(f"{connection.vendor}: 1,000 rows against {options.rows:,}; ms")
    print(f"{'':44} {'database':>15} {'':5} {'page':>15} {'':5} queries")
    for name, (database, page, queries) in tables[1].items():
        before = tables[0].get(name)
        if before is None:
            continue
        print(
            f"{name:44} {before[0]:7.1f} {database:7.1f} {database / before[0]:5.2f}"
            f" {before[1]:7.1f} {page:7.1f} {page / before[1]:5.2f} {queries:3}"
        )


if __name__ == "__main__":
    main()
