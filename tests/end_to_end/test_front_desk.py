"""A receptionist's day in a real browser: from the keyboard to the number."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from clients_app.models import Status, Submission
from tests.fleet import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def number_shown(page):
    """Return the client number once the page shows it."""
    block = page.locator("[data-status=CREATED]")
    block.wait_for()
    return block.get_attribute("data-number")


def test_a_company_with_only_a_name_is_two_actions(sign_in, portal, frontdesk):
    page = sign_in(frontdesk)

    page.keyboard.type("Gulf Star Logistics")
    page.keyboard.press("Control+Enter")
    number = number_shown(page)

    (remote,) = portal.sandbox.control.clients()
    assert number == remote["number"]
    assert remote["received"] == {"type": "company", "name": "Gulf Star Logistics"}
    expect(page.locator("h1")).to_have_text("Gulf Star Logistics")


def test_the_number_is_announced_and_stands_in_the_history(sign_in, portal, frontdesk):
    page = sign_in(frontdesk)
    page.keyboard.type("Gulf Star Logistics")
    page.keyboard.press("Control+Enter")
    number = number_shown(page)

    expect(page.locator("#live")).to_contain_text(number)
    expect(page.locator(".timeline li")).to_have_count(1)
    page.click("text=All clients")

    row = page.locator("tbody tr")
    expect(row).to_have_count(1)
    expect(row).to_contain_text(number)
    expect(row).to_contain_text("Gulf Star Logistics")


def test_a_contact_from_the_keyboard_alone(sign_in, portal, frontdesk):
    page = sign_in(frontdesk)

    page.keyboard.press("Alt+2")
    page.focus("[name=first_name]")
    page.keyboard.type("Sara")
    page.keyboard.press("Tab")
    page.keyboard.type("المنصوري")
    page.fill("[name=phone]", "050 123 4567")
    page.keyboard.press("Control+Enter")
    number_shown(page)

    (remote,) = portal.sandbox.control.clients()
    received = remote["received"]
    received.pop("billingAddress", None)
    assert received == {
        "type": "contact",
        "firstName": "Sara",
        "lastName": "المنصوري",
        "phone": "+971501234567",
    }


def test_both_sets_of_answers_survive_a_switch_and_only_one_is_sent(
    sign_in, portal, frontdesk
):
    page = sign_in(frontdesk)
    names = page.locator("[name=name]")
    names.first.fill("Acme LLC")
    page.fill("[name=website]", "acme.example")
    page.check("[name=type][value=contact]")
    page.fill("[name=first_name]", "Omar")
    page.fill("[name=email]", "omar@example.com")

    page.check("[name=type][value=company]")
    assert names.first.input_value() == "Acme LLC"
    assert not page.locator("[name=first_name]").is_visible()
    page.check("[name=type][value=contact]")
    assert page.locator("[name=first_name]").input_value() == "Omar"
    page.check("[name=type][value=company]")
    page.keyboard.press("Control+Enter")
    number_shown(page)

    received = portal.sandbox.control.clients()[0]["received"]
    assert received["website"] == "https://acme.example"
    assert not {"firstName", "email", "phone", "lastName"} & received.keys()


def test_all_errors_show_at_once_and_nothing_typed_is_lost(sign_in, frontdesk):
    page = sign_in(frontdesk)
    page.check("[name=type][value=contact]")
    page.fill("[name=last_name]", "Haddad")
    page.fill("[name=phone]", "12x")
    page.fill("[name=email]", "nobody@")
    with page.expect_response(
        lambda r: r.request.method == "POST" and r.url.endswith("/clients/new/")
    ) as posted:
        page.keyboard.press("Control+Enter")

    assert posted.value.status == 422
    summary = page.locator(".summary")
    expect(summary).to_be_focused()
    expect(summary).to_contain_text("Enter the first name")
    expect(summary).to_contain_text(
        "Enter a phone number with the country code, like +971 50 123 4567"
    )
    expect(summary).to_contain_text("Enter an email address like name@example.com")
    assert page.title().startswith("Error: ")
    assert page.locator("[name=last_name]").input_value() == "Haddad"
    assert page.locator("[name=phone]").input_value() == "12x"
    summary.get_by_text("Enter the first name").click()
    expect(page.locator("[name=first_name]")).to_be_focused()


def test_a_double_click_makes_one_client(sign_in, portal, frontdesk):
    page = sign_in(frontdesk)
    page.locator("[name=name]").first.fill("Twice LLC")

    page.locator("text=Create client").dblclick()
    number_shown(page)

    assert portal.sandbox.control.creates_per_name() == {"Twice LLC": 1}


def test_back_and_reload_make_no_second_client(sign_in, portal, frontdesk):
    page = sign_in(frontdesk)
    page.locator("[name=name]").first.fill("Once LLC")
    page.keyboard.press("Control+Enter")
    number_shown(page)

    page.reload()
    number_shown(page)
    page.go_back()
    name = page.locator("[name=name]").first
    kept = name.input_value()
    page.click("text=Create client")
    page.wait_for_load_state()

    # A page from before either is empty or still carries the token that was used.
    assert kept == "" or page.locator("[data-status=CREATED]").count() == 1
    assert portal.sandbox.control.creates_per_name() == {"Once LLC": 1}


@pytest.mark.parametrize(
    ("fill", "name"),
    [
        ({"name": "No Script LLC"}, "No Script LLC"),
        ({"type": "contact", "first_name": "Noor"}, "Noor"),
    ],
)
def test_it_works_without_scripts(sign_in, portal, frontdesk, fill, name):
    page = sign_in(frontdesk, java_script_enabled=False)

    if fill.pop("type", "") == "contact":
        page.check("[name=type][value=contact]")
        assert not page.locator("[name=website]").is_visible()
    for field, value in fill.items():
        page.locator(f"[name={field}]").first.fill(value)
    page.click("text=Create client")
    page.wait_for_url("**/clients/*-*/")
    created = Submission.objects.filter(display_name=name, status=Status.CREATED)
    assert wait_until(created.exists)
    if page.locator("noscript a").count():
        page.locator("noscript a").click()

    assert number_shown(page) == created.get().number


def test_while_heffl_is_down_clients_are_kept_and_go_out_when_it_is_back(
    sign_in, portal, frontdesk
):
    for method in ("POST", "GET"):
        portal.sandbox.control.push_fault(
            "reset_before_reading", count=None, method=method
        )
    page = sign_in(frontdesk)
    page.keyboard.type("Patient LLC")
    page.keyboard.press("Control+Enter")
    expect(page.locator("h1")).to_have_text("Patient LLC")
    waiting = page.locator("[data-status=QUEUED], [data-status=UNCERTAIN]")
    waiting.wait_for()
    text = waiting.inner_text()

    portal.sandbox.control.clear_faults()
    number_shown(page)

    assert "saved" in text.lower()
    assert portal.sandbox.control.creates_per_name() == {"Patient LLC": 1}


def test_a_refused_client_is_corrected_at_the_field_and_created(
    sign_in, portal, frontdesk
):
    portal.sandbox.control.push_fault(
        "status", params={"status": 400, "message": "Invalid email address format"}
    )
    page = sign_in(frontdesk)
    page.check("[name=type][value=contact]")
    page.fill("[name=first_name]", "Priya")
    page.fill("[name=email]", "priya@example.con")
    page.keyboard.press("Control+Enter")
    page.locator("[data-status=NEEDS_FIX]").wait_for()

    page.click("text=Correct and resend")
    wrong = page.locator("[name=email]")
    described = wrong.get_attribute("aria-describedby").split()
    told = " ".join(page.locator(f"#{name}").inner_text() for name in described)
    assert "Invalid email address format" in told
    wrong.fill("priya@example.com")
    page.keyboard.press("Control+Enter")
    number_shown(page)

    assert portal.sandbox.control.creates_per_name() == {"Priya": 1}


def test_the_status_address_answers_json_and_html(sign_in, portal, frontdesk):
    page = sign_in(frontdesk)
    page.keyboard.type("Json LLC")
    page.keyboard.press("Control+Enter")
    number = number_shown(page)

    answer = page.request.get(
        page.url + "status/", headers={"Accept": "application/json"}
    )

    body = json.loads(answer.text())
    assert set(body) == {"status", "number", "heffl_id", "message"}
    assert (body["status"], body["number"]) == ("CREATED", number)


def test_n_starts_the_next_client(sign_in, portal, frontdesk):
    page = sign_in(frontdesk)
    page.keyboard.type("First LLC")
    page.keyboard.press("Control+Enter")
    number_shown(page)

    page.keyboard.press("n")
    page.wait_for_url("**/clients/new/**")
    expect(page.locator("[name=name]").first).to_be_focused()
    page.keyboard.type("Second n LLC")
    page.keyboard.press("Control+Enter")
    number_shown(page)

    assert set(portal.sandbox.control.creates_per_name()) == {
        "First LLC",
        "Second n LLC",
    }
