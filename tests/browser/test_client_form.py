"""The form in a real browser: keys, both types, both countries, no scripts, no barriers."""

import os

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse

from clients_app.models import CustomFieldKind, Status, Submission
from tests.accessibility import violations
from tests.factories import CustomFieldFactory

NEW = "/o/al-noor/clients/new/"
SCREENS = {
    "desktop": {},
    "phone": {"viewport": {"width": 375, "height": 800}},
    "narrow": {"viewport": {"width": 320, "height": 800}},
    "dark": {"color_scheme": "dark"},
    "arabic": {"language": "ar"},
    "contrast": {"forced_colors": "active"},
}


@pytest.fixture
def many_questions(organisation):
    for kind in CustomFieldKind:
        CustomFieldFactory(
            organisation=organisation,
            key=f"cf_{kind}",
            kind=kind,
            label=f"Our {kind}",
            help_text="A hint",
            options=["First", "Second"],
        )


def send(page):
    page.get_by_role("button", name="Create client").click()


def shown(page):
    """Return the ids of the controls that can be seen."""
    return set(
        page.eval_on_selector_all(
            "form[data-main] :is(input, select, textarea)",
            "all => all.filter(one => one.checkVisibility()).map(one => one.id)",
        )
    )


def barriers(page):
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def test_a_company_is_name_and_ctrl_enter(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)

    page.keyboard.type("Al Noor Trading")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/clients/*-*-*/")

    row = Submission.objects.get()
    assert page.url.endswith(reverse("submission-detail", args=["al-noor", row.uuid]))
    assert row.answers["name"] == "Al Noor Trading"
    assert page.evaluate("document.activeElement.tagName") == "H1"


def test_a_contact_is_alt_2_and_a_first_name(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)

    page.keyboard.press("Alt+2")
    said = page.inner_text("#live")
    focused = page.evaluate("document.activeElement.value")
    page.get_by_label("First name").fill("Sara")
    page.get_by_label("Phone").fill("050 123 4567")
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/clients/*-*-*/")

    row = Submission.objects.get()
    assert (said, focused) == ("Showing person fields", "contact")
    assert row.type == "contact"
    assert row.answers["phone"] == "+971501234567"
    assert "name" not in row.answers


@pytest.mark.parametrize("scripts", [True, False])
def test_the_type_decides_which_questions_show_and_both_keep_their_answers(
    open_page, frontdesk, scripts
):
    page = open_page(frontdesk, java_script_enabled=scripts)
    page.goto(NEW)

    page.fill("#id_name", "Typed company")
    page.check("#id_type_1")
    company_hidden = not page.is_visible("#id_name")
    page.fill("#id_display_name", "Typed person")
    page.fill("#id_email", "nobody")
    send(page)

    assert company_hidden
    assert page.title().startswith("Error: ")
    assert page.input_value("#id_display_name") == "Typed person"
    page.check("#id_type_0")
    assert page.input_value("#id_name") == "Typed company"
    assert page.is_visible("#id_name")
    assert not page.is_visible("#id_email")


def test_the_country_decides_between_emirate_and_state(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)
    page.get_by_text("Billing address").click()

    uae = shown(page)
    page.select_option("#id_billing_address__country", "Germany")
    germany = shown(page)

    assert uae - germany == {"id_emirate"}
    assert germany - uae == {
        "id_billing_address__state",
        "id_billing_address__postal_code",
    }


def area_of(page):
    """Return what the page calls the area of an address, and what it suggests."""
    control = page.locator("#id_billing_address__state")
    names = control.evaluate("one => [...one.list?.options ?? []].map(o => o.value)")
    return control.evaluate("one => one.labels[0].firstChild.textContent"), names


@pytest.mark.parametrize(
    ("language", "qatar", "doha", "region", "elsewhere"),
    [
        ("en", "Municipality", "Doha", "Region", "State or province"),
        ("ar", "البلدية", "الدوحة", "المنطقة", "الولاية أو المقاطعة"),
    ],
)
def test_the_country_decides_what_an_area_is_called_and_which_are_suggested(
    open_page, frontdesk, language, qatar, doha, region, elsewhere
):
    page = open_page(frontdesk, language=language)
    page.goto(NEW)
    page.locator("summary:has(.preset)").click()
    country = page.locator("#id_billing_address__country")

    country.select_option("QA")
    label, names = area_of(page)
    assert (label, len(names), doha in names) == (qatar, 8, True)
    country.select_option("SA")
    label, names = area_of(page)
    assert (label, len(names), doha in names) == (region, 13, False)
    country.select_option("DE")
    assert area_of(page) == (elsewhere, [])

    country.select_option("QA")
    page.fill("#id_name", "Al Noor")
    page.fill("#id_billing_address__state", doha)
    page.keyboard.press("Control+Enter")
    page.wait_for_url("**/clients/*-*-*/")
    assert Submission.objects.get().answers["billing_address__state"] == "Doha"
    assert page.get_by_role("term").filter(has_text=qatar).count() == 1


def test_an_area_is_called_right_without_scripts_after_one_round(open_page, frontdesk):
    page = open_page(frontdesk, java_script_enabled=False)
    page.goto(NEW + "?country=OM")
    page.get_by_text("Billing address").click()
    fresh = page.get_by_label("Governorate").get_attribute("list")
    page.select_option("#id_billing_address__country", "SA")
    send(page)

    assert fresh == "areas"
    assert page.get_by_label("Region").get_attribute("list") == "areas"
    assert page.locator("#areas option").count() == 13


@pytest.mark.parametrize("scripts", [True, False])
def test_a_refused_form_leads_to_what_is_wrong(open_page, frontdesk, scripts):
    page = open_page(frontdesk, java_script_enabled=scripts)
    page.goto(NEW + "?type=contact")

    page.fill("#id_phone", "12x")
    page.get_by_text("More details").click()
    page.fill("#id_opening_balance", "-1")
    send(page)

    summary = page.get_by_role("group", name="There is a problem")
    assert page.title() == "Error: New client – Heffl Portal"
    assert page.locator(".summary:focus").count() == 1
    assert summary.get_by_role("link").all_inner_texts() == [
        "Enter the first name",
        "Enter a phone number with the country code, like +971 50 123 4567",
        "Opening balance must be 0 or more, like 1500 or 250.50",
    ]
    summary.get_by_role("link").last.click()
    assert page.locator("#id_opening_balance:focus").count() == 1
    assert page.input_value("#id_phone") == "12x"


def test_single_letters_do_nothing_while_typing_or_when_switched_off(
    open_page, frontdesk
):
    page = open_page(frontdesk)
    page.goto(NEW)
    page.keyboard.type("n/?")
    typed = page.input_value("#id_name")
    frontdesk.user.shortcuts = False
    frontdesk.user.save()

    page.goto("/o/al-noor/clients/")
    page.keyboard.press("n")
    page.keyboard.press("/")

    assert typed == "n/?"
    assert page.url.endswith("/clients/")
    assert page.evaluate("document.activeElement.tagName") == "BODY"


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_dialog_of_the_keys_has_no_barrier(
    open_page, reviewer, language, scheme, tmp_path
):
    page = open_page(
        reviewer,
        language,
        viewport={"width": 320, "height": 800},
        color_scheme=scheme,
        bypass_csp=True,
    )
    page.goto("/o/al-noor/clients/")
    page.keyboard.press("Shift+?")
    dialog = page.get_by_role("dialog")
    dialog.wait_for()
    page.screenshot(
        path=f"{os.environ.get('SHOTS', tmp_path)}/keys-{language}-{scheme}.png"
    )
    box = dialog.bounding_box()

    assert violations(page) == []
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 320
    dialog.locator("> button").click()
    assert not dialog.is_visible()


def test_single_letters_lead_to_new_search_and_keys(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto("/o/al-noor/clients/")

    page.keyboard.press("/")
    searching = page.evaluate("document.activeElement.name")
    page.keyboard.press("Escape")
    page.focus("[name=q]")
    page.keyboard.press("Escape")
    page.locator("main a").first.focus()
    before = page.evaluate("document.activeElement.outerHTML")
    page.keyboard.press("Shift+?")
    dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
    keys_shown = dialog.get_by_text("These keys").is_visible()
    page.keyboard.press("n")  # not now
    page.keyboard.press("Escape")
    closed = not dialog.is_visible()
    after = page.evaluate("document.activeElement.outerHTML")
    page.keyboard.press("n")
    page.wait_for_url("**/new/")

    assert (searching, keys_shown, closed) == ("q", True, True)
    assert after == before


def test_the_number_appears_without_a_reload(open_page, frontdesk):
    page = open_page(frontdesk)
    page.goto(NEW)
    page.fill("#id_name", "Al Noor")
    send(page)
    page.wait_for_url("**/clients/*-*-*/")

    Submission.objects.update(
        status=Status.CREATED, number="CLT-00123", heffl_id="clt_1"
    )

    page.wait_for_selector('[data-number="CLT-00123"][data-final]')
    page.wait_for_function("document.querySelector('#live').textContent")
    assert page.inner_text("#live") == "Client number CLT-00123"


@pytest.mark.parametrize("screen", SCREENS)
def test_no_barrier_and_no_sideways_scrolling(
    open_page, frontdesk, many_questions, screen
):
    page = open_page(frontdesk, **SCREENS[screen])
    page.goto(NEW)
    clean = barriers(page)

    page.check("#id_type_1")
    for group in page.locator("details.folded summary").all():
        group.click()
    opened = barriers(page)
    page.fill("#id_cf_email", "x")
    page.fill("#id_tax_number", "12")
    page.locator("form[data-main] .btn").first.click()
    page.wait_for_selector(".summary")
    refused = barriers(page)

    assert (clean, opened, refused) == ([], [], [])
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
