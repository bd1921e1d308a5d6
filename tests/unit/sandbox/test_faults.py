"""Each scripted fault as a raw socket sees it, and who gets it."""

import gzip
import json
import socket
import time

import pytest

from heffl_sandbox.control import ControlError
from heffl_sandbox.faults import REGISTRY
from tests.unit.sandbox.conftest import (
    KEY,
    call,
    create,
    create_bytes,
    raw,
    wait_for,
)

OTHER = "heffl_user_other_key_0002"


def _status(data):
    return int(data.split(b" ", 2)[1])


def _split(data):
    head, _, body = data.partition(b"\r\n\r\n")
    return head, body


def _length(head):
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return None


STATUSES = {
    "unauthorized": (401, b'"UNAUTHORIZED"'),
    "forbidden": (403, b'"FORBIDDEN"'),
    "forbidden_html": (403, b"<html>"),
    "bad_request_html": (400, b"<html>"),
    "server_error": (500, b'"INTERNAL_SERVER_ERROR"'),
    "bad_gateway": (502, b"<html>"),
    "unavailable": (503, b"<html>"),
    "gateway_timeout": (504, b"<html>"),
    "rate_limited_bare": (429, b'"TOO_MANY_REQUESTS"'),
    "accepted": (202, b"{"),
    "no_content": (204, b""),
}


@pytest.mark.parametrize("name", STATUSES)
def test_status_fault_answers_and_creates_nothing(sandbox, control, name):
    status, part = STATUSES[name]
    control.push_fault(name)

    data, end = raw(sandbox, create_bytes())

    head, body = _split(data)
    assert (_status(data), end) == (status, "fin")
    assert part in body
    assert (_length(head) or 0) == len(body)
    assert b"RateLimit" not in head
    assert control.clients() == []


@pytest.mark.parametrize("status", [201, 404, 408, 409, 425, 451, 503, 700, 999])
def test_status_fault_takes_any_number(sandbox, control, status):
    params = {"status": status, "message": "Words", "code": "X", "headers": {"A": "b"}}
    control.push_fault("status", params=params)

    data, _ = raw(sandbox, create_bytes())

    head, body = _split(data)
    assert _status(data) == status
    assert json.loads(body) == {"code": "X", "message": "Words"}
    assert b"\r\nA: b\r\n" in head


def test_status_fault_takes_a_raw_body(sandbox, control):
    params = {"status": 400, "body": "raw", "raw": "busy", "content_type": "text/plain"}
    control.push_fault("status", params=params)

    answer = create(sandbox, {"name": "A"})

    assert answer.body == b"busy"
    assert answer.headers["content-type"] == "text/plain"


@pytest.mark.parametrize("created", [False, True])
def test_status_fault_creates_when_told(sandbox, control, created):
    control.push_fault("unavailable", created=created)

    answer = create(sandbox, {"name": "Lost"})

    assert answer.status == 503
    assert control.creates_per_name() == ({"Lost": 1} if created else {})
    assert bool(control.calls()[0]["client_id"]) is created


def test_rate_limited_sends_the_headers_it_is_given(sandbox, control):
    control.push_fault("rate_limited", params={"reset": "1795368328", "limit": ""})

    answer = create(sandbox, {"name": "A"})

    assert answer.status == 429
    assert answer.headers["ratelimit-reset"] == "1795368328"
    assert answer.headers["ratelimit-remaining"] == "0"
    assert "ratelimit-limit" not in answer.headers
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_names_another_place(sandbox, control, status):
    location = "http://127.0.0.1:9/other"
    control.push_fault("redirect", params={"status": status, "location": location})

    answer = create(sandbox, {"name": "A"})

    assert (answer.status, answer.headers["location"]) == (status, location)


def test_early_hints_come_before_the_answer(sandbox, control):
    control.push_fault("early_hints")

    data, _ = raw(sandbox, create_bytes())

    hints, rest = data.split(b"\r\n\r\n", 1)
    assert hints.startswith(b"HTTP/1.1 103 ")
    assert _status(rest) == 200


@pytest.mark.parametrize("name", ["reset_before_reading", "reset_after_headers"])
def test_early_reset_creates_nothing(sandbox, control, name):
    control.push_fault(name)

    assert raw(sandbox, create_bytes()) == (b"", "reset")
    assert control.clients() == []


def test_reset_before_reading_reads_nothing(sandbox, control):
    control.push_fault("reset_before_reading")

    raw(sandbox, create_bytes())

    (seen,) = control.calls()
    assert (seen["bytes_in"], seen["fault"]) == (0, "reset_before_reading")
    assert seen["status"] is None


def test_reset_after_headers_does_not_wait_for_the_body(sandbox, control):
    control.push_fault("reset_after_headers")
    head = create_bytes().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"

    assert raw(sandbox, head) == (b"", "reset")
    assert control.calls()[0]["bytes_in"] == len(head)


def test_reset_after_body_waits_for_the_body(sandbox, control):
    control.push_fault("reset_after_body")
    whole = create_bytes()

    with socket.create_connection(("127.0.0.1", sandbox.port), 60) as sock:
        sock.sendall(whole[:-5])
        sock.settimeout(0.2)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        sock.settimeout(5)
        sock.sendall(whole[-5:])
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


@pytest.mark.parametrize("created", [False, True])
@pytest.mark.parametrize(
    ("name", "end"), [("reset_after_body", "reset"), ("fin_without_answer", "fin")]
)
def test_lost_answer_creates_when_told(sandbox, control, name, end, created):
    control.push_fault(name, created=created)

    assert raw(sandbox, create_bytes("Lost")) == (b"", end)
    assert control.creates_per_name() == ({"Lost": 1} if created else {})


def test_fin_in_headers_leaves_them_unfinished(sandbox, control):
    control.push_fault("fin_in_headers")

    data, end = raw(sandbox, create_bytes())

    assert (_status(data), end) == (200, "fin")
    assert b"\r\n\r\n" not in data
    assert len(control.clients()) == 1


def test_truncated_body_is_shorter_than_announced(sandbox, control):
    control.push_fault("truncated_body")

    data, end = raw(sandbox, create_bytes())

    head, body = _split(data)
    assert end == "fin"
    assert 0 < len(body) < _length(head)


@pytest.mark.slow
def test_stalled_body_keeps_the_rest_back(sandbox, control):
    control.push_fault("stalled_body")

    data, end = raw(sandbox, create_bytes(), timeout=2.0)

    head, body = _split(data)
    assert end == "timeout"
    assert 0 < len(body) < _length(head)


def test_stall_says_nothing(sandbox, control):
    control.push_fault("stall", created=True)

    assert raw(sandbox, create_bytes(), timeout=0.5) == (b"", "timeout")
    wait_for(lambda: len(control.clients()) == 1)


def test_stall_ends_after_its_seconds(sandbox, control):
    control.push_fault("stall", params={"seconds": 0.2})

    assert raw(sandbox, create_bytes()) == (b"", "fin")


def _chunks(sandbox, data):
    """Send and note how many bytes each reading gave."""
    sizes, whole = [], b""
    with socket.create_connection(("127.0.0.1", sandbox.port), 60) as sock:
        sock.sendall(data)
        while chunk := sock.recv(65536):
            sizes.append(len(chunk))
            whole += chunk
    return sizes, whole


def test_dripping_headers_arrive_in_bits(sandbox, control):
    params = {"interval": 0.005, "chunk": 10}
    control.push_fault("dripping_headers", params=params)

    sizes, data = _chunks(sandbox, create_bytes())

    assert sizes[0] == 10
    assert len(sizes) > 10
    assert json.loads(_split(data)[1])["number"] == "CLT-00001"


def test_dripping_body_sends_the_headers_at_once(sandbox, control):
    control.push_fault("dripping_body", params={"interval": 0.005, "chunk": 10})

    sizes, data = _chunks(sandbox, create_bytes())

    head, body = _split(data)
    assert sizes[0] >= len(head) + 4
    assert len(sizes) > 5
    assert json.loads(body)["number"] == "CLT-00001"


def test_dripping_ends_after_its_seconds(sandbox, control):
    control.push_fault("dripping_body", params={"seconds": 0.1, "interval": 0.05})

    data, end = raw(sandbox, create_bytes())

    head, body = _split(data)
    assert end == "fin"
    assert len(body) < _length(head)


def test_slow_answers_late_but_right(sandbox, control):
    control.push_fault("slow", params={"seconds": 0.3})
    started = time.monotonic()

    answer = create(sandbox, {"name": "A"})

    assert time.monotonic() - started >= 0.3
    assert answer.json["number"] == "CLT-00001"


def test_slow_without_creating_is_a_gateway_timeout(sandbox, control):
    control.push_fault("slow", params={"seconds": 0.01}, created=False)

    assert create(sandbox, {"name": "A"}).status == 504
    assert control.clients() == []


def test_garbage_is_not_http(sandbox, control):
    control.push_fault("garbage")

    data, end = raw(sandbox, create_bytes())

    assert end == "fin"
    assert data
    assert not data.startswith(b"HTTP/")


def test_not_json_cannot_be_parsed(sandbox, control):
    control.push_fault("not_json")

    answer = create(sandbox, {"name": "A"})

    assert answer.status == 200
    with pytest.raises(ValueError, match="Expecting"):
        json.loads(answer.body)


def test_json_list_wraps_the_client(sandbox, control):
    control.push_fault("json_list")

    assert create(sandbox, {"name": "A"}).json[0]["number"] == "CLT-00001"


def test_empty_body_is_empty(sandbox, control):
    control.push_fault("empty_body")

    answer = create(sandbox, {"name": "A"})

    assert (answer.status, answer.body) == (200, b"")
    assert len(control.clients()) == 1


def test_bad_gzip_cannot_be_unpacked(sandbox, control):
    control.push_fault("bad_gzip")

    answer = create(sandbox, {"name": "A"})

    assert answer.headers["content-encoding"] == "gzip"
    with pytest.raises(Exception, match="invalid|Error"):
        gzip.decompress(answer.body)


def test_deeply_nested_is_200000_levels(sandbox, control):
    control.push_fault("deeply_nested")

    answer = create(sandbox, {"name": "A"})

    assert answer.body == b"[" * 200_000 + b"]" * 200_000


def test_huge_body_is_over_one_mebibyte_of_good_json(sandbox, control):
    control.push_fault("huge_body")

    answer = create(sandbox, {"name": "A"})

    assert len(answer.body) > 1 << 20
    assert answer.json["number"] == "CLT-00001"


@pytest.mark.parametrize(
    ("name", "missing"), [("no_id", "id"), ("no_number", "number")]
)
def test_answer_lacks_one_key(sandbox, control, name, missing):
    control.push_fault(name)

    answer = create(sandbox, {"name": "A"})

    assert answer.status == 200
    assert missing not in answer.json
    assert answer.json["name"] == "A"
    assert len(control.clients()) == 1


def test_many_headers_are_150_more(sandbox, control):
    control.push_fault("many_headers")

    head, body = _split(raw(sandbox, create_bytes())[0])

    assert head.count(b"X-Pad-") == 150
    assert json.loads(body)["number"] == "CLT-00001"


def test_long_header_is_70000_bytes(sandbox, control):
    control.push_fault("long_header")

    head, body = _split(raw(sandbox, create_bytes())[0])

    assert max(len(line) for line in head.split(b"\r\n")) > 70_000
    assert json.loads(body)["number"] == "CLT-00001"


def test_conflicting_length_names_two(sandbox, control):
    control.push_fault("conflicting_length")

    head, body = _split(raw(sandbox, create_bytes())[0])

    lengths = [
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.startswith(b"Content-Length:")
    ]
    assert lengths == [len(body), len(body) + 10]


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTRY)
def test_sandbox_goes_on_after_every_fault(sandbox, control, name):
    control.push_fault(name)
    raw(sandbox, create_bytes("First"), timeout=0.3)
    wait_for(lambda: control.faults()["queue"] == [])

    after = create(sandbox, {"name": "Second"})

    assert after.status == 200
    assert [one["fault"] for one in control.calls()] == [name, ""]
    assert control.faults()["queue"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", REGISTRY)
def test_created_decides_whether_the_client_exists(sandbox, control, name):
    default = REGISTRY[name].creates

    for created in (False, True):
        if created and default is None:
            with pytest.raises(ControlError):
                control.push_fault(name, created=True)
            continue
        control.push_fault(name, created=created)
        raw(sandbox, create_bytes(f"{created}"), timeout=0.3)
        wait_for(lambda: control.faults()["queue"] == [])

    expected = {} if default is None else {"True": 1}
    wait_for(lambda: len(control.creates_per_name()) >= len(expected))
    assert control.creates_per_name() == expected


def test_faults_are_played_in_the_order_of_the_script(sandbox, control):
    control.push_faults(
        [
            {"fault": "none"},
            {"fault": "unavailable", "count": 2},
            {"fault": "status", "params": {"status": 404}},
        ]
    )

    seen = [create(sandbox, {"name": "A"}).status for _ in range(5)]

    assert seen == [200, 503, 503, 404, 200]


def test_fault_is_for_posts_unless_told_otherwise(sandbox, control):
    control.push_fault("unavailable")
    control.push_fault("status", params={"status": 418}, method="GET")

    listed = call(sandbox, "GET", "/api/v1/clients")
    made = create(sandbox, {"name": "A"})

    assert (listed.status, made.status) == (418, 503)


def test_fault_for_every_method_and_one_path(sandbox, control):
    control.push_fault("unavailable", method="*", path="/api/v2/", count=None)

    seen = [
        call(sandbox, "GET", path).status
        for path in ("/api/v1/clients", "/api/v2/contacts", "/api/v2/companies")
    ]

    assert seen == [200, 503, 503]


def test_fault_never_hits_the_control_routes_or_the_page(sandbox, control):
    control.push_fault("garbage", method="*", count=None)

    assert control.health()["status"] == "ok"
    assert call(sandbox, "GET", "/").status == 200


@pytest.mark.parametrize("filters", [{"key": KEY}, {"workspace": "Test"}])
def test_fault_for_one_key_or_workspace(sandbox, control, filters):
    control.add_workspace("Harbour", keys=[OTHER])
    control.push_fault("unavailable", **filters)

    other = create(sandbox, {"name": "A"}, key=OTHER)
    mine = create(sandbox, {"name": "B"})

    assert (other.status, mine.status) == (200, 503)


def test_fault_on_every_third_call(sandbox, control):
    control.push_fault("unavailable", every=3, count=None)

    seen = [create(sandbox, {"name": "A"}).status for _ in range(7)]

    assert seen == [200, 200, 503, 200, 200, 503, 200]


def test_fault_by_chance_repeats_with_its_seed(sandbox, control):
    runs = []
    for seed in (1, 1, 2):
        control.clear_faults()
        control.push_fault("unavailable", probability=0.5, seed=seed, count=None)
        runs.append([create(sandbox, {"name": "A"}).status for _ in range(24)])

    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert set(runs[0]) == {200, 503}


def test_clear_faults_drops_the_script(sandbox, control):
    control.push_fault("unavailable", count=None)

    control.clear_faults()

    assert create(sandbox, {"name": "A"}).status == 200


def test_call_over_the_limit_does_not_use_a_fault_up(sandbox, control):
    control.set(rate="1/60")
    control.push_faults([{"fault": "unavailable"}, {"fault": "unavailable"}])

    seen = [create(sandbox, {"name": "A"}).status for _ in range(2)]

    assert seen == [503, 429]
    assert control.faults()["queue"][0]["left"] == 1


def test_key_filter_is_not_shown_in_the_queue(sandbox, control):
    control.push_fault("unavailable", key=KEY)

    assert KEY not in json.dumps(control.faults())


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"fault": "nothing_known"},
        {"fault": "stall", "count": 0},
        {"fault": "stall", "count": 1.5},
        {"fault": "stall", "every": 0},
        {"fault": "stall", "probability": "half"},
        {"fault": "stall", "created": "yes"},
        {"fault": "stall", "params": []},
        {"fault": "stall", "params": {"minutes": 1}},
        {"fault": "stall", "params": {"seconds": "1"}},
        {"fault": "stall", "params": {"seconds": True}},
        {"fault": "stall", "colour": "red"},
        {"faults": [{"fault": "none"}, {"fault": "oops"}]},
        {"faults": ["stall"]},
    ],
)
def test_rule_that_makes_no_sense_is_refused_whole(control, rule):
    with pytest.raises(ControlError, match="400: .+"):
        control.call("POST", "faults", rule)

    assert control.faults()["queue"] == []


def test_registry_is_described(control):
    registry = control.faults()["registry"]

    assert {one["name"] for one in registry} == set(REGISTRY)
    assert all(one["summary"].endswith(".") for one in registry)
    assert len(registry) >= 35
