"""After a full run the API key and a marked client are found nowhere they do not belong."""

from __future__ import annotations

import base64
import io
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import call_command
from django.db import connection

from clients_app.models import ApiCredential, Status, Submission
from tests.conftest import KEY
from tests.fleet import ROOT, wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SECRET = KEY.removeprefix("heffl_user_")
CANARY = "canary-7f3a@example.com"


def forms_of(secret: str) -> list[bytes]:
    """Return a secret as it might be written down: plain, in base64, in hex."""
    plain = secret.encode()
    return [plain, base64.b64encode(plain).rstrip(b"="), plain.hex().encode()]


def places_with(secret: str, places: dict[str, bytes]) -> list[str]:
    """Return the names of the places that hold a secret in any form."""
    return [
        name
        for name, content in places.items()
        if any(form in content for form in forms_of(secret))
    ]


def database_files() -> dict[str, bytes]:
    """Return the raw files of an SQLite database, with its journal."""
    if connection.vendor != "sqlite":
        return {}
    path = Path(connection.settings_dict["NAME"])
    return {file.name: file.read_bytes() for file in path.parent.glob(f"{path.name}*")}


def run_through(page, portal, owner) -> dict[str, bytes]:
    """Do everything that touches the key; return every page that came back."""
    pages: dict[str, bytes] = {}
    page.on(
        "response",
        lambda answer: pages.setdefault(
            f"{len(pages)} {answer.request.method} {answer.url}",
            b"" if answer.status in (301, 302, 303) else answer.body(),
        ),
    )
    for number, fault in enumerate(("none", "unavailable", "bad_request_html")):
        portal.sandbox.control.push_fault(fault)
        page.goto("/o/al-noor/clients/new/?type=contact")
        page.fill("[name=first_name]", f"Canary {number}")
        page.fill("[name=email]", CANARY)
        page.click("text=Create client")
        page.locator("[data-status]").wait_for()
    calm = (Status.QUEUED, Status.SENDING)
    assert wait_until(lambda: not Submission.objects.filter(status__in=calm).exists())
    page.goto("/o/al-noor/settings/heffl/")
    key = page.locator("[name=key]")
    page.locator("text=Replace the key").first.wait_for()
    key.fill(KEY + "\u00e9 wrong")
    key.press("Enter")
    page.locator(".summary").wait_for()
    assert key.input_value() == ""
    key.fill(KEY[:-1] + "0")
    key.press("Enter")
    page.locator(".summary").wait_for()
    page.click("text=Test connection")
    page.wait_for_load_state()
    page.goto("/nowhere/")
    return pages


def test_the_key_is_nowhere_but_sealed(sign_in, portal, owner):
    page = sign_in(owner)

    places = run_through(page, portal, owner)
    dump = io.StringIO()
    call_command("dumpdata", stdout=dump)
    places["dumpdata"] = dump.getvalue().encode()
    places["web log"] = Path(portal.log).read_bytes()
    places["worker log"] = Path(portal.worker_log).read_bytes()
    places |= database_files()

    assert ApiCredential.objects.held().count() == 1
    assert len(places) > 10
    assert places_with(SECRET, places) == []
    logs = {name: places[name] for name in ("web log", "worker log")}
    assert places["worker log"].count(b"\n") > 3
    assert places_with(CANARY, logs) == []
    addresses = {name: name.encode() for name in places}
    assert places_with(CANARY, addresses) == []


def test_control_a_key_in_the_open_is_found():
    places = {
        "plain": f"x-api-key: {KEY}".encode(),
        "coded": base64.b64encode(SECRET.encode()),
        "clean": b"nothing",
    }

    assert places_with(SECRET, places) == ["plain", "coded"]


def test_an_unhandled_fault_shows_no_key_even_in_debug_reports(portal):
    """Let the call fail inside Django's own debug report, as a developer would see it."""
    code = (
        "import django, sys; django.setup()\n"
        "from django.views.debug import ExceptionReporter\n"
        "from clients_app import credentials\n"
        "from clients_app.crypto import Secret\n"
        "from clients_app.heffl.api import HefflAPI\n"
        f"api = credentials.api_with(Secret('{KEY}'))\n"
        "outcome = api.create_client(b'{}')\n"
        "try:\n    raise RuntimeError(str(outcome))\n"
        "except RuntimeError:\n"
        "    report = ExceptionReporter(None, *sys.exc_info())\n"
        "    print(report.get_traceback_html(), repr(outcome), repr(api.__dict__))\n"
    )

    told = subprocess.run(
        [sys.executable, "-c", code.replace(f"'{KEY}'", "sys.stdin.read()")],
        cwd=ROOT,
        input=KEY,
        capture_output=True,
        text=True,
        check=False,
    )

    assert told.returncode == 0, told.stderr
    assert "RuntimeError" in told.stdout
    assert places_with(SECRET, {"report": told.stdout.encode()}) == []
