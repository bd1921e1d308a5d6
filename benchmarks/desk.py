"""Five walk-ins at the front desk from the keyboard alone: keystrokes and seconds.

    python -m benchmarks.desk [--pace 0.2] [--latency 0.2]

Real processes, a real Chromium, Heffl `latency` seconds away. `pace` is the time between two
keystrokes: 0.2 s is 60 words a minute. The seconds go from the empty form to the number.
Afterwards: how soon the form page is painted on a slow line and a slow processor.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

from benchmarks import _stage
from scripts.run import WEB_SERVER

PORT, WEB = _stage.free_port(), _stage.free_port()
DATABASE = _stage.prepare(f"http://127.0.0.1:{PORT}/api/v1")
os.environ.update(PORT=str(WEB), WEB_WORKERS="1", DJANGO_ALLOW_ASYNC_UNSAFE="true")

import django  # noqa: E402

django.setup()

from django.core.management import call_command  # noqa: E402
from django.utils import timezone  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402

from clients_app import credentials  # noqa: E402
from clients_app.crypto import Secret  # noqa: E402
from clients_app.organisation import people  # noqa: E402
from heffl_sandbox.control import Control  # noqa: E402
from scripts import chromium  # noqa: E402

EMAIL, PASSWORD = "desk@bench.test", "a perfectly fine password"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
CREATED = "[data-status=CREATED][data-number]"
LCP = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntries().at(-1).startTime)).observe({
    type: "largest-contentful-paint", buffered: true }))"""


class Typist:
    """Hands on a keyboard: nothing is clicked, every key counts."""

    def __init__(self, page: Page, pace: float) -> None:
        self.page = page
        self.pace = pace
        self.keys = 0

    def press(self, key: str) -> None:
        """Press one key or one combination."""
        self.page.keyboard.press(key)
        self.keys += 1
        time.sleep(self.pace)

    def write(self, text: str) -> None:
        """Type a text."""
        for char in text:
            self.page.keyboard.type(char)
            self.keys += 1
            time.sleep(self.pace)

    def tab_to(self, wanted: str) -> None:
        """Press Tab until what matches the selector has the focus."""
        for _ in range(60):
            if self.page.evaluate("(s) => document.activeElement.matches(s)", wanted):
                return
            self.press("Tab")
        raise AssertionError(f"{wanted} cannot be reached by Tab")

    def answer(self, name: str, text: str) -> None:
        """Go to a question and answer it."""
        self.tab_to(f"#id_{name}")
        self.write(text)

    def unfold(self, place: int) -> None:
        """Open a folded group of questions."""
        self.tab_to(f"details:nth-of-type({place}) > summary")
        self.press("Enter")

    def send(self) -> None:
        """Send the form and wait for the number."""
        self.press("Control+Enter")
        self.page.locator(CREATED).wait_for()


def name_only(desk: Typist) -> None:
    """A company, its name only."""
    desk.write("Gulf Star Logistics")
    desk.send()


def tax_and_address(desk: Typist) -> None:
    """A company with tax number and address."""
    desk.write("Oasis Dental Clinic LLC")
    desk.unfold(1)
    desk.answer("billing_address__address", "Office 1204, Burj Tower, Al Reem")
    desk.answer("billing_address__city", "Al Reem Island")
    desk.answer("emirate", "Abu")
    desk.unfold(2)
    desk.answer("tax_number", "100123456789003")
    desk.send()


def with_phone(desk: Typist) -> None:
    """A contact with a phone number."""
    desk.press("Alt+2")
    desk.answer("first_name", "Sara")
    desk.answer("last_name", "Ahmed")
    desk.answer("phone", "0501234567")
    desk.send()


def with_everything(desk: Typist) -> None:
    """A contact with everything."""
    desk.answer("first_name", "Priya")
    desk.answer("last_name", "Raghavan")
    desk.answer("phone", "0529876543")
    desk.answer("email", "priya.raghavan@example.com")
    desk.answer("job_title", "Office manager")
    desk.answer("salutation", "Ms")
    desk.answer("display_name", "Priya R.")
    desk.unfold(1)
    desk.answer("billing_address__address", "Villa 12, Street 4, P.O. Box 1234")
    desk.answer("billing_address__landmark", "Opposite the metro station")
    desk.answer("billing_address__city", "Jumeirah")
    desk.answer("emirate", "Dub")
    desk.unfold(2)
    desk.answer("tax_number", "100987654321003")
    desk.answer("opening_balance", "250.50")
    desk.send()


def corrected(desk: Typist) -> None:
    """A contact that Heffl refused, corrected."""
    Control(f"http://127.0.0.1:{PORT}").push_fault(
        "status", params={"status": 400, "message": "Invalid email address format"}
    )
    desk.answer("first_name", "Omar")
    desk.answer("email", "omar@example.con")
    desk.press("Control+Enter")
    desk.page.locator("[data-status=NEEDS_FIX]").wait_for()
    desk.tab_to("a[href$='/edit/']")
    desk.press("Enter")
    desk.page.locator(".summary").wait_for()
    desk.tab_to(".summary a")
    desk.press("Enter")
    desk.press("End")
    desk.press("Backspace")
    desk.write("m")
    desk.send()


WALK_INS: tuple[Callable[[Typist], None], ...] = (
    name_only,
    tax_and_address,
    with_phone,
    with_everything,
    corrected,
)


def sign_in(page: Page) -> None:
    """Sign in by hand."""
    page.goto("/")
    page.fill("[name=login]", EMAIL)
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/clients/new/")


def walk_in(page: Page, register: Callable[[Typist], None], pace: float) -> str:
    """Register one walk-in; returns a line of the table."""
    desk = Typist(page, pace)
    started = time.perf_counter()
    register(desk)
    seconds = time.perf_counter() - started
    page.keyboard.press("n")  # the next: type and country are remembered
    page.wait_for_url("**/clients/new/**")
    name = (register.__doc__ or "").rstrip(".")
    return f"| {name} | {desk.keys} | {seconds:.1f} |"


def first_paint(browser: Browser, path: str, cookies: list[dict[str, str]]) -> float:
    """Return ms until the largest paint at 1.6 Mbit/s, 150 ms and a fourth of the speed."""
    context = browser.new_context(base_url=f"http://127.0.0.1:{WEB}")
    context.add_cookies(cookies)  # type: ignore[arg-type]
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": 150,
            "downloadThroughput": 1.6e6 / 8,
            "uploadThroughput": 750e3 / 8,
        },
    )
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.goto(path, wait_until="load")
    painted = float(page.evaluate(LCP))
    context.close()
    return painted


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pace", type=float, default=0.2)
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
        context = browser.new_context(base_url=f"http://127.0.0.1:{WEB}")
        page = context.new_page()
        sign_in(page)
        print(f"One key every {options.pace} s, Heffl {options.latency} s away")
        print("| walk-in | keystrokes | seconds to the number |\n| --- | --- | --- |")
        for register in WALK_INS:
            print(walk_in(page, register, options.pace), flush=True)
        cookies = context.cookies()
        print("| page | largest paint, ms |\n| --- | --- |")
        for name, where in (
            ("sign-in", "/accounts/login/"),
            ("new client", "/o/bench/clients/new/"),
            ("clients", "/o/bench/clients/"),
        ):
            given = [] if name == "sign-in" else cookies
            times = sorted(first_paint(browser, where, given) for _ in range(5))  # type: ignore[arg-type]
            print(f"| {name} | {times[2]:.0f} |", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
