"""A page that is closed cannot be told from one that never was, however it is asked.

Every address under /s/ and /webhooks/ is tried with every method, with bodies of all kinds,
from everywhere: what a closed organisation answers is, word for word, the answer for a name
that nobody has.
"""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from clients_app import webhooks
from clients_app.crypto import Secret
from clients_app.models import Invitation, SignupPage, Status
from clients_app.signup import colours
from clients_app.signup.page_settings import put_logo
from clients_app.views import brand
from tests.factories import OrganisationFactory, SubmissionFactory, UserFactory
from tests.routes import OPEN, PUBLIC
from tests.signups import company

# Who is told what does not depend on the database; every address is tried many times.
pytestmark = [pytest.mark.once, pytest.mark.slow]

CLOSED, NEVER = "closed-house", "no-such-home"
DOORS = sorted(route for route in PUBLIC | OPEN if "<slug:slug>" in route)
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
PARTS = {
    "receipt": ["ab" * 16, "x"],
    "digest": ["default", "own", "logo", "ab" * 8],
}
FORM = "application/x-www-form-urlencoded"
BODIES = {
    "nothing": (b"", ""),
    "a form": (b"type=company&name=Gulf+Star&submission_token=x&altcha=x", FORM),
    "a switch": (b"action=switch&type=contact", FORM),
    "json": (b'{"event": "client.created"}', "application/json"),
    "files": (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="f"\r\n\r\nx\r\n--b--',
        "multipart/form-data; boundary=b",
    ),
    "a broken form with files": (b"--b\r\nx", "multipart/form-data"),
    "too many fields": (b"a=&" * 500, FORM),
    "too much": (b"a=" + b"x" * 1_100_000, FORM),
    "too much for a report": (b"x" * 70_000, "application/json"),
    "no kind": (b"\xff\xfe", "nonsense"),
}
HEADERS = {
    "our own": {"HTTP_ORIGIN": "http://testserver"},
    "a foreign site": {"HTTP_ORIGIN": "https://evil.example"},
    "a site that is none": {"HTTP_ORIGIN": "//["},
    "a foreign page": {"HTTP_REFERER": "https://evil.example/"},
    "Arabic": {"HTTP_ACCEPT_LANGUAGE": "ar"},
    "a cookie": {"HTTP_COOKIE": "session=x; csrf=y; language=ar"},
    "a length that is none": {"CONTENT_LENGTH": "x"},
    "a length beyond all bounds": {"CONTENT_LENGTH": "9" * 30},
    "a signature": {
        "HTTP_WEBHOOK_ID": "msg_1",
        "HTTP_WEBHOOK_TIMESTAMP": "1700000000",
        "HTTP_WEBHOOK_SIGNATURE": "v1,AAAA",
    },
    "what is kept": {"HTTP_IF_NONE_MATCH": "*", "HTTP_RANGE": "bytes=0-0"},
}
QUERIES = ("lang=ar", "lang=x", "key=x", "reference=ABCDEF01", "a=&" * 500)


@pytest.fixture
def closed(db):
    """An organisation whose page was open once, in colours of its own, and has signups."""
    organisation = OrganisationFactory(name="Zyqqvarn Trading", slug=CLOSED)
    page = SignupPage.objects.create(
        organisation=organisation,
        accent="#aa3311",
        kiosk_key="k" * 32,
        default_language="ar",
        allowed_origins=["https://partner.example"],
    )
    put_logo(page, b"\x89PNG\r\n\x1a\n")
    page.save()
    SubmissionFactory(
        organisation=organisation,
        source="signup",
        status=Status.NEEDS_FIX,
        problem_field="name",
        receipt="cd" * 16,
    )
    return organisation


def digest(word, organisation):
    page = SignupPage.objects.get(organisation=organisation)
    return {
        "default": brand._stylesheet(colours.DEFAULT)[1],
        "own": brand._stylesheet(page.accent)[1],
        "logo": page.logo_hash,
    }.get(word, word)


def paths(route, organisation):
    """Give the paths of a route with the slug left open; a new part of one is an error."""
    names = re.findall(r"<slug:(\w+)>", route)
    assert set(names) - {"slug"} <= set(PARTS), f"Say in PARTS what stands in {route}."
    choices = [PARTS[name] for name in names if name != "slug"] or [[""]]
    for choice in choices[0]:
        path = route.replace("<slug:slug>", "{slug}")
        yield "/" + re.sub(r"<slug:\w+>", digest(choice, organisation), path)


def questions(path):
    """Give everything that is asked at a path: method, body, headers and query."""
    for method in METHODS:
        for body in BODIES:
            yield method, path, body, {}
        for headers in HEADERS.values():
            yield method, path, "a form", headers
        for query in QUERIES:
            yield method, f"{path}?{query}", "nothing", {}


def answered(question, slug):
    """Return an answer with the name in it and what always differs left out."""
    method, path, body, headers = question
    content, kind = BODIES[body]
    client = Client(raise_request_exception=False)
    answer = client.generic(
        method, path.replace("{slug}", slug), content, kind, **headers
    )
    kept = {
        name: value.replace(slug, "…")
        for name, value in answer.headers.items()
        if name not in ("X-Request-ID", "Date")
    }
    text = answer.getvalue() if answer.streaming else answer.content
    return (
        answer.status_code,
        kept,
        sorted(answer.cookies),
        text.decode(errors="replace").replace(slug, "…"),
    )


@pytest.mark.parametrize("route", DOORS)
def test_a_closed_page_answers_as_if_it_had_never_been(closed, route):
    for path in paths(route, closed):
        for question in questions(path):
            here, nowhere = answered(question, CLOSED), answered(question, NEVER)

            assert here == nowhere, question
            assert "Zyqqvarn" not in here[3]


def test_one_that_expects_reports_tells_nobody_but_their_sender(closed):
    secret = "whsec_" + base64.b64encode(b"s" * 32).decode()
    webhooks.add_secret(closed, Secret(secret), user=UserFactory())

    for question in questions("/webhooks/heffl/{slug}/"):
        assert answered(question, CLOSED) == answered(question, NEVER), question


@pytest.mark.parametrize("route", [each for each in DOORS if each.startswith("s/")])
def test_an_open_page_answers_in_its_own_name(closed, route):
    """Else the test above would compare two pages that say nothing anyway."""
    closed.signup_mode = "send"
    closed.save()
    known = {"receipt": "cd" * 16, "digest": digest("own", closed)}
    if "logo" in route:
        known["digest"] = digest("logo", closed)
    path = "/" + re.sub(r"<slug:(\w+)>", lambda one: known.get(one[1], "{slug}"), route)

    here = answered(("GET", path, "nothing", {}), CLOSED)

    assert here != answered(("GET", path, "nothing", {}), NEVER)


@pytest.mark.parametrize(
    "path", ["/s/{slug}/r/{receipt}/", "/s/{slug}/embed/r/{receipt}/"]
)
def test_who_signed_up_before_still_sees_how_far_it_is_in_its_colours(closed, path):
    answer = Client().get(path.format(slug=CLOSED, receipt="cd" * 16))

    page = answer.content.decode()
    shown = re.findall(r'"(/s/[^"]+/(?:brand|logo)\.[^"]+)"', page)
    assert answer.status_code == 200
    assert len(shown) == 2
    assert [Client().get(each).status_code for each in shown] == [200, 200]
    plain = [each.partition("?")[0] for each in shown]
    assert [Client().get(each).status_code for each in plain] == [404, 404]


def test_who_signed_up_before_can_still_correct_it(closed):
    path = f"/s/{CLOSED}/r/{'cd' * 16}/correct/"

    shown = Client().get(path)
    foreign = Client().post(path, {"name": "x"}, HTTP_ORIGIN="https://evil.example")

    assert (shown.status_code, foreign.status_code) == (200, 403)


def test_a_receipt_of_another_page_opens_nothing_here(closed):
    other = OrganisationFactory(slug=NEVER + "-2", signup_mode="send")
    SubmissionFactory(organisation=other, source="signup", receipt="ef" * 16)

    for receipt in ("ef" * 16, "cd" * 16):
        assert Client().get(f"/s/{NEVER}/r/{receipt}/").status_code == 404
    assert Client().get(f"/s/{CLOSED}/r/{'ef' * 16}/").status_code == 404


def test_a_form_that_was_open_when_the_page_closed_is_told_nothing(closed):
    closed.signup_mode = "send"
    closed.save()
    posted = company(closed)
    closed.signup_mode = ""
    closed.save()

    answers = [Client().post(f"/s/{slug}/", posted) for slug in (CLOSED, NEVER)]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content
    assert closed.submissions.count() == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("body", BODIES)
def test_an_invitation_that_is_over_is_the_same_as_none(closed, method, body):
    token = "over-and-done"
    Invitation.objects.create(
        organisation=closed,
        email="late@example.test",
        role="frontdesk",
        language="ar",
        token_hash=hashlib.sha256(token.encode()).hexdigest(),
        expires_at=timezone.now() - timedelta(seconds=1),
    )
    path = "/invitation/{slug}/"

    assert answered((method, path, body, {}), token) == answered(
        (method, path, body, {}), "no-such-token"
    )
