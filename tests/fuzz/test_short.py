"""A short run of the fuzzer in every build, and that it sees what it is there for."""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import threading

import pytest

from tests.fuzz import report
from tests.fuzz.asked import FRAMINGS, Asked, to_bytes
from tests.fuzz.bend import Bender, Seed
from tests.fuzz.crawl import Page
from tests.fuzz.crowd import fault_of
from tests.fuzz.stage import complaint_of, standing
from tests.fuzz.wire import NO_ANSWER, Answer, Line

REQUESTS = 500
SEEDS = [
    Seed(
        "owner",
        "o/<slug:slug>/clients/",
        "GET",
        "/o/⟦slug⟧/clients/",
        (("cursor", "x"),),
    ),
    Seed(
        "", "s/<slug:slug>/", "POST", "/s/⟦slug⟧/", (), "urlencoded", (("name", "A"),)
    ),
    Seed(
        "", "hook", "POST", "/webhooks/heffl/⟦slug⟧/", kind="signed", body='{"a": [1]}'
    ),
]
THINGS = {
    **{"slug": "house", "host": "127.0.0.1:1", "run": "r", "run_id": "fuzz-r-000001"},
    **{"webhook_secret": "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo="},
    **{f"signup_token.{nth}": "t" for nth in range(40)},
    **{f"proof.{nth}": "p" for nth in range(40)},
}


@pytest.mark.slow
@pytest.mark.once
def test_a_short_run_finds_no_fault(tmp_path):
    with standing(tmp_path) as stage:
        result = report.run(stage, "short", REQUESTS, clients=2)

        report.explain(stage, result, tmp_path / "kept")
        assert result.good, result.line()
        assert result.sent == REQUESTS
        assert result.statuses[200] > REQUESTS / 10, result.statuses
        # Each address is asked once as it is: most of them must have let it in.
        assert len(result.missed) < len(stage.routes) / 5, result.missed


@pytest.mark.parametrize("seed", ["1", "2"])
def test_a_seed_and_a_number_make_a_request(seed):
    first, again = Bender(SEEDS, seed), Bender(SEEDS, seed)
    other = Bender(SEEDS, seed + "x")

    made = [first.asked(number) for number in range(300)]

    assert made == [again.asked(number) for number in reversed(range(300))][::-1]
    assert made != [other.asked(number) for number in range(300)]
    assert len({one.to_json() for one in made[3:]}) > 200


def test_every_request_can_be_sent_and_kept():
    for number in range(2_000):
        asked = Bender(SEEDS, "kept").asked(number)

        assert Asked.from_json(asked.to_json()) == asked
        sent = to_bytes(asked, THINGS, {"csrf": "c"})
        assert sent.startswith(asked.method.encode() + b" "), asked


@pytest.mark.parametrize("framing", FRAMINGS)
def test_every_way_to_break_the_rules_of_http_is_another(framing):
    asked = SEEDS[1].asked(1)
    plain = to_bytes(asked, THINGS, {})
    asked.framing = framing

    assert to_bytes(asked, THINGS, {}) != plain


def test_the_least_request_is_what_is_left_when_nothing_more_can_go():
    asked = SEEDS[1].asked(7)
    asked.headers = [["A", "1"], ["Bad", "x"], ["C", "3"]]
    asked.query, asked.tail = [["a", "b"], ["c", "d"]], "&x"
    before = copy.deepcopy(asked)

    def faulty(one):
        return ["Bad", "x"] in one.headers and ["c", "d"] in one.query

    less = report.least(asked, faulty)

    assert (less.headers, less.query) == ([["Bad", "x"]], [["c", "d"]])
    assert (less.tail, less.form) == ("", [])
    assert asked == before


@pytest.mark.parametrize(
    ("status", "change", "fault"),
    [
        (200, {}, ""),
        (404, {}, ""),
        (500, {}, "500"),
        (502, {}, "502"),
        (503, {}, "503"),
        (503, {"path": "/readyz"}, ""),
        (501, {}, "501"),
        (501, {"method": "BREW"}, ""),
        (501, {"framing": "chunked"}, ""),
        (500, {"framing": "chunked"}, "500"),
        (NO_ANSWER, {}, "no answer"),
        (NO_ANSWER, {"framing": "short"}, ""),
    ],
)
def test_an_answer_that_no_request_may_get_is_a_fault(status, change, fault):
    asked = SEEDS[0].asked(1)
    for name, value in change.items():
        setattr(asked, name, value)

    assert fault_of(asked, Answer(status, 0.1), 100) == fault


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        ({"level": "info", "message": "request"}, False),
        ({"level": "warning", "message": "refused", "reason": "DisallowedHost"}, False),
        ({"level": "error", "message": "database unreachable"}, True),
        ({"level": "warning", "message": "x", "exception": "ValueError"}, True),
        ("Traceback (most recent call last):", True),
        ("ValueError: x", True),
        ("", False),
        ("just words", False),
    ],
)
def test_a_line_of_the_log_that_tells_of_a_fault_is_seen(line, seen):
    told = line if isinstance(line, str) else json.dumps(line)

    assert bool(complaint_of(told)) == seen


def test_a_form_is_read_as_a_browser_would_send_it():
    page = Page()
    page.feed(
        '<a href="?q=1">x</a><form method="post" action="/x/">'
        '<input name="a" value="1"><input type="checkbox" name="b" checked>'
        '<select name="c"><option value="">-</option><option value="2" selected>2</select>'
        '<textarea name="d">long</textarea><input type="file" name="f">'
        '<button name="action" value="go">Go</button></form>'
    )

    assert page.links == ["?q=1"]
    assert page.files == [["f"]]
    assert page.forms == [
        (
            {"method": "post", "action": "/x/"},
            [("a", "1"), ("b", "on"), ("c", "2"), ("d", "long"), ("action", "go")],
        )
    ]


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno", 500),
        (b"HTTP/1.1 204 No\r\n\r\n", 204),
        (b"nonsense\r\n\r\n", NO_ANSWER),
        (b"", NO_ANSWER),
    ],
)
def test_what_comes_back_is_read_as_it_is(said, status):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            with contextlib.suppress(OSError), server.accept()[0] as caller:
                caller.recv(1_000)
                caller.sendall(said)

        threading.Thread(target=answer, daemon=True).start()
        line = Line(f"http://127.0.0.1:{server.getsockname()[1]}")

        assert line.ask(b"GET / HTTP/1.1\r\n\r\n", "GET", last=True).status == status
