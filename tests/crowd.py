"""One process of a crowd at a signup page: `python -m tests.crowd SLUG TRIES THREADS NOW`.

Prints of each try the receipt, or "refused". NOW fixes the clock, so
that no room appears while the crowd pushes. With TOKEN in the environment all of them
send the same form.
"""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import django


def main() -> None:
    """Push, and count."""
    django.setup()
    from django.db import connection

    from clients_app.models import Organisation, SignupPage
    from clients_app.signup import accept, robots

    slug, tries, threads, moment = sys.argv[1:]
    now = datetime.fromisoformat(moment)
    organisation = Organisation.objects.get(slug=slug)
    page = SignupPage.of(organisation)

    def push(number: int) -> str:
        given = os.environ.get("TOKEN", "")
        token = robots.read_token(given, organisation) or robots.new_token(page, now)
        visit = accept.Visit(token, "192.0.2.1", True, False, "en")
        try:
            row = accept.accept(
                organisation,
                client_type="company",
                answers={"name": f"Company {os.getpid()} {number}"},
                visit=visit,
                now=now,
            )
        except accept.TooMany:
            return "refused"
        finally:
            connection.close()
        return row.receipt

    with ThreadPoolExecutor(int(threads)) as pool:
        sys.stdout.write("\n".join(pool.map(push, range(int(tries)))))


if __name__ == "__main__":
    main()
