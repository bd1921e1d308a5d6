"""Load: many people at once through the real pages, with the worker beside them.

Each desk is at an organisation of its own: one alone can never send so much. Where page and
worker are broken all are at one, where two threads are likeliest to meet.
"""

from __future__ import annotations

import itertools
import queue
import random
import threading
import time
from collections import Counter

from django.db import connection
from django.urls import reverse

from benchmarks._stage import free_port, wait_for_port
from clients_app.models import Submission
from tests.fleet import PATIENCE, database_url
from tests.soak.ground import Ground
from tests.soak.report import Result, percentile
from tests.soak.visitor import Visitor, members, web

DESKS = 16
BROWSING = 20
POST_LIMIT, PAGE_LIMIT = 0.3, 0.4


class Crowd:
    """People who enter clients from one list of wishes, and people who browse."""

    def __init__(self, ground: Ground, port: int, places: int) -> None:
        self._ground = ground
        teams = []
        for number in range(places):
            slug = ground.organisation(f"load{number}").slug
            here = len(range(number, DESKS + BROWSING, places))
            teams.append(
                [Visitor(who, slug, "127.0.0.1", port) for who in members(slug, here)]
            )
        in_turn = itertools.chain.from_iterable(itertools.zip_longest(*teams))
        people = [visitor for visitor in in_turn if visitor]
        self.desks, self.others = people[:DESKS], people[DESKS:]
        self.wishes: queue.Queue[str] = queue.Queue()
        self.statuses: Counter[int] = Counter()
        self.posts: list[float] = []
        self.pages: list[float] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=work, args=(who,), daemon=True)
            for work, group in (
                (self._enter, self.desks),
                (self._browse, self.others),
            )
            for who in group
        ]

    def __enter__(self) -> Crowd:
        for desk in self.desks:
            desk.find_form(reverse("submission-create", args=[desk.slug]))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        until = time.monotonic() + 60
        while not self.wishes.empty() and time.monotonic() < until:
            time.sleep(0.05)
        self._over.set()
        for thread in self._threads:
            thread.join(25)

    def _enter(self, desk: Visitor) -> None:
        while not self._over.is_set():
            try:
                name = self.wishes.get(timeout=0.2)
            except queue.Empty:
                continue
            token = f"load-{name}".replace(" ", "-")
            status, seconds = desk.enter(name, token)
            with self._lock:
                self.statuses[status] += 1
                self.posts.append(seconds)
                if status == 303:
                    self._ground.accepted[token] = (desk.slug, name)

    def _browse(self, visitor: Visitor) -> None:
        dice = random.Random(id(visitor))
        history = reverse("submission-list", args=[visitor.slug])
        form = reverse("submission-create", args=[visitor.slug])
        paths = (history, f"{history}?q=client", form)
        while not self._over.wait(dice.uniform(0.5, 3.5)):
            status, seconds = visitor.look(dice.choice(paths))
            with self._lock:
                self.statuses[status] += 1
                self.pages.append(seconds)


def _play(
    ground: Ground, seconds: int, pace: int, burst: int, *, sabotage: bool = False
) -> tuple[Result, Crowd, int, bool]:
    """Let them in at a steady pace with one burst; return what came of how many forms."""
    ground.control.set(latency=0.05)
    port = free_port()
    server = web(
        port,
        ground.folder / "web.log",
        DATABASE_URL=database_url(),
        HEFFL_API_URL=ground.api_url,
        TEST_SABOTAGE="thank_unsaved" if sabotage else "",
    )
    try:
        wait_for_port(port, 60)
        broken = "take_taken" if sabotage else ""
        with ground.nursery(TEST_SABOTAGE=broken) as nursery:
            nursery.spawn("worker", 8)
            with Crowd(ground, port, 1 if sabotage else DESKS) as crowd:
                began, entered = time.monotonic(), 0
                for tick in range(seconds * pace):
                    time.sleep(max(0.0, began + tick / pace - time.monotonic()))
                    extra = burst if tick == seconds * pace // 2 else 0
                    for _ in range(1 + extra):
                        crowd.wishes.put(f"Client {entered}")
                        entered += 1
                if sabotage:
                    entered = _press_on(ground, crowd, entered)
            settled = sabotage or ground.settle(PATIENCE)
    finally:
        server.terminate()
        server.wait(30)
    return ground.count("load"), crowd, entered, settled


def _not_stored(ground: Ground) -> bool:
    """Say whether somebody was thanked for a client that is not there."""
    thanked = set(ground.accepted)  # first: meanwhile more come in
    there = Submission.objects.values_list("submission_token", flat=True)
    return not thanked <= set(there)


def _twice(ground: Ground) -> bool:
    """Say whether a client was made twice."""
    return any(times > 1 for times in ground.control.creates_per_name().values())


def _press_on(ground: Ground, crowd: Crowd, entered: int) -> int:
    """Enter more, one after the other, until what is broken shows; return how many."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and not (_not_stored(ground) and _twice(ground)):
        crowd.wishes.put(f"Client {entered}")
        entered += 1
        time.sleep(0.2)
    return entered


def run(ground: Ground) -> Result:
    """Play it with all numbers coming in, then where page and worker are broken."""
    seconds, pace, burst = (5, 5, 20) if ground.short else (300, 30, 200)
    result, crowd, entered, settled = _play(ground, seconds, pace, burst)
    _judge(result, crowd, entered, settled, short=ground.short)
    result.notes.append(
        f"{pace}/s for {seconds} s and a burst of {burst} at {DESKS} organisations, "
        f"{BROWSING} browsing"
    )
    ground.clear()
    _play(ground, 5, 5, 20, sabotage=True)
    result.control("thanked and not stored", _not_stored(ground))
    result.control("taken while another thread sends it", _twice(ground))
    return result


def _judge(
    result: Result, crowd: Crowd, entered: int, settled: bool, *, short: bool
) -> None:
    failed = sum(n for status, n in crowd.statuses.items() if not 200 <= status < 500)
    post, page = percentile(crowd.posts, 0.95), percentile(crowd.pages, 0.95)
    result.notes.append(
        f"{len(crowd.posts)} forms, p95 {(post or 0) * 1000:.0f} ms; {len(crowd.pages)} "
        f"pages, p95 {(page or 0) * 1000:.0f} ms; {failed} answers of 5xx or none"
    )
    closed = [
        idle
        for visitor in (*crowd.desks, *crowd.others)
        for idle in visitor.idle_before_closed
    ]
    if closed:
        result.notes.append(f"{len(closed)} × an idle connection had been closed")
    if failed:
        by_status = dict(sorted(crowd.statuses.items()))
        result.faults.append(f"{failed} answers of 5xx or none: {by_status}")
    if result.accepted != entered:
        result.faults.append(f"{entered - result.accepted} of {entered} not taken in")
    if not settled:
        result.faults.append("not everything settled in time")
    if not short and (post or 0) > POST_LIMIT:
        result.faults.append(f"forms took {post} s at p95 on {connection.vendor}")
    if not short and (page or 0) > PAGE_LIMIT:
        result.faults.append(f"pages took {page} s at p95 on {connection.vendor}")
