"""What strangers see when something went wrong: their language, no way into the portal."""

from __future__ import annotations

import re

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.test import Client

from clients_app.models import ApprovalMode, Organisation, SignupPage, Submission
from clients_app.signup import accept
from tests.signups import EMBED, PAGE, company

STAFF = re.compile(r'href="/(?:"|accounts|o/|admin)|portal\.js|Heffl Portal')


@pytest.fixture
def visitor(organisation):
    """A browser at an open page, which sends a cookie as a member's would."""
    organisation.signup_mode = ApprovalMode.SUSPICIOUS
    organisation.save()
    SignupPage.objects.create(
        organisation=organisation, allowed_origins=["https://shop.example"]
    )
    browser = Client(enforce_csrf_checks=True, raise_request_exception=False)
    browser.cookies["sessionid"] = "somebody"
    return browser


@pytest.fixture
def broken(monkeypatch):
    """Return a function that makes taking a signup in fail with an error."""

    def break_with(error):
        def fail(*_args, **_kwargs):
            raise error

        monkeypatch.setattr(accept, "accept", fail)

    return break_with


def assert_for_strangers(answer, status, language="ar"):
    html = answer.content.decode()
    direction = "rtl" if language == "ar" else "ltr"
    assert answer.status_code == status
    assert f'<html lang="{language}" dir="{direction}"' in html
    assert answer.headers["Content-Language"] == language
    assert not STAFF.search(html)
    assert not answer.cookies
    assert "Set-Cookie" not in answer.headers


ERRORS = [
    (RuntimeError("no"), 500),
    (OperationalError("gone"), 503),
    (PermissionDenied(), 403),
]


@pytest.mark.parametrize(("error", "status"), ERRORS)
@pytest.mark.parametrize("path", [PAGE, EMBED])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_what_breaks_is_told_to_strangers(
    visitor, organisation, broken, error, status, path, language
):
    broken(error)

    answer = visitor.post(f"{path}?lang={language}", company(organisation))

    assert_for_strangers(answer, status, language)
    framed = "frame-ancestors https://shop.example" in answer["Content-Security-Policy"]
    assert framed == (path == EMBED)
    assert ("X-Frame-Options" in answer.headers) == (path != EMBED)


def test_what_was_typed_can_be_sent_again_and_counts_once(
    visitor, organisation, broken, monkeypatch
):
    broken(OperationalError("gone"))
    answer = visitor.post(f"{PAGE}?lang=ar", company(organisation, name='A "B" <c>'))
    html = answer.content.decode()
    monkeypatch.undo()

    fields = dict(re.findall(r'name="([^"]+)" value="([^"]*)"', html))
    fields["name"] = fields["name"].replace("&quot;", '"')
    assert 'action="/s/al-noor/?lang=ar"' in html
    assert fields["name"] == 'A "B" &lt;c&gt;'
    again = [visitor.post(f"{PAGE}?lang=ar", fields) for _ in range(2)]

    assert [each.status_code for each in again] == [303, 303]
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("path", [PAGE, EMBED])
def test_a_database_that_is_gone_from_the_start(visitor, monkeypatch, path):
    def gone(*_args, **_kwargs):
        raise OperationalError("gone")

    monkeypatch.setattr(Organisation.objects, "filter", gone)

    answer = visitor.post(f"{path}?lang=ar", {"name": "Gulf Star"})

    assert_for_strangers(answer, 503)
    assert answer.headers["Retry-After"] == "10"
    assert 'value="Gulf Star"' in answer.content.decode()


def test_a_tablet_keeps_nothing_that_was_typed(visitor, organisation, broken):
    broken(RuntimeError("no"))

    answer = visitor.post(f"{PAGE}kiosk/?lang=ar", company(organisation))

    assert_for_strangers(answer, 500)
    html = answer.content.decode()
    assert "Gulf Star" not in html
    assert 'href="/s/al-noor/kiosk/?lang=ar"' in html


def test_too_much_at_once(visitor, organisation):
    large = company(organisation, name="x" * 2_000_000)
    many = {f"f{number}": "1" for number in range(500)}

    for body in (large, many):
        answer = visitor.post(f"{EMBED}?lang=ar", body)

        assert_for_strangers(answer, 413)
        assert 'href="/s/al-noor/embed/?lang=ar"' in answer.content.decode()
        assert "frame-ancestors https://shop" in answer["Content-Security-Policy"]


def test_another_sites_form_and_its_answers_are_not_kept(visitor, organisation, broken):
    answer = visitor.post(
        f"{PAGE}?lang=ar",
        company(organisation),
        headers={"origin": "https://evil.example"},
    )

    assert_for_strangers(answer, 403)
    assert "Gulf Star" not in answer.content.decode()


def test_too_many_forms_keep_what_was_typed(visitor, organisation, broken):
    broken(accept.TooMany())

    answer = visitor.post(f"{PAGE}?lang=ar", company(organisation))

    assert_for_strangers(answer, 429)
    assert 'value="Gulf Star LLC"' in answer.content.decode()


def test_nothing_there(visitor, organisation):
    answer = visitor.get(f"{PAGE}r/nobody/?lang=ar")
    assert_for_strangers(answer, 404)
    assert 'href="/s/al-noor/?lang=ar"' in answer.content.decode()

    organisation.signup_mode = ""
    organisation.save()
    closed, none = (
        visitor.get(f"/s/{slug}/r/nobody/?lang=ar") for slug in ("al-noor", "nobody")
    )
    assert_for_strangers(closed, 404)
    assert closed.content == none.content
