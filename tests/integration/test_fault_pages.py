"""The pages for what went wrong stand alone: no database, no person, no inline code."""

import pytest
from django.contrib.auth.models import AnonymousUser
from django.shortcuts import render
from django.utils import translation

PAGES = ["400", "403", "403_csrf", "404", "413", "415", "500", "503"]


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", ["en", "ar"])
def test_fault_page_renders_without_a_database(rf, name, language, settings):
    settings.LANGUAGE_CODE = language
    request = rf.get("/o/al-noor/clients/new/")
    request.user = AnonymousUser()

    html = render(request, f"{name}.html", {"reference": "abc123"}).content.decode()

    assert (
        f'<html lang="{language}" dir="{"rtl" if language == "ar" else "ltr"}"' in html
    )
    assert 'href="/"' in html
    assert "style=" not in html
    assert ("abc123" in html) is (name == "500")


@pytest.mark.parametrize("name", PAGES)
def test_fault_page_does_not_ask_who_is_there(rf, name):
    request = rf.get("/")

    class Nobody:
        def __getattr__(self, _name):
            raise AssertionError("the database may be gone")

    request.user = Nobody()
    request._messages = Nobody()

    assert "</html>" in render(request, f"{name}.html").content.decode()


def test_unknown_address_is_a_plain_page(client, db):
    response = client.get("/nothing/here/")

    assert response.status_code == 404
    assert "There is no such page" in response.content.decode()


@pytest.mark.parametrize(("spoken", "page"), [("en", "ltr"), ("ar", "rtl")])
def test_an_early_fault_speaks_the_language_of_its_own_reader(client, spoken, page):
    """Before LocaleMiddleware a thread has the language of whoever it answered last."""
    other = "ar" if spoken == "en" else "en"
    client.get("/accounts/login/", headers={"accept-language": other})

    with translation.override(other):
        answer = client.get(
            "/accounts/login/?" + "x&" * 500, headers={"accept-language": spoken}
        )

    assert answer.status_code == 413
    assert f'dir="{page}"' in answer.content.decode()
