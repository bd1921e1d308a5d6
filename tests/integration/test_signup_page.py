"""The pages for strangers over HTTP: what they ask, keep, refuse and never say."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from django.test import Client
from django.utils import timezone

from clients_app.models import (
    ApprovalMode,
    HeldFor,
    SignupMail,
    SignupPage,
    Status,
    Submission,
)
from clients_app.signup import robots
from tests.factories import CustomFieldFactory, SubmissionFactory
from tests.signups import EMBED, PAGE, company, hidden, old_token


@pytest.fixture
def visitor(organisation):
    """A browser without cookies, at an organisation whose page is open."""
    organisation.signup_mode = ApprovalMode.SUSPICIOUS
    organisation.save()
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def page(organisation):
    return SignupPage.objects.create(organisation=organisation)


def test_a_signup_is_stored_and_leads_to_its_own_page(visitor, organisation):
    answer = visitor.post(PAGE, company(organisation))
    row = Submission.objects.get()
    thanks = visitor.get(answer.url)

    assert answer.status_code == 303
    assert answer.url == f"/s/al-noor/r/{row.receipt}/"
    assert re.fullmatch(r"[0-9a-f]{32}", row.receipt)
    assert (row.status, row.source, row.lane, row.held_for) == (
        "QUEUED",
        "signup",
        1,
        [],
    )
    assert (row.language, row.consent_version, row.created_by) == ("en", 1, None)
    assert "Thank you" in thanks.content.decode()
    assert thanks["Referrer-Policy"] == "no-referrer"
    assert "noindex" in thanks["X-Robots-Tag"]


def test_no_answer_sets_or_reads_a_cookie(visitor, organisation, owner, signed_in):
    sent = visitor.post(PAGE, company(organisation))
    answers = [
        visitor.get(PAGE),
        visitor.get(f"{PAGE}?lang=ar"),
        visitor.get(EMBED),
        sent,
        visitor.get(sent.url),
        visitor.post(PAGE, {}),
        visitor.get("/s/nobody/"),
    ]
    as_owner = signed_in(owner).get(PAGE)

    assert [dict(answer.cookies) for answer in answers] == [{}] * len(answers)
    assert not as_owner.cookies
    assert "Cookie" not in as_owner.get("Vary", "")
    assert "sessionid" not in as_owner.content.decode()
    assert visitor.cookies == {}


@pytest.mark.parametrize("slug", ["closed", "unknown"])
def test_a_closed_page_is_the_same_404_as_none(visitor, outsider, slug):
    outsider.organisation.slug = "closed"
    outsider.organisation.save()

    closed, unknown = visitor.get("/s/closed/"), visitor.get(f"/s/{slug}/embed/")

    assert closed.status_code == unknown.status_code == 404
    assert closed.content == unknown.content
    assert visitor.post("/s/closed/", {"name": "x"}).status_code == 404


def test_it_asks_neither_the_balance_nor_what_is_hidden(visitor, organisation, page):
    CustomFieldFactory(
        organisation=organisation, key="cf_shown", label="Shown", is_public=True
    )
    CustomFieldFactory(organisation=organisation, key="cf_inner", label="Inner")
    CustomFieldFactory(
        organisation=organisation, key="cf_must", label="Must", required=True
    )
    page.hidden_fields = ["cf_must", "website", "name", "first_name"]
    page.save()

    html = visitor.get(PAGE).content.decode()

    names = set(re.findall(r'name="([a-z_]+)"', html))
    assert names >= {"cf_shown", "cf_must", "name", "first_name", "phone"}
    assert not names & {"opening_balance", "cf_inner", "website"}
    assert html.count('name="name"') == 1


def test_what_is_not_asked_is_not_stored(visitor, organisation, page):
    page.hidden_fields = ["tax_number"]
    page.save()
    data = company(organisation, opening_balance="12", tax_number="1")

    visitor.post(PAGE, data)

    assert Submission.objects.get().answers == {"name": "Gulf Star LLC"}


def test_the_address_is_hidden_as_a_whole_or_keeps_its_country(
    visitor, organisation, page
):
    page.hidden_fields = ["billing_address__country", "billing_address__state"]
    page.save()

    html = visitor.get(PAGE).content.decode()

    assert 'name="billing_address__country"' in html
    assert 'name="billing_address__state"' not in html


def test_the_country_that_is_preset_is_no_address(visitor, organisation):
    visitor.post(PAGE, company(organisation, billing_address__country="AE"))

    assert "billing_address__country" not in Submission.objects.get().answers


def test_a_refused_form_keeps_everything_and_its_token(visitor, organisation):
    token = old_token(organisation, 30)
    data = company(organisation, token=token, name="", website="no site", source="fair")

    answer = visitor.post(PAGE, data)

    html = answer.content.decode()
    assert answer.status_code == 422
    assert html.count("Enter the company name") == 2
    assert 'value="no site"' in html
    assert hidden(answer, "source") == "fair"
    assert hidden(answer, "submission_token") == token.sign()
    assert hidden(answer, "altcha") == data["altcha"]
    assert not Submission.objects.exists()


def test_a_used_token_leads_to_the_same_page_and_makes_nothing(visitor, organisation):
    data = company(organisation)

    first = visitor.post(PAGE, data)
    second = visitor.post(PAGE, {**data, "name": "Another"})

    assert first.url == second.url
    assert Submission.objects.count() == 1


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda token, other: "", "could not be recognised"),
        (lambda token, other: token[:-2] + "xx", "could not be recognised"),
        (lambda token, other: token.replace(".", ":", 1), "could not be recognised"),
        (lambda token, other: "é" + token, "could not be recognised"),
        (lambda token, other: "x" * 90_000, "could not be recognised"),
        (lambda token, other: robots.new_token(other, timezone.now()).sign(),
         "could not be recognised"),
    ],
)  # fmt: skip
def test_a_bad_token_comes_back_with_the_answers_and_a_fresh_one(
    visitor, organisation, outsider, spoil, words
):
    other = SignupPage.of(outsider.organisation)
    data = company(organisation)
    data["submission_token"] = spoil(data["submission_token"], other)

    answer = visitor.post(PAGE, data)
    fresh = hidden(answer, "submission_token")
    again = visitor.post(PAGE, {**data, "submission_token": fresh})

    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert 'value="Gulf Star LLC"' in answer.content.decode()
    assert again.status_code == 303
    assert Submission.objects.get().held_for == ["too_fast", "unverified"]


def test_an_expired_form_keeps_its_answers(visitor, organisation):
    late = company(organisation, token=old_token(organisation, robots.TOKEN_AGE + 1))
    on_time = company(
        organisation, token=old_token(organisation, robots.TOKEN_AGE - 60)
    )

    answer = visitor.post(PAGE, late)

    assert answer.status_code == 422
    assert "open for a long time" in answer.content.decode()
    assert 'value="Gulf Star LLC"' in answer.content.decode()
    assert visitor.post(PAGE, on_time).status_code == 303


def test_another_consent_is_asked_for_again(visitor, organisation, page):
    data = company(organisation)
    page.consent_version = 2
    page.save()

    answer = visitor.post(PAGE, data)
    fresh = hidden(answer, "submission_token")
    visitor.post(PAGE, {**data, "submission_token": fresh})

    assert answer.status_code == 422
    assert "has changed meanwhile" in answer.content.decode()
    assert Submission.objects.get().consent_version == 2


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("http://testserver.evil", 403),
        ("https://testserver", 403),
        ("null", 303),
        ("http://testserver.localhost", 303),
    ],
)
def test_only_a_named_foreign_origin_is_refused(visitor, organisation, origin, status):
    answer = visitor.post(
        PAGE,
        company(organisation),
        HTTP_ORIGIN=origin,
        HTTP_HOST="testserver.localhost",
    )

    assert answer.status_code == status
    assert Submission.objects.exists() == (status == 303)


def test_only_the_embedded_page_may_be_framed_and_by_named_sites(
    visitor, organisation, page
):
    page.allowed_origins = ["https://al-noor.example", "http://localhost:3000"]
    page.save()

    own, framed = visitor.get(PAGE), visitor.get(EMBED)
    sent = visitor.post(EMBED, company(organisation))
    thanks = visitor.get(sent.url)
    receipt = visitor.get(sent.url.replace("embed/", ""))

    for answer in (own, receipt):
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
        assert answer["X-Frame-Options"] == "DENY"
    for answer in (framed, thanks):
        policy = answer["Content-Security-Policy"]
        sites = "https://al-noor.example http://localhost:3000"
        assert policy.endswith(f"frame-ancestors {sites}; worker-src 'self'")
        assert "X-Frame-Options" not in answer


def test_without_allowed_sites_nobody_frames_it(visitor):
    answer = visitor.get(EMBED)

    assert "frame-ancestors 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize(
    ("mode", "change", "reasons"),
    [
        ("send", {}, []),
        ("send", {"name": "Buy at www.spam.example"}, []),
        ("send", {"altcha": ""}, ["unverified"]),
        ("send", {"extra_details": "x"}, ["trap"]),
        ("suspicious", {}, []),
        ("suspicious", {"altcha": "not base64"}, ["unverified"]),
        ("suspicious", {"name": "Buy at www.spam.example"}, ["links"]),
        ("suspicious", {"website": "www.fine.example"}, []),
        ("hold", {}, ["all"]),
        ("hold", {"altcha": ""}, ["all", "unverified"]),
    ],
)
def test_the_mode_decides_who_waits_for_approval(
    visitor, organisation, mode, change, reasons
):
    organisation.signup_mode = mode
    organisation.save()

    answer = visitor.post(PAGE, {**company(organisation), **change})
    row = Submission.objects.get()
    thanks = visitor.get(answer.url).content.decode()

    assert row.held_for == reasons
    assert row.status == (Status.PENDING if reasons else Status.QUEUED)
    assert "<h1 tabindex" in thanks
    assert "Thank you" in thanks
    assert set(reasons) <= set(HeldFor.values)


def test_a_proof_is_good_for_one_token_only(visitor, organisation):
    proof = company(organisation)["altcha"]

    visitor.post(PAGE, {**company(organisation), "altcha": proof})

    assert Submission.objects.get().held_for == ["unverified"]


def test_a_network_has_its_limit_and_keeps_the_answers(
    visitor, organisation, monkeypatch
):
    monkeypatch.setattr(robots, "NETWORK", robots.Limit(600.0, odd=1, most=2))

    answers = [visitor.post(PAGE, company(organisation)) for _ in range(3)]
    elsewhere = visitor.post(PAGE, company(organisation), REMOTE_ADDR="192.0.2.7")

    assert [answer.status_code for answer in answers] == [303, 303, 429]
    assert "Too many forms were sent from this network." in answers[2].content.decode()
    assert 'value="Gulf Star LLC"' in answers[2].content.decode()
    assert answers[2]["Retry-After"] == "600"
    held = Submission.objects.order_by("pk").values_list("held_for", flat=True)
    assert list(held) == [[], ["many"], []]
    assert elsewhere.status_code == 303


def test_arabic_stands_in_the_address_and_stays_there(visitor, organisation):
    shown = visitor.get(f"{PAGE}?lang=ar&source=fair")
    html = shown.content.decode()

    sent = visitor.post(f"{PAGE}?lang=ar", company(organisation))
    thanks = visitor.get(sent.url)

    assert '<html lang="ar" dir="rtl">' in html
    assert 'action="?lang=ar"' in html
    assert 'href="?lang=en&amp;source=fair"' in html
    assert shown["Content-Language"] == "ar"
    assert sent.url.endswith("/?lang=ar")
    assert 'lang="ar"' in thanks.content.decode()
    assert Submission.objects.get().language == "ar"


def test_a_language_that_is_not_offered_is_the_pages_own(visitor, page):
    page.languages, page.default_language = ["ar"], "ar"
    page.save()

    html = visitor.get(f"{PAGE}?lang=en").content.decode()

    assert 'lang="ar" dir="rtl"' in html
    assert "hreflang" not in html


def test_an_address_fills_in_harmless_fields_only(visitor, organisation):
    query = "type=contact&name=Sara+N&source=fair+2026&email=a@b.example&phone=050&first_name=Q"
    answer = visitor.get(f"{PAGE}?{query}")
    html = answer.content.decode()

    assert 'value="Sara N"' in html
    assert hidden(answer, "source") == "fair 2026"
    for value in ("a@b.example", '"050"', '"Q"'):
        assert value not in html


@pytest.mark.parametrize(
    ("status", "more", "words"),
    [
        (Status.PENDING, {}, "is checking them"),
        (Status.REVIEW, {}, "is checking them"),
        (Status.QUEUED, {}, "Your details have arrived at"),
        (Status.UNCERTAIN, {}, "Your details have arrived at"),
        (Status.CREATED, {"heffl_id": "clt_1", "number": "CLT-7"}, "taken you in"),
        (Status.REJECTED, {"closed_reason": "Only for members"}, "Only for members"),
        (Status.DROPPED, {"closed_reason": "Same as CLT-1"}, "did not take you in"),
        (Status.NEEDS_FIX, {"problem_field": "name", "message": "bad"}, "Company name"),
        (Status.NEEDS_FIX, {"problem_field": "", "message": "bad"}, "is checking them"),
        (
            Status.NEEDS_FIX,
            {"problem_field": "name", "message": "A company with this name exists"},
            "is checking them",
        ),
        (
            Status.NEEDS_FIX,
            {"problem_field": "name", "message": "الاسم موجود بالفعل"},
            "is checking them",
        ),
        (
            Status.NEEDS_FIX,
            {"problem_field": "name", "message": "This name does not exist there"},
            "Company name",
        ),
        (
            Status.NEEDS_FIX,
            {"problem_field": "name", "problem": "conflict"},
            "is checking them",
        ),
        (Status.NEEDS_FIX, {"problem_field": "opening_balance"}, "is checking them"),
    ],
)
def test_a_receipt_says_how_far_it_is_and_nothing_of_others(
    visitor, organisation, status, more, words
):
    row = SubmissionFactory(
        organisation=organisation, status=status, receipt="ab" * 16, **more
    )

    html = visitor.get(f"/s/al-noor/r/{row.receipt}/").content.decode()

    assert words in html
    assert "CLT-" not in html
    assert more.get("message", "?!") not in html


def test_a_domain_that_does_not_exist_is_for_the_visitor_to_correct(
    visitor, organisation
):
    row = SubmissionFactory(
        organisation=organisation, status=Status.NEEDS_FIX, type="contact",
        answers={"first_name": "Sara", "email": "sara@gulf-str.example"},
        receipt="ab" * 16, problem_field="email",
        message="The domain of this email does not exist",
    )  # fmt: skip

    told = visitor.get(f"/s/al-noor/r/{row.receipt}/").content.decode()
    form = visitor.get(f"/s/al-noor/r/{row.receipt}/correct/")

    assert "Email" in told
    assert form.status_code == 200
    assert "sara@gulf-str.example" in form.content.decode()


def test_the_number_shows_where_the_organisation_wants_it(visitor, organisation, page):
    page.shows_number = True
    page.save()
    row = SubmissionFactory(
        organisation=organisation, status="CREATED", heffl_id="clt_1", number="CLT-7",
        receipt="ab" * 16,
    )  # fmt: skip

    assert "CLT-7" in visitor.get(f"/s/al-noor/r/{row.receipt}/").content.decode()


@pytest.mark.parametrize("path", ["r/{}/", "r/{}/correct/", "embed/r/{}/"])
@pytest.mark.parametrize("receipt", ["0" * 32, "ab" * 16, "x", "-"])
def test_a_receipt_of_nobody_or_of_another_organisation_is_404(
    visitor, outsider, path, receipt
):
    SubmissionFactory(organisation=outsider.organisation, receipt="ab" * 16)
    SubmissionFactory(organisation__slug="third", receipt="")

    assert visitor.get(f"/s/al-noor/{path.format(receipt)}").status_code == 404


@pytest.fixture
def refused(organisation):
    return SubmissionFactory(
        organisation=organisation,
        receipt="ab" * 16,
        source="signup",
        status=Status.NEEDS_FIX,
        problem_field="tax_number",
        message="Tax number is not registered",
        answers={"name": "Gulf", "tax_number": "1", "opening_balance": "5"},
    )


def test_a_visitor_corrects_the_same_signup(visitor, refused):
    path = f"/s/al-noor/r/{refused.receipt}/correct/"
    form = visitor.get(path)
    html = form.content.decode()
    empty = visitor.post(path, {"type": "company", "name": ""})
    sent = visitor.post(path, {"type": "company", "name": "Gulf", "tax_number": "12"})

    refused.refresh_from_db()
    assert html.count("Check Tax number and correct it, then send again.") == 2
    assert 'value="Gulf"' in html
    assert "not registered" not in html
    assert empty.status_code == 422
    assert sent.url == f"/s/al-noor/r/{refused.receipt}/"
    assert (refused.status, refused.revision) == ("QUEUED", 2)
    assert refused.answers == {
        "name": "Gulf",
        "tax_number": "12",
        "opening_balance": "5",
    }
    assert visitor.get(path).status_code == 303


def test_a_correction_waits_for_approval_where_everything_does(
    visitor, organisation, refused
):
    organisation.signup_mode = ApprovalMode.HOLD
    organisation.save()

    visitor.post(
        f"/s/al-noor/r/{refused.receipt}/correct/", {"type": "company", "name": "Gulf"}
    )

    refused.refresh_from_db()
    assert (refused.status, refused.held_for) == ("PENDING", ["all"])


@pytest.mark.parametrize(
    "name",
    [
        "\u200b\u200b",
        "a\x00b",
        "a\x1bb",
        "\ud800",
        "\u202e\u2066",
        "",
        " " * 9,
        "x" * 161,
    ],
)
def test_a_name_that_cannot_be_stored_comes_back(visitor, organisation, name):
    data = company(organisation)
    body = "&".join(
        f"{key}={quote(value.encode('utf-8', 'surrogatepass'))}"
        for key, value in {**data, "name": name}.items()
    )

    answer = visitor.post(PAGE, body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 422
    assert not Submission.objects.exists()


def test_steering_marks_are_removed_and_names_are_isolated(visitor, organisation):
    visitor.post(PAGE, company(organisation, name="\u202eGulf\u2069 شركة"))

    assert Submission.objects.get().display_name == "Gulf شركة"


def test_arabic_digits_are_numbers(visitor, organisation):
    data = company(organisation) | {
        "type": "contact", "first_name": "سارة", "phone": "٠٥٠١٢٣٤٥٦٧", "name": "",
    }  # fmt: skip

    visitor.post(f"{PAGE}?lang=ar", data)

    assert Submission.objects.get().answers["phone"] == "+971501234567"


@pytest.mark.parametrize("multipart", [False, True])
def test_ten_megabytes_are_refused_before_they_are_read(
    visitor, organisation, multipart
):
    data = company(organisation, name="x" * 10_000_000)
    kind = {} if multipart else {"content_type": "application/x-www-form-urlencoded"}
    body = data if multipart else "name=" + data["name"]

    answer = visitor.post(PAGE, body, **kind)

    assert answer.status_code == 413


def test_five_thousand_fields_are_refused(visitor, organisation):
    body = "&".join(f"f{number}=1" for number in range(5_000))

    answer = visitor.post(PAGE, body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"\xff\xfe=\x80", b"%ff=%zz&name=%c3%28", b"[]", b""])
def test_a_body_that_is_no_form_is_a_form_to_fill_in(visitor, body):
    answer = visitor.post(PAGE, body, content_type="application/x-www-form-urlencoded")

    assert answer.status_code == 422


def test_a_page_costs_few_queries(visitor, organisation, django_assert_max_num_queries):
    with django_assert_max_num_queries(5):
        visitor.get(PAGE)
    with django_assert_max_num_queries(28):
        visitor.post(PAGE, company(organisation))


def test_who_left_an_address_is_to_be_written_to(visitor, organisation):
    data = company(organisation) | {
        "type": "contact", "first_name": "Sara", "email": "sara@example.test",
    }  # fmt: skip

    visitor.post(PAGE, data)
    visitor.post(PAGE, company(organisation))

    mail = SignupMail.objects.get()
    receipt = mail.submission.receipt
    assert mail.link == f"http://testserver/s/al-noor/r/{receipt}/?lang=en"


def test_a_tablet_is_counted_by_itself_and_not_taken_for_a_robot(
    visitor, organisation, page, monkeypatch
):
    monkeypatch.setattr(robots, "NETWORK", robots.Limit(window=600, odd=1, most=2))
    monkeypatch.setattr(robots, "KIOSK", robots.Limit(window=600, odd=4, most=4))
    page.kiosk_key = "k" * 22
    page.save()
    kiosk = f"{PAGE}kiosk/"

    with_key = [
        visitor.post(f"{kiosk}?key={page.kiosk_key}", company(organisation))
        for _ in range(5)
    ]
    without = [
        visitor.post(f"{kiosk}?key={key}", company(organisation))
        for key in ("old", "", "old")
    ]

    assert [answer.status_code for answer in with_key] == [303, 303, 303, 303, 429]
    assert [answer.status_code for answer in without] == [303, 303, 429]
    assert with_key[0].url.startswith(f"{kiosk}thanks/?key=kkkk")
    assert Submission.objects.filter(held_for=[]).count() == 5
    assert not any(
        row.receipt in answer.url
        for row in Submission.objects.all()
        for answer in (*with_key[:4], *without[:2])
    )


def test_the_tablet_begins_anew_where_it_began(visitor, organisation, page):
    page.kiosk_key = "k" * 22
    page.save()
    start = f"{PAGE}kiosk/?key={page.kiosk_key}"

    asked = visitor.get(f"{start}&lang=ar")
    thanks = visitor.get(f"{PAGE}kiosk/thanks/?key={page.kiosk_key}&reference=<b>")
    app = visitor.get(f"{PAGE}kiosk/app.webmanifest?key={page.kiosk_key}")

    assert f'data-start="{start}"' in asked.content.decode()
    assert asked.headers["Cache-Control"] == "no-store"
    assert f'content="30;url={start}"' in thanks.content.decode()
    assert "<b>" not in thanks.content.decode()
    assert app.json()["start_url"] == start
    assert app.json()["display"] == "fullscreen"
