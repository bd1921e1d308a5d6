"""What the main pages weigh, with fixed data, in both languages, from the tree it runs in.

Run as a program with that tree first in PYTHONPATH and `trees.environment` about it.
Prints JSON: {"page language": [bytes of HTML, as Brotli, static files as Brotli]}. It leans
only on what no change of modules moves: addresses, input names, the names of tables.
Time and chance stand still, so that two trees differ by what they say and nothing else; the
random bytes that each answer gets on top (heffl_portal.compression) are left out.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
SLUG = "al-noor"
DESK = f"/o/{SLUG}"
PUBLIC = f"/s/{SLUG}"
LANGUAGES = ("en", "ar")
TAG = re.compile(r"<(?:link|script|img)\s[^<>]*>")
ADDRESS = re.compile(r'\s(?:href|src)="([^"]+)"')
FILE = (
    "Type,Company name,First name,Mobile,E-mail\n"
    "company,Al Noor LLC,,,\n"
    "contact,,Mariam,0501234567,mariam@example.com\n"
    "contact,,Omar,12x,omar@example.com\n"
)
CHANCE = random.Random(0)  # noqa: S311 - nothing here is secret


def hold_still() -> None:
    """Stop the clock of the pages and make chance the same in every run."""
    from django.utils import timezone

    timezone.now = lambda: NOW
    random._urandom = os.urandom = CHANCE.randbytes  # type: ignore[attr-defined]


def people() -> dict[str, Any]:
    """Make the organisation and a member of each role; return role → user."""
    from clients_app.models import Membership, Organisation, User

    organisation = Organisation.objects.create(
        name="Al Noor Trading", slug=SLUG, signup_mode="suspicious"
    )
    made = {}
    for role in ("owner", "admin", "reviewer", "frontdesk"):
        email = f"{role}@al-noor.test"
        user = User(email=email, name=role.title())
        user.set_unusable_password()
        user.save()
        Membership.objects.create(organisation=organisation, user=user, role=role)
        made[role] = user
    return made


def clients(by: Any) -> dict[str, str]:
    """Fill the history; return status → a client that has it, and a "receipt"."""
    from clients_app.models import CustomField, Organisation, SignupPage, Submission

    organisation = Organisation.objects.get()
    for kind in ("text", "long_text", "date", "option", "options", "yes_no"):
        CustomField.objects.create(
            organisation=organisation, key=f"cf_{kind}", kind=kind,
            label=f"Our {kind}", options=["First", "Second"],
        )  # fmt: skip
    SignupPage.objects.create(organisation=organisation, contact="hello@al-noor.test")
    made = {}
    statuses = ("CREATED", "QUEUED", "NEEDS_FIX", "REVIEW", "PENDING", "UNCERTAIN")
    for number in range(60):
        status = statuses[number % len(statuses)]
        public, created = status == "PENDING", status == "CREATED"
        name = f"Gulf Star Logistics {number:02}"
        row = Submission.objects.create(
            organisation=organisation,
            uuid=uuid.UUID(int=number + 1),
            submission_token=f"token-{number:08}",
            type="company",
            display_name=name,
            answers={"name": name, "email": f"office{number}@gulf.test"},
            name_key=name.casefold(),
            search_text=name.casefold(),
            match_key=f"{number:064x}",
            source="signup" if public else "frontdesk",
            lane=1 if public else 0,
            status=status,
            created_by=None if public else by,
            created_at=NOW - timedelta(minutes=number),
            delivered_at=NOW if created else None,
            number=f"CLT-{number:05}" if created else "",
            heffl_id=f"clt_{number}" if created else "",
            problem_field="phone" if status == "NEEDS_FIX" else "",
            message="Phone is invalid" if status == "NEEDS_FIX" else "",
            receipt=f"{number:032x}" if public else "",
            held_for=["too_fast"] if public else [],
        )
        made[status] = row
    found = {status: str(row.uuid) for status, row in made.items()}
    return {**found, "receipt": made["PENDING"].receipt}


def imported(client: Any) -> str:
    """Load a file up to its last look; return the address of the import."""
    from django.core.files.uploadedfile import SimpleUploadedFile

    chosen = SimpleUploadedFile("clients.csv", FILE.encode())
    answer = client.post(f"{DESK}/import/", {"file": chosen})
    address = str(answer.headers["Location"]).removesuffix("columns/")
    columns = client.get(f"{address}columns/").content.decode()
    names = re.findall(r'<select[^<>]*name="(column_\d+)"', columns)
    targets = ("type", "name", "first_name", "phone", "email")
    chosen_columns = dict(zip(names, targets, strict=True))
    client.post(f"{address}columns/", {**chosen_columns, "action": "choose"})
    return address


def routes(
    found: dict[str, str], file: str
) -> dict[str, tuple[str, str, dict[str, str]]]:
    """Return page → (who opens it, address, what is posted; nothing is asked for)."""
    settings = f"{DESK}/settings"
    wrong = {"type": "contact", "phone": "12x", "email": "x"}
    return {
        "sign-in": ("", "/accounts/login/", {}),
        "new client": ("frontdesk", f"{DESK}/clients/new/", {}),
        "new contact": ("frontdesk", f"{DESK}/clients/new/?type=contact", {}),
        "new client, errors": ("frontdesk", f"{DESK}/clients/new/", wrong),
        "history": ("frontdesk", f"{DESK}/clients/", {}),
        "client": ("frontdesk", f"{DESK}/clients/{found['CREATED']}/", {}),
        "client to correct": ("reviewer", f"{DESK}/clients/{found['NEEDS_FIX']}/edit/", {}),
        "review queue": ("reviewer", f"{DESK}/review/", {}),
        "review item": ("reviewer", f"{DESK}/review/{found['PENDING']}/", {}),
        "review item, unclear": ("reviewer", f"{DESK}/review/{found['REVIEW']}/", {}),
        "import start": ("reviewer", f"{DESK}/import/", {}),
        "import columns": ("reviewer", f"{file}columns/", {}),
        "import check": ("reviewer", f"{file}check/", {}),
        "overview": ("owner", f"{DESK}/overview/", {}),
        "balance": ("owner", f"{DESK}/balance/", {}),
        "settings, heffl": ("owner", f"{settings}/heffl/", {}),
        "settings, fields": ("owner", f"{settings}/fields/", {}),
        "settings, a field": ("owner", f"{settings}/fields/new/", {}),
        "settings, members": ("owner", f"{settings}/members/", {}),
        "settings, signup": ("owner", f"{settings}/signup/", {}),
        "settings, privacy": ("owner", f"{settings}/privacy/", {}),
        "audit": ("owner", f"{DESK}/audit/", {}),
        "preferences": ("owner", "/accounts/preferences/", {}),
        "second factors": ("owner", "/accounts/2fa/", {}),
        "signup form": ("", f"{PUBLIC}/", {}),
        "signup form, errors": ("", f"{PUBLIC}/", wrong),
        "signup receipt": ("", f"{PUBLIC}/r/{found['receipt']}/", {}),
        "not found": ("", "/nowhere/", {}),
    }  # fmt: skip


def weights() -> Iterator[tuple[str, list[int]]]:
    """Yield every page in every language with its three weights."""
    import brotli
    from django.conf import settings
    from django.test import Client

    from heffl_portal.compression import QUALITY

    users = people()
    found = clients(users["frontdesk"])

    def visitor(role: str, language: str) -> Client:
        client = Client(HTTP_HOST="localhost")
        if role:
            backend = settings.AUTHENTICATION_BACKENDS[0]
            client.force_login(users[role], backend=backend)
        client.cookies[settings.LANGUAGE_COOKIE_NAME] = language
        return client

    file = imported(visitor("reviewer", "en"))
    for page, (role, address, posted) in routes(found, file).items():
        for language in LANGUAGES:
            client = visitor(role, language)
            CHANCE.seed(f"{page} {language}")
            if address.startswith(PUBLIC):  # no cookie there: the address has it
                address = f"{address.partition('?')[0]}?lang={language}"
            answer = client.post(address, posted) if posted else client.get(address)
            html = answer.content
            if answer.status_code not in ({422} if posted else {200, 404}):
                raise SystemExit(f"{page}: {address} answered {answer.status_code}")
            static = sum(
                static_bytes(name, client.get) for name in loaded(html.decode())
            )
            sent = len(brotli.compress(html, quality=QUALITY))
            yield f"{page} ({language})", [len(html), sent, static]


def loaded(html: str) -> list[str]:
    """Return the addresses of the files that a page loads with itself, each once."""
    names = (
        address[1]
        for tag in TAG.findall(html)
        if not re.search(r'rel="(?:expect|manifest)"', tag)
        for address in [ADDRESS.search(tag)]
        if address
    )
    return list(dict.fromkeys(name for name in names if name.startswith("/")))


def static_bytes(address: str, get: Callable[[str], Any]) -> int:
    """Return how many bytes of Brotli a file is, or as it is where that is all there is."""
    import brotli
    from django.conf import settings

    if not address.startswith(settings.STATIC_URL):  # a style that is made by request
        return len(brotli.compress(get(address).content))
    path = Path(settings.STATIC_ROOT) / address.removeprefix(settings.STATIC_URL)
    small = path.with_name(f"{path.name}.br")
    return (small if small.exists() else path).stat().st_size


def main() -> None:
    """Set an installation up in a directory for the moment, and print what pages weigh."""
    import django
    from django.conf import settings
    from django.core.management import call_command

    hold_still()
    with tempfile.TemporaryDirectory(prefix="house-static-") as folder:
        settings.STATIC_ROOT = folder
        django.setup()
        logging.disable(logging.ERROR)
        others = ["admin"]  # no page of ours loads them
        call_command(
            "collectstatic", interactive=False, verbosity=0, ignore_patterns=others
        )
        call_command("migrate", interactive=False, verbosity=0)
        sys.stdout.write(json.dumps(dict(weights())))


if __name__ == "__main__":
    main()
