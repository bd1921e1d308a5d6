"""Reload, crash, no network, a sign-in that ran out: what was typed is there afterwards."""

import json

import pytest
from django.conf import settings

from clients_app.models import Submission

NEW = "/o/al-noor/clients/new/"


def kept(page):
    """Return what lies on this computer: {key: entry}."""
    stored = page.evaluate("Object.entries(localStorage)")
    return {key: json.loads(entry) for key, entry in stored}


def wait_until_kept(page, text):
    page.wait_for_function(
        "text => Object.values(localStorage).some((one) => one.includes(text))",
        arg=text,
    )


@pytest.fixture
def typing(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)
    page.check("#id_type_1")
    page.fill("#id_first_name", "Sara")
    page.get_by_text("More details").click()
    page.fill("#id_tax_number", "100123456789003")
    wait_until_kept(page, "Sara")
    return page


def test_a_reload_brings_back_what_was_typed(typing):
    token = typing.input_value("[name=submission_token]")
    typing.reload()
    typing.wait_for_selector("#restored:visible")

    assert typing.is_checked("#id_type_1")
    assert typing.input_value("#id_first_name") == "Sara"
    assert typing.is_visible("#id_tax_number")
    assert typing.input_value("[name=submission_token]") == token


def test_what_came_back_names_the_area_as_its_country_does(typing):
    typing.get_by_text("Billing address").click()
    typing.select_option("#id_billing_address__country", "OM")
    typing.fill("#id_billing_address__state", "Muscat")
    wait_until_kept(typing, "Muscat")
    typing.reload()
    typing.wait_for_selector("#restored:visible")

    assert typing.get_by_label("Governorate").input_value() == "Muscat"
    assert typing.locator("#areas option").count() == 11


def test_a_closed_tab_brings_back_what_was_typed(typing):
    context = typing.context
    typing.close()
    page = context.new_page()
    page.goto(NEW)
    page.wait_for_selector("#restored:visible")

    assert page.input_value("#id_first_name") == "Sara"


def test_a_second_tab_leaves_the_first_one_its_draft(typing):
    page = typing.context.new_page()
    page.goto(NEW)
    page.fill("#id_name", "Other Trading")
    wait_until_kept(page, "Other Trading")

    assert not page.is_visible("#restored")
    assert len(kept(page)) == 2


def test_what_came_back_can_be_discarded(typing):
    typing.reload()
    typing.click("#discard")
    typing.wait_for_selector("#restored", state="hidden")

    assert typing.input_value("#id_first_name") == ""
    assert kept(typing) == {}


def test_saving_and_cancelling_leave_nothing_behind(typing):
    typing.keyboard.press("Control+Enter")
    typing.wait_for_url("**/clients/*-*-*/")
    after_saving = kept(typing)
    typing.goto(NEW)
    typing.fill("#id_name", "Second")
    wait_until_kept(typing, "Second")
    typing.click("text=Cancel")
    typing.wait_for_url("**/clients/")

    assert (after_saving, kept(typing)) == ({}, {})


def test_signing_out_leaves_nothing_behind(typing):
    typing.locator(".menu > summary").click()
    typing.get_by_role("button", name="Sign out").click()
    typing.wait_for_url("**/accounts/login/**")

    assert kept(typing) == {}


def test_nobody_meets_the_draft_of_another_person(
    typing, reviewer, signed_in, live_server
):
    name = settings.SESSION_COOKIE_NAME
    value = signed_in(reviewer).cookies[name].value
    typing.context.add_cookies([{"name": name, "value": value, "url": live_server.url}])
    typing.goto(NEW)
    typing.wait_for_function("() => Object.keys(localStorage).length === 0")

    assert not typing.is_visible("#restored")
    assert typing.input_value("#id_first_name") == ""


def test_without_network_a_client_waits_and_is_sent_once(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)
    page.context.set_offline(True)
    page.wait_for_selector("#offline:visible")
    page.fill("#id_name", "Palm Bakery")
    token = page.input_value("[name=submission_token]")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#waiting:visible")
    waiting, focused = (
        page.inner_text("#waiting"),
        page.evaluate("document.activeElement.id"),
    )
    second = page.input_value("[name=submission_token]")
    page.context.set_offline(False)
    page.wait_for_selector("#waiting", state="hidden")

    row = Submission.objects.get()
    assert "Palm Bakery" in waiting
    assert focused == "id_name"
    assert page.input_value("#id_name") == ""
    assert (row.display_name, row.submission_token) == ("Palm Bakery", token)
    assert second != token
    assert kept(page) == {}


def test_a_client_refused_after_waiting_comes_back_for_correction(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)
    page.context.set_offline(True)
    page.fill("#id_name", "Palm Bakery")
    page.fill("#id_website", "nonsense")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#waiting:visible")
    page.context.set_offline(False)
    page.get_by_role("button", name="Correct").click()
    page.wait_for_selector(".summary")

    assert page.input_value("#id_name") == "Palm Bakery"
    assert page.input_value("#id_website") == "nonsense"
    page.fill("#id_website", "")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/clients/*-*-*/")
    assert Submission.objects.get().display_name == "Palm Bakery"
    assert kept(page) == {}


def test_a_tab_that_closes_leaves_what_waits_to_the_next(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)
    page.context.set_offline(True)
    page.fill("#id_name", "Palm Bakery")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#waiting:visible")
    page.close()
    context = page.context
    context.set_offline(False)
    pages = [context.new_page(), context.new_page()]
    for each in pages:
        each.goto(NEW)
    for each in pages:
        each.wait_for_function("() => Object.keys(localStorage).length === 0")

    assert Submission.objects.count() == 1


@pytest.mark.parametrize("scripts", [True, False])
def test_a_sign_in_that_ran_out_costs_nothing(
    open_page, frontdesk, django_user_model, scripts
):
    frontdesk.user.set_password("a perfectly fine password")
    frontdesk.user.save()
    page = open_page(frontdesk, java_script_enabled=scripts)
    page.goto(NEW)
    page.fill("#id_name", "Palm Bakery")
    page.context.clear_cookies(name=settings.SESSION_COOKIE_NAME)
    page.get_by_role("button", name="Create client").click()
    page.wait_for_url("**/accounts/login/**")
    told = page.inner_text("main")
    page.fill("[name=login]", frontdesk.user.email)
    page.fill("[name=password]", "a perfectly fine password")
    page.press("[name=password]", "Enter")
    page.wait_for_url("**/clients/*-*-*/")

    assert "What you typed is kept" in told
    assert Submission.objects.get().display_name == "Palm Bakery"
    if scripts:
        assert kept(page) == {}


def test_the_end_of_a_sign_in_is_told_two_minutes_before(open_page, frontdesk):
    page = open_page(frontdesk)
    page.clock.install()
    page.goto(NEW)
    before = page.is_visible("#ending")
    page.clock.fast_forward("11:58:30")
    page.wait_for_selector("#ending:visible")
    page.click("#stay")
    page.wait_for_selector("#ending", state="hidden")

    assert not before
