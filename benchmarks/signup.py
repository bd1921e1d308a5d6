"""The public form on a slow phone, and a crowd of visitors beside a front desk.

    python -m benchmarks.signup [--visitors 1000] [--seconds 60] [--loads 5]

Real processes as in production: the stand-in, the worker, two web processes. The phone is
Chromium behind 1.6 Mbit/s and 150 ms, four times slower. Every visitor has an address of
their own, opens the page and sends it with a proof; nothing may be lost or answer 5xx.
"""

from __future__ import annotations

import argparse
import http.client
import json
import logging
import os
import random
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlencode

from benchmarks import _stage
from scripts.run import WEB_SERVER

PORT, WEB = _stage.free_port(), _stage.free_port()
DATABASE = _stage.prepare(f"http://127.0.0.1:{PORT}/api/v1")
os.environ.update(
    PORT=str(WEB), TRUSTED_PROXY_COUNT="1", WEB_WORKERS="2", ALLOWED_HOSTS="127.0.0.1"
)

import altcha  # noqa: E402
import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.contrib.auth import login  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.http import HttpRequest  # noqa: E402
from django.utils import timezone  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402

from clients_app import credentials  # noqa: E402
from clients_app.crypto import Secret  # noqa: E402
from clients_app.models import Organisation, SignupPage, Submission, User  # noqa: E402
from clients_app.organisation import people  # noqa: E402
from clients_app.signup import robots  # noqa: E402
from heffl_sandbox.control import Control  # noqa: E402
from scripts import chromium  # noqa: E402

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
PAGE = "/s/bench/"
EMAIL, PASSWORD = "desk@bench.test", "a perfectly fine password"
DESK_PAUSE = 0.5
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
LCP = """() => new Promise((done) => new PerformanceObserver((list) =>
  done(list.getEntries().at(-1).startTime)).observe(
  { type: "largest-contentful-paint", buffered: true }))"""


def ask(
    method: str, path: str, body: str = "", **headers: str
) -> tuple[int, str, float]:
    """Send one request; return its status, its text and the seconds it took."""
    started = time.perf_counter()
    line = http.client.HTTPConnection("127.0.0.1", WEB, timeout=60)
    kind = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        line.request(method, path, body, kind | named)
        answer = line.getresponse()
        text = answer.read().decode()
    finally:
        line.close()
    return answer.status, text, time.perf_counter() - started


def form(page: SignupPage, number: int) -> str:
    """Return what a visitor's browser sends, with the work done."""
    token = robots.new_token(page, timezone.now() - timedelta(seconds=30))
    made = json.loads(robots.challenge_for(token, timezone.now()))
    challenge = altcha.Challenge.from_dict(made)
    solution = altcha.solve_challenge(challenge, counter_start=robots._COUNTERS[0])
    assert solution is not None  # noqa: S101 - a benchmark that cannot go on
    return urlencode(
        {
            "type": "company",
            "name": f"Visitor {number}",
            "submission_token": token.sign(),
            "altcha": altcha.Payload(challenge, solution).to_base64(),
        }
    )


class Desk(threading.Thread):
    """Somebody at the front desk who enters one client after another."""

    def __init__(self, session: str) -> None:
        super().__init__(daemon=True)
        self.cookie = f"{settings.SESSION_COOKIE_NAME}={session}"
        self.times: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.ended = threading.Event()

    def run(self) -> None:
        """Enter clients until told to end."""
        secret = "a" * 32
        cookie = f"{self.cookie}; {settings.CSRF_COOKIE_NAME}={secret}"
        while not self.ended.is_set():
            fields = {
                "csrfmiddlewaretoken": secret,
                "type": "company",
                "name": f"Desk {random.random()}",  # noqa: S311 - a name
                "submission_token": f"{random.getrandbits(120):030x}",  # noqa: S311
            }
            status, _, took = ask(
                "POST", "/o/bench/clients/new/", urlencode(fields), Cookie=cookie
            )
            self.statuses[status] += 1
            self.times.append(took * 1000)
            self.ended.wait(DESK_PAUSE)

    def end(self) -> float:
        """Let the desk go home; return the p95 of its posts in milliseconds."""
        self.ended.set()
        self.join()
        return _stage.percentile(self.times, 0.95)


def session_of(user: User) -> str:
    """Return the key of a session in which somebody is signed in."""
    request = HttpRequest()
    request.session = SessionStore()
    login(request, user, backend=BACKEND)
    request.session.save()
    return str(request.session.session_key)


def crowd(page: SignupPage, visitors: int, seconds: float, session: str) -> None:
    """Let visitors arrive evenly beside the front desk, and print what came of it."""
    quiet = Desk(session)
    quiet.start()
    time.sleep(min(15.0, seconds))
    before = quiet.end()
    forms = [form(page, number) for number in range(visitors)]
    had = Submission.objects.filter(source="signup").count()
    desk = Desk(session)
    desk.start()
    started = time.perf_counter()

    def visit(number: int) -> tuple[int, int, float, float]:
        time.sleep(
            max(0.0, started + seconds * number / visitors - time.perf_counter())
        )
        address = f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        seen, _, opened = ask("GET", PAGE, X_Forwarded_For=address)
        sent, _, took = ask("POST", PAGE, forms[number], X_Forwarded_For=address)
        return seen, sent, opened * 1000, took * 1000

    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(visit, range(visitors)))
    took = time.perf_counter() - started
    after = desk.end()
    stored = Submission.objects.filter(source="signup").count() - had
    statuses = Counter(status for answer in answers for status in answer[:2])
    thanked = sum(answer[1] == 303 for answer in answers)
    opened, posted = ([answer[at] for answer in answers] for at in (2, 3))
    print(f"{visitors} visitors in {took:.0f} s on {DATABASE.partition(':')[0]}")
    print(f"  statuses {dict(statuses)}, at the desk {dict(desk.statuses)}")
    print(f"  thanked {thanked}, stored {stored}, lost {thanked - stored}")
    for name, times in (("open", opened), ("send", posted)):
        middle, late = _stage.percentile(times, 0.5), _stage.percentile(times, 0.95)
        print(f"  {name}: median {middle:.0f} ms, p95 {late:.0f} ms")
    print(
        f"  front desk p95: {before:.0f} ms alone ({len(quiet.times)} posts),"
        f" {after:.0f} ms beside ({len(desk.times)}), ratio {after / before:.2f}"
    )


def phone(loads: int) -> None:
    """Open the page on a slow phone, and print when its largest part was painted."""
    path = chromium.find()
    if not path:
        print("no Chromium: the slow phone is left out")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        for query in ("", "?lang=ar"):
            painted, sizes, counts = [], [], []
            for _ in range(loads):
                context = browser.new_context(viewport={"width": 375, "height": 800})
                page = context.new_page()
                devtools = context.new_cdp_session(page)
                devtools.send("Network.enable")
                devtools.send(
                    "Network.emulateNetworkConditions",
                    {
                        "offline": False,
                        "latency": 150,
                        "downloadThroughput": 1_600_000 / 8,
                        "uploadThroughput": 750_000 / 8,
                    },
                )
                devtools.send("Emulation.setCPUThrottlingRate", {"rate": 4})
                bytes_of: dict[str, float] = {}
                names: dict[str, str] = {}
                devtools.on(
                    "Network.requestWillBeSent",
                    lambda event, names=names: names.update(
                        {event["requestId"]: event["request"]["url"]}
                    ),
                )
                devtools.on(
                    "Network.loadingFinished",
                    lambda event, bytes_of=bytes_of: bytes_of.update(
                        {event["requestId"]: event["encodedDataLength"]}
                    ),
                )
                page.goto(f"http://127.0.0.1:{WEB}{PAGE}{query}", wait_until="load")
                painted.append(page.evaluate(LCP))
                page.wait_for_timeout(300)
                first = [key for key in names if "altcha" not in names[key]]
                sizes.append(sum(bytes_of.get(key, 0) for key in first) / 1000)
                counts.append(len(first))
                context.close()
            print(
                f"slow phone {query or '?lang=en'}: LCP median"
                f" {_stage.percentile(painted, 0.5):.0f} ms, most {max(painted):.0f} ms;"
                f" {max(sizes):.1f} KB in {max(counts)} requests before the proof"
            )
        browser.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--visitors", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--loads", type=int, default=5)
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    made, _ = people.create_organisation(
        name="Bench", slug="bench", owner_email=EMAIL,
        owner_password=PASSWORD, signup_mode="send",
    )  # fmt: skip
    credentials.seal_new(made, Secret(_stage.KEY), verified_at=timezone.now())
    page = SignupPage.of(Organisation.objects.get(pk=made.pk))
    robots._COUNTERS = range(600, 601)  # the visitors' work is not what is measured
    session = session_of(User.objects.get(email=EMAIL))
    sandbox = ("-m", "heffl_sandbox", "--port", str(PORT), "--key", _stage.KEY)
    with (
        _stage.process(*sandbox),
        _stage.process("manage.py", "deliver"),
        _stage.process(*WEB_SERVER),
    ):
        _stage.wait_for_port(PORT)
        _stage.wait_for_port(WEB)
        Control(f"http://127.0.0.1:{PORT}").wait_until_up()
        ask("GET", PAGE)
        if options.loads:
            phone(options.loads)
        if options.visitors:
            crowd(page, options.visitors, options.seconds, session)


if __name__ == "__main__":
    sys.exit(main())
