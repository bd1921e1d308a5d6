"""From Ctrl+Enter to the number on the page, in a real browser, with Heffl 200 ms away.

    python -m benchmarks.browser [--clients 30] [--latency 0.2]

Real processes with real settings, the rate limit of 60 calls in 60 seconds included.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks import _stage
from scripts.run import WEB_SERVER

PORT, WEB = _stage.free_port(), _stage.free_port()
DATABASE = _stage.prepare(f"http://127.0.0.1:{PORT}/api/v1")
os.environ.update(PORT=str(WEB), WEB_WORKERS="1", DJANGO_ALLOW_ASYNC_UNSAFE="true")

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from playwright.sync_api import Page, sync_playwright  # noqa: E402

from clients_app import credentials  # noqa: E402
from clients_app.crypto import Secret  # noqa: E402
from clients_app.organisation import people  # noqa: E402
from heffl_sandbox.control import Control  # noqa: E402
from scripts import chromium  # noqa: E402

EMAIL, PASSWORD = "desk@bench.test", "a perfectly fine password"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")


def sign_in(page: Page) -> None:
    """Sign in by hand."""
    page.goto("/")
    page.fill("[name=login]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/clients/new/")


def one_client(page: Page, number: int) -> float:
    """Type a company and return milliseconds from Ctrl+Enter to its number."""
    page.goto("/o/bench/clients/new/")
    page.locator("[name=name]").first.fill(f"Browser {number}")
    started = time.perf_counter()
    page.keyboard.press("Control+Enter")
    page.locator("[data-status=CREATED][data-number]").wait_for()
    return (time.perf_counter() - started) * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=30)
    parser.add_argument("--latency", type=float, default=0.2)
    options = parser.parse_args()
    path = chromium.find()
    if not path:
        sys.exit("No Chromium on this machine.")
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    made, _ = people.create_organisation(
        name="Bench", slug="bench", owner_email=EMAIL, owner_password=PASSWORD
    )
    credentials.seal_new(made, Secret(_stage.KEY), verified_at=timezone.now())
    sandbox = ("-m", "heffl_sandbox", "--port", str(PORT), "--key", _stage.KEY)
    with (
        _stage.process(*sandbox, "--latency", str(options.latency)),
        _stage.process("manage.py", "deliver"),
        _stage.process(*WEB_SERVER),
        sync_playwright() as playwright,
    ):
        _stage.wait_for_port(PORT)
        _stage.wait_for_port(WEB)
        Control(f"http://127.0.0.1:{PORT}").wait_until_up()
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        page = browser.new_page(base_url=f"http://127.0.0.1:{WEB}")
        sign_in(page)
        one_client(page, 0)
        times = []
        for number in range(1, options.clients + 1):
            times.append(one_client(page, number))
            time.sleep(1.1)
        browser.close()
    engine = DATABASE.partition(":")[0]
    print(
        f"{options.clients} clients on {engine}, remote {options.latency * 1000:.0f} ms"
    )
    print(
        f"  submit to number on the page, median {_stage.percentile(times, 0.5):.0f} ms"
    )
    print(
        f"  submit to number on the page, p95    {_stage.percentile(times, 0.95):.0f} ms"
    )
    print(f"  submit to number on the page, most   {max(times):.0f} ms")


if __name__ == "__main__":
    main()
