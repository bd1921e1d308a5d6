"""Settings, Signup: everything that an administrator sets, and what the page makes of it."""

import io
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from clients_app.models import AuditEvent, Organisation, SignupPage
from clients_app.signup import page_settings
from clients_app.signup.page_form import BadOrigin, origin_of
from tests.factories import CustomFieldFactory

PAGE = "/o/al-noor/settings/signup/"
SHOP = "https://shop.example"


def text(answer):
    return answer.content.decode()


def stored(organisation):
    return SignupPage.objects.get(organisation=organisation)


def filled(page=None, **changes):
    """Return what a browser sends for a page with everything as it is by default."""
    return {
        "seen": page_settings.state_of(page) if page else "",
        "mode": "suspicious",
        "languages": ["en", "ar"],
        "default_language": "en",
        "accent": "#0a5e86",
        "asked": ["website", "phone", "email"],
        **changes,
    }


def png(colour=(200, 30, 30)):
    target = io.BytesIO()
    Image.new("RGB", (300, 100), colour).save(target, "PNG")
    return SimpleUploadedFile("logo.png", target.getvalue(), "image/png")


@pytest.fixture
def admin(admin_member, signed_in):
    return signed_in(admin_member)


def test_the_page_shows_everything_before_anything_is_stored(admin, organisation):
    html = text(admin.get(PAGE))

    assert "The page is closed" in html
    assert "http://testserver/s/al-noor/" in html
    assert '<svg role="img"' in html
    assert "&lt;iframe src=&quot;http://testserver/s/al-noor/embed/&quot;" in html
    assert not SignupPage.objects.exists()


def test_it_saves_and_tells_which_fields_changed_never_what(admin, organisation):
    data = filled(
        mode="hold",
        default_language="ar",
        intro_en="Welcome to us",
        thanks_ar="شكرًا",
        contact="+971 4 123 4567",
        shows_number="on",
        accent="7A1FA2",
        allowed_origins=f"{SHOP}/\nhttps://مثال.example",
    )

    answer = admin.post(PAGE, data)

    assert answer.url == PAGE
    page = stored(organisation)
    organisation.refresh_from_db()
    assert organisation.signup_mode == "hold"
    assert page.allowed_origins == [SHOP, "https://xn--mgbh0fb.example"]
    assert (page.accent, page.default_language) == ("#7a1fa2", "ar")
    assert (page.intro_en, page.thanks_ar) == ("Welcome to us", "شكرًا")
    assert page.shows_number
    assert "tax_number" in page.hidden_fields
    assert "phone" not in page.hidden_fields
    event = AuditEvent.objects.get(action="settings.signup_changed")
    assert {"mode", "intro_en", "contact", "hidden_fields"} <= set(
        event.detail["fields"]
    )
    assert "consent_en" not in event.detail["fields"]
    assert "Welcome" not in str(event.detail)
    html = text(admin.get(PAGE))
    assert "The signup page is saved." in html
    assert "The page is closed" not in html


def test_the_public_page_is_as_it_was_set(admin, organisation, client):
    admin.post(PAGE, filled(intro_en="Welcome to us", accent="#7a1fa2"))

    html = text(client.get("/s/al-noor/"))

    assert "Welcome to us" in html
    assert 'name="website"' in html
    assert 'name="tax_number"' not in html
    assert re.search(r'href="/s/al-noor/brand\.[0-9a-f]{16}\.css"', html)


def test_closing_the_page_makes_it_a_404(admin, organisation, client):
    admin.post(PAGE, filled())
    assert client.get("/s/al-noor/").status_code == 200

    admin.post(PAGE, filled(stored(organisation), mode="closed"))

    assert client.get("/s/al-noor/").status_code == 404


def test_another_wording_of_the_consent_is_another_version(admin, organisation):
    admin.post(PAGE, filled(consent_en="I agree"))
    first = stored(organisation)
    admin.post(PAGE, filled(first, consent_en="I agree", intro_en="Hello"))
    same = stored(organisation)
    admin.post(PAGE, filled(same, consent_en="I agree", consent_ar="أوافق"))

    versions = [first.consent_version, same.consent_version]
    assert [*versions, stored(organisation).consent_version] == [2, 2, 3]


def test_own_questions_are_asked_when_chosen_and_open_forms_are_told(
    admin, organisation
):
    chosen = CustomFieldFactory(organisation=organisation, key="cf_size")
    other = CustomFieldFactory(
        organisation=organisation, key="cf_inner", is_public=True
    )
    must = CustomFieldFactory(organisation=organisation, key="cf_must", required=True)

    assert 'value="cf_must"' not in text(admin.get(PAGE))
    admin.post(PAGE, filled(asked=["phone", "cf_size"]))

    for field in (chosen, other, must):
        field.refresh_from_db()
    assert (chosen.is_public, other.is_public, must.is_public) == (True, False, False)
    assert Organisation.objects.get(pk=organisation.pk).form_version == 2


FAULTS = {
    "languages": ([], "Choose at least one language"),
    "default_language": ("fr", "Select a valid choice"),
    "mode": ("wild", "Select a valid choice"),
    "asked": (["opening_balance"], "Select a valid choice"),
    "accent": ("red", "Enter a colour like #0a5e86"),
    "intro_en": ("x" * 301, "This is too long"),
    "consent_ar": ("x" * 601, "This is too long"),
    "contact": ("a\x00b", "cannot be stored"),
    "allowed_origins": (f"{SHOP}\n\nftp://x", "Line 3: Enter a site like"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_at_its_field_and_what_was_typed_stays(
    admin, organisation, name
):
    value, words = FAULTS[name]

    answer = admin.post(PAGE, filled(thanks_en="Typed <b>text</b>", **{name: value}))

    html = text(answer)
    assert answer.status_code == 422
    assert "<title>Error:" in html
    assert f'id="id_{name}_error"' in html
    assert words in html
    assert "Typed &lt;b&gt;text&lt;/b&gt;" in html
    assert not SignupPage.objects.exists()
    assert not AuditEvent.objects.filter(action__startswith="settings.signup").exists()


def test_the_language_to_begin_with_must_be_spoken(admin):
    answer = admin.post(PAGE, filled(languages=["en"], default_language="ar"))

    assert "Choose one of the languages that the page speaks" in text(answer)


def test_a_pale_colour_is_refused_and_the_nearest_that_works_can_be_taken(
    admin, organisation
):
    answer = admin.post(PAGE, filled(accent="#ffcc00", intro_en="Kept"))

    html = text(answer)
    assert answer.status_code == 422
    shade = re.search(r'name="shade" value="(#[0-9a-f]{6})"', html)[1]
    assert f"works is {shade}" in html
    taken = admin.post(PAGE, filled(accent="#ffcc00", intro_en="Kept", shade=shade))
    assert taken.status_code == 302
    assert stored(organisation).accent == shade


def test_the_second_of_two_is_told_and_may_save_all_the_same(admin, organisation):
    admin.post(PAGE, filled(intro_en="First"))

    late = admin.post(PAGE, filled(intro_en="Second"))

    html = text(late)
    assert late.status_code == 422
    assert "Somebody else saved this page" in html
    assert "Second" in html
    assert stored(organisation).intro_en == "First"
    seen = re.search(r'name="seen" value="([^"]+)"', html)[1]
    assert admin.post(PAGE, filled(intro_en="Second", seen=seen)).status_code == 302
    assert stored(organisation).intro_en == "Second"


# The logo


def test_a_logo_is_shown_kept_and_removed(admin, organisation, client):
    admin.post(PAGE, filled(logo_file=png()))
    page = stored(organisation)
    address = f"/s/al-noor/logo.{page.logo_hash}.png"

    assert f'<img class="logo" src="{address}" alt=""' in text(
        client.get("/s/al-noor/")
    )
    answer = client.get(address)
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "immutable" in answer.headers["Cache-Control"]
    assert Image.open(io.BytesIO(answer.content)).size == (300, 100)
    again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    admin.post(PAGE, filled(page, intro_en="Still there"))
    assert client.get(address).status_code == 200

    admin.post(PAGE, filled(stored(organisation), remove_logo="on"))

    assert client.get(address).status_code == 404
    events = AuditEvent.objects.filter(action="settings.signup_changed")
    assert ["logo" in event.detail["fields"] for event in events.order_by("pk")] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    "upload",
    [
        SimpleUploadedFile("a.png", b""),
        SimpleUploadedFile("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>"),
        SimpleUploadedFile("a.png", b"\x89PNG\r\n\x1a\n" + bytes(2_000_000)),
    ],
    ids=["empty", "svg", "large"],
)
def test_a_bad_logo_changes_nothing(admin, organisation, upload):
    admin.post(PAGE, filled(logo_file=png()))
    before = stored(organisation)

    answer = admin.post(PAGE, filled(before, logo_file=upload, intro_en="New"))

    assert answer.status_code == 422
    assert 'id="id_logo_file_error"' in text(answer)
    assert stored(organisation).logo_hash == before.logo_hash
    assert stored(organisation).intro_en == ""


def test_a_good_logo_beside_another_fault_is_asked_for_again(admin):
    answer = admin.post(PAGE, filled(accent="red", logo_file=png()))

    assert "Choose the logo once more" in text(answer)


def test_colours_are_kept_for_a_year_without_a_cookie(admin, organisation, client):
    admin.post(PAGE, filled(accent="#7a1fa2"))
    html = text(client.get("/s/al-noor/"))
    address = re.search(r'href="(/s/al-noor/brand[^"]+)"', html)[1]

    answer = client.get(address)

    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"
    assert "--accent:#7a1fa2" in text(answer)
    assert "max-age=31536000" in answer.headers["Cache-Control"]
    assert not answer.cookies
    assert "Vary" not in answer.headers or "Cookie" not in answer.headers["Vary"]
    again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304
    assert client.get("/s/al-noor/brand.0000.css").status_code == 404
    assert client.get("/s/nowhere/brand.0000.css").status_code == 404


def test_our_own_colour_costs_no_request(admin, organisation, client):
    admin.post(PAGE, filled())

    assert "brand." not in text(client.get("/s/al-noor/"))


# Sites


@pytest.mark.parametrize(
    ("typed", "origin"),
    [
        ("https://www.Example.com", "https://www.example.com"),
        ("https://example.com:443/", "https://example.com"),
        ("https://example.com:8443", "https://example.com:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:8080", "http://[::1]:8080"),
    ],
)
def test_a_site_is_written_as_browsers_name_it(typed, origin):
    assert origin_of(typed) == origin


@pytest.mark.parametrize(
    "typed",
    [
        "example.com",
        "https://",
        "https://example.com/shop",
        "https://example.com?x",
        "https://me@example.com",
        "https://*.example.com",
        "https://exa mple.com",
        "https://example.com;script-src",
        "https://-a.example",
        "https://example.com:99999",
        "https://example.com:x",
        "http://example.com",
        "javascript:alert(1)",
        "https://[::1",
        "'self'",
        "*",
    ],
)
def test_what_is_no_site_is_refused(typed):
    with pytest.raises(BadOrigin):
        origin_of(typed)


@given(st.text(max_size=60), st.sampled_from(["", "https://", "http://"]))
def test_no_text_gets_more_than_one_origin_into_the_policy(tail, scheme):
    try:
        origin = origin_of(scheme + tail)
    except BadOrigin:
        return
    assert re.fullmatch(r"https?://[a-z0-9.\-\[\]:]+", origin)


def test_there_may_be_twenty_sites(admin, organisation):
    many = "\n".join(f"https://s{number}.example" for number in range(21))

    answer = admin.post(PAGE, filled(allowed_origins=many))

    assert "There may be up to 20 sites" in text(answer)


# Paper, preview


def test_the_poster_says_it_in_the_languages_of_the_page(admin, organisation):
    html = text(admin.get(f"{PAGE}poster/"))

    assert "Al Noor Trading" in html
    assert "Scan to sign up" in html
    assert '<p class="call" lang="ar" dir="rtl">' in html
    assert "http://testserver/s/al-noor/" in html
    assert '<svg role="img"' in html


def test_the_code_can_be_downloaded(admin, organisation):
    answer = admin.get(f"{PAGE}qr.svg")

    assert answer.headers["Content-Type"] == "image/svg+xml"
    assert 'filename="signup-al-noor.svg"' in answer.headers["Content-Disposition"]
    assert text(answer).startswith("<?xml")


def test_the_preview_shows_a_closed_page_and_takes_nothing_in(admin, organisation):
    answer = admin.get(f"{PAGE}preview/?lang=ar")

    assert 'dir="rtl"' in text(answer)
    assert "frame-ancestors 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "SAMEORIGIN"
    assert "frame-src 'self'" in admin.get(PAGE).headers["Content-Security-Policy"]
    sent = admin.post(f"{PAGE}preview/", {"type": "company", "name": "Gulf Star"})
    assert "This is a preview" in text(sent)
    assert not organisation.submissions.exists()


# The tablet


def test_the_tablet_gets_an_address_that_can_be_renewed_and_taken_back(
    admin, organisation
):
    keys = []
    for action in ("renew", "renew", "close"):
        answer = admin.post(f"{PAGE}kiosk/", {"action": action})
        assert answer.url == PAGE
        keys.append(stored(organisation).kiosk_key)
        assert (f"?key={keys[-1]}" in text(admin.get(PAGE))) == bool(keys[-1])

    assert len(set(keys)) == 3
    assert keys[2] == ""
    events = AuditEvent.objects.filter(action__startswith="settings.kiosk")
    assert events.count() == 3
    assert not any(key and key in str(event.detail) for key in keys for event in events)
    assert admin.post(f"{PAGE}kiosk/", {"action": "other"}).status_code == 404


def test_saving_the_page_leaves_the_tablet_alone(admin, organisation):
    admin.post(PAGE, filled())
    seen = stored(organisation)
    admin.post(f"{PAGE}kiosk/", {"action": "renew"})
    key = stored(organisation).kiosk_key

    assert admin.post(PAGE, filled(seen, intro_en="New")).status_code == 302

    assert stored(organisation).kiosk_key == key


@pytest.mark.parametrize("role", ["reviewer", "frontdesk"])
@pytest.mark.parametrize("page", ["", "kiosk/", "poster/", "qr.svg", "preview/"])
def test_only_administrators_see_it(request, signed_in, role, page):
    browser: Client = signed_in(request.getfixturevalue(role))

    assert browser.post(PAGE + page).status_code in {403, 405}
    assert browser.get(PAGE + page).status_code in {403, 405}


def test_the_page_costs_few_queries(admin, organisation, django_assert_max_num_queries):
    with django_assert_max_num_queries(12):
        admin.get(PAGE)
