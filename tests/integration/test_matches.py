"""Already a client? The fragment beside the form, and the one question before saving."""

import re

import pytest

from clients_app.models import Submission

NEW = "/o/al-noor/clients/new/"
MATCHES = "/o/al-noor/clients/matches/"
SARA = {
    "type": "contact",
    "first_name": "Sara",
    "last_name": "Ahmed",
    "phone": "050 123 4567",
}


@pytest.fixture
def desk(frontdesk, signed_in):
    return signed_in(frontdesk)


@pytest.fixture
def sara(desk):
    desk.post(NEW, {**SARA, "email": "sara@example.com"})
    return Submission.objects.get()


def said(answer):
    return answer.content.decode().strip()


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"phone": "+971 50 1234567"}, "same phone"),
        ({"email": "SARA@example.com"}, "same email"),
        ({"first_name": "SARA", "last_name": "ahmed"}, "same name"),
    ],
)
def test_who_looks_alike_is_shown_with_the_reason(desk, sara, typed, why):
    shown = said(desk.post(MATCHES, {"type": "contact", **typed}))

    assert "Already a client?" in shown
    assert "Sara Ahmed" in shown
    assert why in shown
    assert f"/o/al-noor/clients/{sara.uuid}/" in shown


def test_nobody_alike_is_an_empty_answer(desk, sara):
    assert said(desk.post(MATCHES, {"type": "contact", "first_name": "Omar"})) == ""
    assert said(desk.post(MATCHES, {})) == ""
    assert said(desk.post(MATCHES, {"type": "x", "phone": "\x00"})) == ""


def test_a_number_out_of_every_range_is_remarked_upon(desk):
    shown = said(desk.post(MATCHES, {"type": "contact", "phone": "+97150123456"}))

    assert "The phone number looks unusual" in shown


def test_clients_of_another_organisation_are_not_looked_at(desk, outsider, signed_in):
    theirs = signed_in(outsider)
    theirs.post("/o/elsewhere/clients/new/", SARA)

    assert Submission.objects.count() == 1
    assert said(desk.post(MATCHES, SARA)) == ""


def test_the_look_up_takes_few_queries(desk, sara, django_assert_max_num_queries):
    typed = {**SARA, "email": "sara@example.com", "tax_number": "100123456789003"}
    with django_assert_max_num_queries(12):
        desk.post(MATCHES, typed)


def test_saving_asks_once_about_who_very_likely_is_a_client(desk, sara):
    asked = desk.post(NEW, SARA)
    page = asked.content.decode()
    marks = re.search('name="asked" value="([^"]+)"', page)[1]
    token = re.search('name="submission_token" value="([^"]+)"', page)[1]

    again = desk.post(NEW, {**SARA, "asked": marks, "submission_token": token})

    assert asked.status_code == 422
    assert "This looks like \u2068Sara Ahmed\u2069." in page
    assert "Create a new client anyway" in page
    assert 'value="050 123 4567"' in page
    assert marks == str(sara.uuid)
    assert again.status_code == 303
    assert Submission.objects.count() == 2


def test_saving_does_not_ask_about_a_name_or_a_phone_alone(desk, sara):
    first = desk.post(
        NEW, {"type": "contact", "first_name": "Sara", "last_name": "Ahmed"}
    )
    second = desk.post(
        NEW, {"type": "contact", "first_name": "Ali", "phone": "050 123 4567"}
    )

    assert (first.status_code, second.status_code) == (303, 303)


def test_saving_the_same_page_twice_does_not_ask_about_itself(desk):
    first = desk.post(NEW, {**SARA, "submission_token": "one-and-the-same"})
    second = desk.post(NEW, {**SARA, "submission_token": "one-and-the-same"})

    assert first.url == second.url
    assert Submission.objects.count() == 1


@pytest.mark.parametrize("asked", ["x,y", "," * 3000, "\x00", "é"])
def test_nonsense_about_what_was_asked_asks_again(desk, sara, asked):
    answer = desk.post(NEW, {**SARA, "asked": asked})

    assert answer.status_code == 422
    assert Submission.objects.count() == 1
