"""What goes over the wire, what comes back, and where the key never shows.

The only tests that know about HTTP; what each fault means is in test_truth_table.py.
"""

import inspect
import logging
import traceback

import pytest

from clients_app.heffl import transport
from clients_app.heffl.api import HefflAPI, validate_base_url
from clients_app.heffl.contract import ClientType
from clients_app.heffl.outcome import Phase, Verdict
from clients_app.heffl.transport import Fault, Flight, Limits

from .scripted_server import Peer, ScriptedServer
from .truth_table import BODY, CREATED, KEY, answer, raw

LIST = b'{"items":[' + CREATED + b'],"nextCursor":null,"hasMore":false}'
V2_LIST = b'{"data":[{"id":"clt_1","name":"A","cf_size":3}],"meta":{"hasMore":false}}'


def api_for(server, **options):
    options.setdefault("reveal_key", lambda: KEY)
    return HefflAPI(
        server.url("http"), options.pop("reveal_key"), user_agent="tests/1", **options
    )


def post(script, **options):
    time_left = options.pop("time_left", None)
    server = ScriptedServer(script)
    with server:
        outcome = api_for(server, **options).create_client(BODY, time_left=time_left)
    return outcome, server


def get(script, call, **options):
    server = ScriptedServer(script)
    with server:
        reading = call(api_for(server, **options))
    return reading, server.request().split(b"\r\n")[0].decode()


def test_create_client_sends_the_body_and_only_its_own_headers():
    _, server = post(answer(200, CREATED))

    head, _, body = server.request().partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    assert first == "POST /api/v1/clients HTTP/1.1"
    assert body == BODY
    assert dict(line.lower().split(": ") for line in lines) == {
        "host": f"127.0.0.1:{server.port}",
        "accept": "application/json",
        "accept-encoding": "identity",
        "connection": "close",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "user-agent": "tests/1",
        "x-api-key": KEY,
    }


def test_create_client_returns_the_client_and_what_the_headers_said():
    date = "Date: Sun, 01 Mar 2026 08:00:00 GMT"
    outcome, _ = post(answer(200, CREATED, "RateLimit-Remaining: 59", date))

    assert outcome.client is not None
    assert (outcome.client.id, outcome.client.number) == ("clt_1", "CON001")
    assert outcome.rate is not None
    assert outcome.rate.remaining == 59
    assert outcome.remote_date is not None
    assert outcome.remote_date.isoformat() == "2026-03-01T08:00:00+00:00"
    assert (outcome.phase, outcome.status) == (Phase.DONE, 200)


def test_create_client_opens_a_fresh_connection_for_every_post():
    server = ScriptedServer(answer(200, CREATED))

    with server:
        api = api_for(server)
        verdicts = [api.create_client(BODY).verdict for _ in range(3)]

    assert verdicts == [Verdict.CREATED] * 3
    assert server.connections == 3


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_is_not_followed_to_another_host(status):
    elsewhere = ScriptedServer(Peer.hold)

    with elsewhere:
        location = f"Location: {elsewhere.url('http')}"
        outcome, server = post(answer(status, b"", location))

    assert outcome.verdict is Verdict.CONFIGURATION
    assert (server.connections, elsewhere.connections) == (1, 0)


def test_proxies_and_sign_ins_of_the_environment_are_ignored(monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ann password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    proxy = ScriptedServer(Peer.hold)

    with proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        outcome, server = post(answer(200, CREATED))

    assert outcome.verdict is Verdict.CREATED
    assert proxy.connections == 0
    assert b"authorization" not in server.request().lower()


def test_status_and_date_are_known_even_when_the_body_is_cut():
    head = b"HTTP/1.1 200 OK\r\nDate: Sun, 01 Mar 2026 08:00:00 GMT\r\n"
    outcome, _ = post(raw(head + b"Content-Length: 99\r\n\r\n{"))

    assert (outcome.verdict, outcome.reason) == (Verdict.UNCERTAIN, "truncated")
    assert outcome.status == 200
    assert outcome.remote_date is not None


def test_refusal_carries_the_words_and_the_field():
    body = b'{"code":"BAD_REQUEST","message":"Invalid email address format"}'

    outcome, _ = post(answer(400, body))

    assert outcome.verdict is Verdict.REFUSED
    assert (outcome.code, outcome.field) == ("BAD_REQUEST", "email")
    assert outcome.message == "Invalid email address format"


def test_no_time_left_sends_nothing():
    outcome, server = post(answer(200, CREATED), time_left=-1.0)

    assert outcome.verdict is Verdict.SAFE
    assert outcome.reason == "deadline_before_send"
    assert server.request() == b""


def test_time_is_checked_right_before_the_first_byte():
    now = [0.0]
    flight = Flight(Limits(5, 20, 30), lambda: now[0], time_left=2.0)
    flight.enter(Phase.HANDSHAKE)
    now[0] = 2.0

    with pytest.raises(Fault, match="deadline_before_send"):
        flight.start_sending()

    assert flight.phase is Phase.HANDSHAKE


def test_time_left_does_not_end_a_call_that_began_in_time():
    now = [0.0]
    flight = Flight(Limits(5, 20, 30), lambda: now[0], time_left=2.0)
    flight.start_sending()
    now[0] = 3.0

    flight.start_sending()

    assert flight.seconds_to_wait() == 20
    now[0] = 29.0
    assert flight.seconds_to_wait() == 1.0


def test_connection_tries_the_next_address_of_a_name(monkeypatch):
    server = ScriptedServer(answer(200, CREATED))
    closed = ScriptedServer(Peer.hold)
    with closed:
        pass

    def two_addresses(*_args, **_kwargs):
        kind = (transport.socket.AF_INET, transport.socket.SOCK_STREAM, 6, "")
        return [(*kind, ("127.0.0.1", port)) for port in (closed.port, server.port)]

    monkeypatch.setattr("socket.getaddrinfo", two_addresses)
    with server:
        outcome = api_for(server).create_client(BODY)

    assert outcome.verdict is Verdict.CREATED


def test_key_is_nowhere_in_the_outcome_or_the_logs(caplog):
    caplog.set_level(logging.DEBUG)
    said = f'{{"code":"UNAUTHORIZED","message":"Invalid key {KEY}"}}'.encode()

    outcome, _ = post(answer(401, said, f"X-Echo: {KEY}"))

    assert outcome.verdict is Verdict.KEY_REFUSED
    assert "canary" not in repr(outcome)
    assert "canary" not in caplog.text


def test_key_of_any_shape_is_cut_out_of_what_heffl_says():
    key = 'odd"key\\with/quotes'
    said = b'{"code":"X","message":"bad key odd\\"key\\\\with/quotes here"}'

    outcome, _ = post(answer(400, said), reveal_key=lambda: key)

    assert outcome.message == "bad key *** here"


def test_key_that_cannot_be_opened_pauses_the_key_and_raises_nothing():
    def broken():
        raise RuntimeError(f"cannot open {KEY}")

    outcome, server = post(answer(200, CREATED), reveal_key=broken)

    assert (outcome.verdict, outcome.reason) == (Verdict.KEY_REFUSED, "key_unreadable")
    assert server.request() == b""


@pytest.mark.parametrize("key", ["", "with space", "line\nbreak", "ключ", "x" * 501])
def test_key_that_is_no_header_value_is_not_sent(key):
    outcome, server = post(answer(200, CREATED), reveal_key=lambda: key)

    assert (outcome.verdict, outcome.reason) == (Verdict.KEY_REFUSED, "key_malformed")
    assert server.request() == b""


def test_interruption_goes_on_without_the_key_in_any_frame(monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Flight, "start_sending", interrupt)

    with pytest.raises(KeyboardInterrupt) as caught:
        post(answer(200, CREATED))

    frames = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__)]
    modules = {inspect.getmodule(frame) for frame in frames}
    held = [repr(value) for frame in frames for value in frame.f_locals.values()]
    assert caught.value.__context__ is None
    assert transport not in modules
    assert not [text for text in held if KEY in text]


def test_check_key_asks_for_one_client():
    reading, line = get(answer(200, LIST), HefflAPI.check_key)

    assert line == "GET /api/v1/clients?limit=1 HTTP/1.1"
    assert (reading.ok, reading.verdict) == (True, None)
    assert reading.data is not None
    assert reading.data.items[0].number == "CON001"


def test_check_key_accepts_a_list_of_unknown_shape_but_no_web_page():
    unknown, _ = get(answer(200, b'{"rows":[]}'), HefflAPI.check_key)
    portal, _ = get(
        answer(200, b"<html>Sign in to the wifi</html>"), HefflAPI.check_key
    )

    assert (unknown.ok, unknown.data) == (True, None)
    assert (portal.ok, portal.verdict, portal.reason) == (
        False,
        Verdict.SAFE,
        "not_json",
    )


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (401, b'{"code":"UNAUTHORIZED"}', Verdict.KEY_REFUSED),
        (403, b'{"code":"FORBIDDEN"}', Verdict.KEY_REFUSED),
        (404, b"{}", Verdict.CONFIGURATION),
        (429, b"{}", Verdict.RATE_LIMITED),
        (500, b"{}", Verdict.SAFE),
    ],
)
def test_check_key_tells_why_it_failed(status, body, verdict):
    reading, _ = get(answer(status, body), HefflAPI.check_key)

    assert (reading.ok, reading.verdict, reading.status) == (False, verdict, status)


def test_reading_that_broke_off_may_be_asked_again():
    reading, _ = get(raw(b"HTTP/1.1 200 OK\r\n"), HefflAPI.check_key)

    assert (reading.ok, reading.verdict) == (False, Verdict.SAFE)
    assert reading.reason == "truncated"


def test_get_client_reads_one_client_by_its_quoted_id():
    reading, line = get(answer(200, CREATED), lambda api: api.get_client("clt/1?x"))

    assert line == "GET /api/v1/clients/clt%2F1%3Fx HTTP/1.1"
    assert reading.data is not None
    assert reading.data.name == "Oasis Dental"


def test_get_client_that_heffl_does_not_know_is_not_a_wrong_setting():
    reading, _ = get(answer(404, b"{}"), lambda api: api.get_client("clt_9"))

    assert (reading.verdict, reading.reason) == (Verdict.REFUSED, "not_found")


@pytest.mark.parametrize(
    ("arguments", "query"),
    [
        ({}, "limit=100"),
        ({"limit": 20, "cursor": "a&b"}, "limit=20&cursor=a%26b"),
        ({"page_no": 2}, "pageNo=2&pageSize=100"),
    ],
)
def test_list_clients_pages_in_both_ways(arguments, query):
    reading, line = get(answer(200, LIST), lambda api: api.list_clients(**arguments))

    assert line == f"GET /api/v1/clients?{query} HTTP/1.1"
    assert reading.ok


def test_list_clients_of_unknown_shape_fails_closed():
    reading, _ = get(answer(200, b'{"rows":[]}'), HefflAPI.list_clients)

    assert (reading.ok, reading.data, reading.verdict) == (False, None, Verdict.SAFE)


@pytest.mark.parametrize(
    ("client_type", "path"),
    [(ClientType.COMPANY, "companies"), (ClientType.CONTACT, "contacts")],
)
def test_search_asks_the_newer_generation_and_fills_in_the_type(client_type, path):
    reading, line = get(
        answer(200, V2_LIST), lambda api: api.search(client_type, "a+b@example.com")
    )

    query = "search=a%2Bb%40example.com&orderBy=createdAt&orderDir=desc&pageSize=100"
    assert line == f"GET /api/v2/{path}?{query} HTTP/1.1"
    assert reading.data is not None
    assert reading.data.items[0].type == client_type
    assert reading.data.items[0].extra == {"cf_size": 3}


def test_search_that_answers_with_another_type_fails_closed():
    body = V2_LIST.replace(b'"name"', b'"type":"contact","name"')

    reading, _ = get(
        answer(200, body), lambda api: api.search(ClientType.COMPANY, "Oasis")
    )

    assert not reading.ok


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://api.heffl.com/api/v1", "https://api.heffl.com/api/v1"),
        (" https://api.heffl.com/api/v1/ ", "https://api.heffl.com/api/v1"),
        ("http://127.0.0.1:8100/api/v1", "http://127.0.0.1:8100/api/v1"),
        ("http://127.8.8.8/api/v1", "http://127.8.8.8/api/v1"),
        ("http://[::1]:8100/api/v1", "http://[::1]:8100/api/v1"),
        ("http://localhost:8100/api/v1", "http://localhost:8100/api/v1"),
    ],
)
def test_base_url_is_kept_when_it_is_safe(given, kept):
    assert validate_base_url(given) == kept


@pytest.mark.parametrize(
    "address",
    [
        "",
        "api.heffl.com/api/v1",
        "https://",
        "http://api.heffl.com/api/v1",
        "http://localhost.example.com/api/v1",
        "http://10.0.0.1/api/v1",
        "ftp://api.heffl.com/api/v1",
        "https://ann:secret@api.heffl.com/api/v1",
        "https://api.heffl.com/api/v1?x=1",
        "https://api.heffl.com/api/v1#x",
        "https://api.heffl.com:99999/api/v1",
        "https://api.heffl.com:0/api/v1",
        "https://api.heffl .com/api/v1",
        "https://[::1/api/v1",
    ],
)
def test_base_url_that_is_not_safe_is_refused_in_plain_words(address):
    with pytest.raises(ValueError, match=r"^The address of Heffl .*\.$") as refused:
        validate_base_url(address)

    assert "secret" not in str(refused.value)


def test_api_cannot_be_told_to_skip_the_certificate():
    with pytest.raises(ValueError, match="always checked"):
        HefflAPI(
            "https://api.heffl.com/api/v1", lambda: KEY, user_agent="x", verify=False
        )
