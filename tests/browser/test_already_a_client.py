"""Already a client? As it shows beside the form, and as the question before saving."""

import pytest

from clients_app.models import Submission

NEW = "/o/al-noor/clients/new/"


@pytest.fixture
def sara(frontdesk, signed_in):
    signed_in(frontdesk).post(
        NEW,
        {
            "type": "contact",
            "first_name": "Sara",
            "last_name": "Ahmed",
            "phone": "0501234567",
        },
    )
    return Submission.objects.get()


def test_a_likely_match_appears_on_leaving_the_field_and_is_told(
    open_page, frontdesk, sara
):
    page = open_page(frontdesk)
    page.goto(NEW + "?type=contact")

    page.fill("#id_first_name", "Omar")
    page.fill("#id_phone", "+971 50 123 4567")
    page.keyboard.press("Tab")
    page.wait_for_selector("#matches a")

    assert page.inner_text("#live") == "1 client looks like this one"
    assert "same phone" in page.inner_text("#matches")
    assert page.evaluate("document.activeElement.id") == "id_email"
    page.fill("#id_phone", "")
    page.keyboard.press("Tab")
    page.wait_for_selector("#matches", state="hidden")


@pytest.mark.parametrize("scripts", [True, False])
def test_saving_a_strong_match_asks_once(open_page, frontdesk, sara, scripts):
    page = open_page(frontdesk, java_script_enabled=scripts)
    page.goto(NEW + "?type=contact")
    page.fill("#id_first_name", "sara")
    page.fill("#id_last_name", "ahmed")
    page.fill("#id_phone", "050 123 4567")
    page.get_by_role("button", name="Create client").click()
    page.wait_for_selector(".summary")
    asked = page.inner_text(".summary")
    page.get_by_role("button", name="Create a new client anyway").click()
    page.wait_for_url("**/clients/*-*-*/")

    assert "This looks like" in asked
    assert Submission.objects.count() == 2
