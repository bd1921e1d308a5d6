"""What cannot be understood is refused, or passed over: it is never a fault of ours."""

from __future__ import annotations

import base64
import io
import json
import logging

import pytest
from allauth.mfa.models import Authenticator
from django.core.wsgi import get_wsgi_application
from django.test import Client, RequestFactory

from clients_app.accounts.own_address import own_address
from clients_app.web.content_type import guarded, plain

PASSED_OVER = (
    "x",
    "//[",
    "http://[",
    "//evil.example",
    "\\\\evil",
    "/\\evil",
    "/a\nb",
    "",
)


def ask(path="/", query="", body=b"", **environ):
    """Ask the WSGI application itself, as the web server does; return status and body."""
    told = RequestFactory().get("/").environ | {
        "REQUEST_METHOD": "POST" if body else "GET",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "HTTP_HOST": "localhost",
        **environ,
    }
    statuses = []
    application = guarded(get_wsgi_application())
    answer = application(told, lambda status, headers: statuses.append(int(status[:3])))
    text = b"".join(answer).decode()
    answer.close()
    return statuses[0], text


def in_base64(place):
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


CURSORS = [
    [[], "x", 1, 0],
    [{}, "x", 1, 0],
    ["created_at", [], 1, 0],
    ["created_at", 2**57, 1, 0],
    ["created_at", True, 1, 0],
    ["created_at", -1, 1, 0],
    ["created_at", 1, True, 0],
    ["created_at", 1, 2**62, 0],
    ["created_at", 1, 1, []],
    ["created_at", 1, 1, 0.0],
    ["name_key", "\ud800", 1, 0],
    ["name_key", "\x00", 1, 0],
    ["name_key", {}, 1, 0],
    ["number", "9" * 401, 1, 0],
    [float("nan"), float("inf"), 1, 0],
    [],
    [1],
    {"0": "created_at", "1": 1, "2": 1, "3": 0},
    None,
    "abcd",
]


@pytest.mark.parametrize("place", CURSORS, ids=repr)
@pytest.mark.parametrize("page", ["clients", "review", "audit"])
def test_a_place_that_is_none_leads_to_the_first_page(owner, signed_in, page, place):
    client = signed_in(owner)

    answer = client.get(f"/o/al-noor/{page}/", {"cursor": in_base64(place)})

    assert answer.status_code == 200


@pytest.mark.parametrize(
    "text", ["[" * 2_900, "9" * 2_900, "\x00", "//8", "=", "a" * 9_000]
)
def test_what_is_no_cursor_at_all_leads_to_the_first_page(owner, signed_in, text):
    coded = base64.urlsafe_b64encode(text.encode()).decode()[:2_900]

    for cursor in (text, coded):
        answer = signed_in(owner).get("/o/al-noor/clients/", {"cursor": cursor})
        assert answer.status_code == 200


@pytest.mark.parametrize("where", PASSED_OVER)
@pytest.mark.parametrize(
    "page", ["login/", "password/reset/", "signup/", "2fa/webauthn/login/"]
)
def test_a_way_on_that_cannot_be_read_is_passed_over(db, page, where):
    client = Client(raise_request_exception=False)

    opened = client.get(f"/accounts/{page}", {"next": where})
    sent = client.post(f"/accounts/{page}", {"next": where, "login": "a@b.example"})

    assert opened.status_code < 500
    assert sent.status_code < 500


@pytest.mark.parametrize("where", PASSED_OVER)
def test_a_choice_leads_back_whatever_its_way_on_is(frontdesk, signed_in, where):
    client = signed_in(frontdesk)

    keys = client.post("/accounts/shortcuts/", {"next": where})
    language = client.post("/accounts/language/", {"next": where, "language": "en"})

    assert keys.url == "/accounts/preferences/"
    assert language.status_code == 302
    assert "evil" not in language.url


def test_a_choice_leads_to_where_it_was_made(frontdesk, signed_in):
    here = "/o/al-noor/clients/?q=a%20b&from=2026-01-01"

    answer = signed_in(frontdesk).post("/accounts/shortcuts/", {"next": here})

    assert answer.url == here


@pytest.mark.parametrize(
    ("where", "own"),
    [
        ("/o/al-noor/?q=1#x", True),
        ("/", True),
        ("", False),
        ("home", False),
        ("/" + "a" * 2_000, False),
        ("/\ud800", False),
        ("///evil.example", False),
        ("http://testserver.localhost/", False),
    ],
)
def test_only_a_path_of_this_site_is_a_way_on(where, own):
    request = RequestFactory().get("/", HTTP_HOST="testserver.localhost")

    assert own_address(request, where) == (where if own else "")


ODD_TYPES = [
    "application/x-www-form-urlencoded; charset=base64",
    "application/x-www-form-urlencoded; charset=utf-16",
    "multipart/form-data; boundary=a; charset=rot13",
    "multipart/form-data; charset=zlib; boundary=a",
    "text/plain; charset=idna",
    'text/plain; charset="punycode"',
    "text/plain; CHARSET=hex",
    "text/plain; charset=nosuch",
    "text/plain; charset=",
    "text/plain; charset*=base64''x",
    "text/plain; x*=nosuch''%41",
    "text/plain; charset*=idna''x",
    "text/plain; x*0*=idna''%ff; x*1=b",
    "text/plain; charset=utf-8; charset=base64",
    "text/plain\udcff",
    "a/b" + "; x=y" * 400,
    'a/b; x="',
    "nonsense",
    ";",
]


@pytest.mark.parametrize("said", ODD_TYPES)
@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/s/nosuch/", "/webhooks/heffl/nosuch/", "/admin/"]
)
@pytest.mark.parametrize(
    "body", [b"", b"--a\r\n\r\nlogin=a\r\n--a--"], ids=["get", "post"]
)
def test_a_body_of_a_kind_that_nobody_understands_is_refused(db, path, said, body):
    status, text = ask(path, "q=%41&next=//[", body, CONTENT_TYPE=said)

    assert status == 400
    assert "cannot be understood" in text or "could not be understood" in text, text


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("", ""),
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ('Text/Plain ; charset="UTF-8" ; x=y;', "Text/Plain"),
        ("multipart/form-data; boundary=----a1'()+_./:=?", None),
        ('multipart/form-data; charset=utf8; boundary="a b"', None),
    ],
)
def test_a_body_of_a_known_kind_keeps_its_kind_and_its_boundary(said, kept):
    if kept is None:
        boundary = said[said.index("boundary=") :]
        kept = f"multipart/form-data; {boundary}"

    assert plain(said) == kept


@pytest.mark.parametrize(
    "path", ["/accounts/login/", "/s/al-noor/", "/s/nosuch/", "/nosuch/"]
)
@pytest.mark.parametrize("said", ["", "text/plain; charset=utf-8"])
def test_an_address_with_too_many_parameters_is_refused(organisation, path, said):
    status, _text = ask(path, "x&" * 500, b"a=b", CONTENT_TYPE=said)

    assert status == 413


def test_what_a_stranger_says_is_no_error_of_ours_in_the_log(db, capsys):
    from heffl_portal.log_config import Refused

    record = logging.LogRecord(
        "django.security.DisallowedHost", logging.ERROR, "", 1, "Invalid: %s",
        ("sara@evil.example",), (ValueError, ValueError("sara"), None),
    )  # fmt: skip
    other = logging.LogRecord("portal.web", logging.ERROR, "", 1, "x", (), None)

    assert Refused().filter(record)
    assert Refused().filter(other)

    assert (record.levelname, record.getMessage()) == ("WARNING", "refused")
    assert record.__dict__["reason"] == "DisallowedHost"
    assert record.exc_info is None
    assert other.levelname == "ERROR"


ODD_CREDENTIALS = [
    "[" * 3_000 + "]" * 3_000,
    '{"a":' * 3_000 + "1" + "}" * 3_000,
    "9" * 5_000,
    '{"id": ' + "9" * 5_000 + "}",
    '{"id": "' + "x" * 100_000 + '"}',
    "[" * 90 + "]" * 90,
    "NaN",
    "\x00",
    "{",
    "{}",
    '{"id": "AAAA", "rawId": "A", "type": "public-key", "response": []}',
    "",
]


@pytest.mark.parametrize("sent", ODD_CREDENTIALS, ids=lambda sent: sent[:9])
@pytest.mark.parametrize("page", ["login/", "add/"])
def test_a_passkey_that_no_browser_made_is_refused(frontdesk, signed_in, page, sent):
    client = signed_in(frontdesk) if page == "add/" else Client()
    client.raise_request_exception = False
    client.get(f"/accounts/2fa/webauthn/{page}")

    answer = client.post(
        f"/accounts/2fa/webauthn/{page}", {"credential": sent, "name": "x"}
    )

    assert answer.status_code in (200, 302, 400)
    assert not Authenticator.objects.exists()
