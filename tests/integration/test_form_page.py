"""The form page as a browser without scripts meets it."""

import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse

from clients_app.models import CustomFieldKind, Source, Status, Submission
from tests.factories import CustomFieldFactory, SubmissionFactory

NASTY = "{{ 7|add:7 }}<script>alert(1)</script>"


class Page(HTMLParser):
    """Elements and title of a page."""

    def __init__(self, response):
        super().__init__()
        self.elements = []
        self.html = response.content.decode()
        self.title = re.search(r"<title>(.*?)</title>", self.html)[1]
        self.feed(self.html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def values(self, name):
        return [a.get("value", "") for _, a in self.elements if a.get("name") == name]


@pytest.fixture
def desk(frontdesk, signed_in):
    return signed_in(frontdesk)


@pytest.fixture
def new_page(organisation):
    return reverse("submission-create", args=[organisation.slug])


def edit_page(submission):
    return reverse(
        "submission-edit", args=[submission.organisation.slug, submission.uuid]
    )


def test_new_page_is_for_members_only(client, outsider, signed_in, new_page):
    anonymous = client.get(new_page)
    foreign = signed_in(outsider).get(new_page)

    assert anonymous.status_code == 302
    assert anonymous.url.startswith("/accounts/login/")
    assert foreign.status_code == 404


@pytest.mark.parametrize("asked", ["", "?type=company", "?type=contact", "?type=x"])
def test_new_page_opens_fresh(desk, new_page, asked):
    response = desk.get(new_page + asked)

    page = Page(response)
    chosen = [a["value"] for _, a in page.elements if "checked" in a]
    assert response.status_code == 200
    assert page.title == "New client – Heffl Portal"
    assert chosen == ["contact" if asked == "?type=contact" else "company"]


def test_new_page_gives_every_visit_a_token_of_its_own(desk, new_page):
    tokens = {Page(desk.get(new_page)).values("submission_token")[0] for _ in range(5)}

    assert len(tokens) == 5
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{22}", token) for token in tokens)


@pytest.mark.parametrize(
    "posted", [None, {"type": "contact", "email": "x", "name": NASTY}]
)
def test_page_carries_no_inline_style_script_or_handler(
    desk, organisation, new_page, posted
):
    CustomFieldFactory(organisation=organisation, label=NASTY, required=True)

    response = desk.get(new_page) if posted is None else desk.post(new_page, posted)

    page = Page(response)
    for tag, attrs in page.elements:
        assert "style" not in attrs
        assert not [name for name in attrs if name.startswith("on")]
        assert tag != "style"
        assert tag != "script" or "src" in attrs
        assert not str(attrs.get("src", attrs.get("href", ""))).startswith("data:")
    assert "{{ 7|add:7 }}&lt;script&gt;" in page.html


def test_company_with_only_a_name_is_saved(desk, organisation, frontdesk, new_page):
    response = desk.post(new_page, {"type": "company", "name": " Al  Noor "})

    (row,) = Submission.objects.all()
    assert response.status_code == 303
    assert response.url == reverse(
        "submission-detail", args=[organisation.slug, row.uuid]
    )
    assert (row.type, row.answers) == ("company", {"name": "Al  Noor"})
    assert (row.status, row.source) == (Status.QUEUED, Source.FRONTDESK)
    assert row.created_by == frontdesk.user


def test_company_with_a_first_name_is_saved_without_it(desk, new_page):
    desk.post(new_page, {"type": "company", "name": "Al Noor", "first_name": "Sara"})

    assert Submission.objects.get().answers == {"name": "Al Noor"}


def test_contact_is_saved_without_a_website(desk, new_page):
    desk.post(
        new_page,
        {"type": "contact", "first_name": "Sara", "name": "", "website": "example.com"},
    )

    row = Submission.objects.get()
    assert (row.type, row.answers) == ("contact", {"first_name": "Sara"})


def test_page_posted_as_a_browser_does_keeps_its_preset_country(desk, new_page):
    fresh = Page(desk.get(new_page))
    (token,) = fresh.values("submission_token")

    desk.post(
        new_page,
        {
            "submission_token": token,
            "type": "company",
            "name": ["Al Noor", ""],
            "billing_address__country": "AE",
            "billing_address__state": ["Dubai", ""],
            "billing_address__postal_code": "",
        },
    )

    row = Submission.objects.get()
    assert row.submission_token == token
    assert row.answers == {
        "name": "Al Noor",
        "billing_address__country": "United Arab Emirates",
        "billing_address__state": "Dubai",
    }


def test_refused_form_answers_422_with_everything_wrong_at_once(desk, new_page):
    response = desk.post(
        new_page,
        {
            "submission_token": "abcdefgh12345678",
            "type": "contact",
            "name": ["Al Noor", "Sara"],
            "email": "nobody",
            "opening_balance": "-5",
        },
    )

    page = Page(response)
    summary = page.html.split('class="summary"')[1].split("</div>")[0]
    assert response.status_code == 422
    assert page.title.startswith("Error: ")
    assert [a.get("class") for _, a in page.elements if "autofocus" in a] == ["summary"]
    assert re.findall(r'<a href="#(\w+)">(.*?)</a>', summary) == [
        ("id_first_name", "Enter the first name"),
        ("id_email", "Enter an email address like name@example.com"),
        (
            "id_opening_balance",
            "Opening balance must be 0 or more, like 1500 or 250.50",
        ),
    ]
    assert page.values("name") == ["Al Noor", "Sara"]
    assert page.values("submission_token") == ["abcdefgh12345678"]
    assert not Submission.objects.exists()


def test_switching_the_type_keeps_answers_and_shows_no_errors(desk, new_page):
    response = desk.post(
        new_page,
        {"action": "switch", "type": "contact", "name": ["Al Noor", ""], "email": "x"},
    )

    page = Page(response)
    assert response.status_code == 200
    assert not page.title.startswith("Error")
    assert page.values("name") == ["Al Noor", ""]
    assert page.values("email") == ["x"]
    assert 'data-shown="contact"' in page.html
    assert 'class="error"' not in page.html


def test_sending_the_same_page_twice_makes_one_client(desk, new_page):
    posted = {"submission_token": "abcdefgh12345678", "type": "company", "name": "A"}

    first, second = desk.post(new_page, posted), desk.post(new_page, posted)

    assert (first.status_code, second.status_code) == (303, 303)
    assert first.url == second.url
    assert Submission.objects.count() == 1


def test_sending_the_same_page_with_other_answers_asks_first(desk, new_page):
    posted = {"submission_token": "abcdefgh12345678", "type": "company", "name": "A"}
    desk.post(new_page, posted)

    response = desk.post(new_page, {**posted, "name": "B"})

    page = Page(response)
    (token,) = page.values("submission_token")
    assert response.status_code == 422
    assert "This page was sent before, for A." in page.html
    assert page.values("name") == ["B", ""]
    assert token != posted["submission_token"]
    assert Submission.objects.count() == 1


def test_custom_answers_are_saved_under_their_own_names(desk, organisation, new_page):
    for kind in CustomFieldKind:
        CustomFieldFactory(
            organisation=organisation,
            key=f"cf_{kind}",
            kind=kind,
            options=["A", "B"],
            required=True,
        )

    response = desk.post(
        new_page,
        {
            "name": "Al Noor",
            "cf_text": "x",
            "cf_long_text": "x\r\ny",
            "cf_number": "1,200",
            "cf_date": "2026-11-22",
            "cf_option": "A",
            "cf_options": ["A", "B"],
            "cf_texts": "x\r\ny",
            "cf_email": "a@example.com",
            "cf_phone": "050 123 4567",
            "cf_link": "example.com",
            "cf_yes_no": "no",
        },
    )

    assert response.status_code == 303
    assert Submission.objects.get().answers == {
        "name": "Al Noor",
        "cf_text": "x",
        "cf_long_text": "x\ny",
        "cf_number": "1200",
        "cf_date": "2026-11-22",
        "cf_option": "A",
        "cf_options": ["A", "B"],
        "cf_texts": ["x", "y"],
        "cf_email": "a@example.com",
        "cf_phone": "+971501234567",
        "cf_link": "https://example.com",
        "cf_yes_no": False,
    }


@pytest.mark.parametrize(
    "body",
    [
        b"type=company&name=%ED%A0%80",
        b"type=company&name=%FF%FE",
        b"name=A%00B",
        b"type=&name=" + b"%E2%80%8B",
        b"name=" + b"x" * 100_000,
        b"=&&;&name",
        b"type=contact&first_name=A&cf_nothing=1&billing_address__country=%F0%9F%87%A6",
    ],
)
def test_odd_bytes_are_an_answer_never_a_fault(desk, new_page, body):
    response = desk.post(
        new_page, body, content_type="application/x-www-form-urlencoded"
    )

    assert response.status_code in {303, 422}


@pytest.mark.parametrize(("language", "direction"), [("en", "ltr"), ("ar", "rtl")])
def test_page_says_its_language_and_direction(desk, new_page, language, direction):
    desk.cookies["language"] = language

    page = Page(desk.get(new_page))

    assert page.elements[0] == ("html", {"lang": language, "dir": direction})


def test_page_says_when_single_letter_keys_are_off(desk, frontdesk, new_page):
    frontdesk.user.shortcuts = False
    frontdesk.user.save()

    assert Page(desk.get(new_page)).elements[0][1]["data-shortcuts"] == "off"


def test_fresh_page_costs_few_queries(desk, new_page, django_assert_max_num_queries):
    desk.get(new_page)

    # Three of them say what is in the way, one whether a second factor is missing.
    with django_assert_max_num_queries(9):
        desk.get(new_page)


@pytest.fixture
def refused(organisation):
    return SubmissionFactory(
        organisation=organisation,
        type="contact",
        answers={"first_name": "Sara", "email": "sara@example.com"},
        display_name="Sara",
        status=Status.NEEDS_FIX,
        problem="http_400",
        problem_field="email",
        message="Invalid email address format",
    )


def test_edit_page_shows_the_answers_and_the_words_where_they_belong(desk, refused):
    response = desk.get(edit_page(refused))

    page = Page(response)
    words = "Heffl did not accept Email: Invalid email address format. Correct it and send again."
    assert response.status_code == 200
    assert page.values("first_name") == ["Sara"]
    assert page.values("email") == ["sara@example.com"]
    assert f'<a href="#id_email">{words}</a>' in page.html
    assert f'id="id_email_error"><span class="vh">Error: </span>{words}' in page.html


def test_corrected_client_goes_back_into_the_queue(desk, organisation, refused):
    response = desk.post(
        edit_page(refused),
        {
            "type": "contact",
            "first_name": "Sara",
            "email": "s@example.com",
            "revision": 1,
        },
    )

    refused.refresh_from_db()
    assert response.status_code == 303
    assert response.url == reverse(
        "submission-detail", args=[organisation.slug, refused.uuid]
    )
    assert refused.status == Status.QUEUED
    assert refused.answers == {"first_name": "Sara", "email": "s@example.com"}


def test_correction_that_is_still_wrong_comes_back(desk, refused):
    response = desk.post(edit_page(refused), {"type": "contact", "first_name": ""})

    refused.refresh_from_db()
    assert response.status_code == 422
    assert "Enter the first name" in response.content.decode()
    assert refused.status == Status.NEEDS_FIX


def test_correction_of_an_older_revision_is_refused_in_plain_words(desk, refused):
    posted = {"type": "contact", "first_name": "Mine", "revision": refused.revision}
    Submission.objects.filter(pk=refused.pk).update(revision=refused.revision + 1)

    response = desk.post(edit_page(refused), posted)

    refused.refresh_from_db()
    assert response.status_code == 409
    assert "Somebody else has changed" in response.content.decode()
    assert refused.answers["first_name"] == "Sara"


@pytest.mark.parametrize("status", [Status.QUEUED, Status.REJECTED])
def test_edit_page_is_only_for_what_can_be_corrected(desk, organisation, status):
    row = SubmissionFactory(organisation=organisation, status=status)

    assert desk.get(edit_page(row)).status_code == 409


def test_edit_page_of_another_organisation_is_not_found(desk, organisation, outsider):
    row = SubmissionFactory(organisation=outsider.organisation, status=Status.NEEDS_FIX)
    own_slug = reverse("submission-edit", args=[organisation.slug, row.uuid])

    assert desk.get(own_slug).status_code == 404
    assert desk.get(edit_page(row)).status_code == 404
