"""The tablet at the desk and Settings, Signup in a real browser: nothing left, no barriers."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from clients_app.models import ApprovalMode, SignupPage, Submission
from clients_app.views import kiosk

SETTINGS = "/o/al-noor/settings/signup/"
KEY = "k" * 22
KIOSK = f"/s/al-noor/kiosk/?key={KEY}"


@pytest.fixture
def page_of(organisation):
    organisation.signup_mode = ApprovalMode.SEND
    organisation.save()
    return SignupPage.objects.create(
        organisation=organisation, kiosk_key=KEY, accent="#7a1fa2"
    )


def barriers(page):
    found = Axe().run(page).response["violations"]
    return [(one["id"], [node["html"] for node in one["nodes"]]) for one in found]


def send(page):
    page.get_by_role("button", name="Send").click()


def nothing_shows(page, words):
    values = page.eval_on_selector_all(
        ".field :is(input:not([type=radio]), textarea)",
        "all => all.map(one => one.value).join('')",
    )
    return values == "" and words not in page.content()


def test_a_visit_leaves_nothing_behind(open_page, page_of):
    page = open_page()
    page.clock.install()
    page.goto(KIOSK)
    entries = page.evaluate("history.length")
    assert page.locator("input[autocomplete]:not([autocomplete=off])").count() == 0

    page.fill("#id_name", "Gulf Star LLC")
    page.fill("#id_website", "not a site")
    send(page)
    expect(page.get_by_text("There is a problem")).to_be_visible()
    assert page.input_value("#id_name") == "Gulf Star LLC"
    page.fill("#id_website", "gulf-star.example")
    page.clock.run_for(3_000)
    send(page)
    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()

    submission = Submission.objects.get()
    assert submission.display_name == "Gulf Star LLC"
    assert submission.receipt not in page.content() + page.url
    expect(page.get_by_text("this page begins anew for the next")).to_be_visible()
    assert page.evaluate("history.length") == entries
    page.clock.run_for((kiosk.REST + 1) * 1000)
    page.wait_for_url(f"**{KIOSK}")
    expect(page.locator("#id_name")).to_have_value("")
    assert nothing_shows(page, "Gulf Star")
    page.go_back()
    assert "Gulf Star" not in page.content()


def test_a_form_that_was_left_begins_anew_after_asking(open_page, page_of):
    page = open_page()
    page.clock.install()
    page.goto(KIOSK)
    page.fill("#id_name", "Somebody who left")
    clock = page.locator("[data-clock]")
    expect(clock).to_be_hidden()

    page.clock.run_for((kiosk.IDLE + 1) * 1000)
    expect(clock).to_be_visible()
    page.get_by_role("button", name="I am still here").click()
    expect(clock).to_be_hidden()
    assert page.input_value("#id_name") == "Somebody who left"
    page.clock.run_for((kiosk.IDLE + kiosk.LAST_CALL + 2) * 1000)

    expect(page.locator("#id_name")).to_have_value("")
    assert nothing_shows(page, "Somebody")


def test_going_back_to_a_left_form_shows_it_empty(open_page, page_of):
    page = open_page()
    page.goto(KIOSK)
    page.fill("#id_name", "Somebody who left")
    page.goto("about:blank")

    page.go_back()

    expect(page.locator("#id_name")).to_have_value("")


def test_on_the_full_screen_visits_follow_each_other(open_page, page_of):
    page = open_page()
    page.goto(KIOSK)

    page.get_by_role("button", name="Full screen").click()
    inside = page.frame_locator("iframe.whole")
    inside.locator("#id_name").fill("Gulf Star LLC")
    inside.get_by_role("button", name="Send").click()

    expect(inside.get_by_role("heading", name="Thank you")).to_be_visible()
    assert page.evaluate("!!document.fullscreenElement")
    inside.get_by_role("link", name="Start again").click()
    expect(inside.locator("#id_name")).to_have_value("")
    assert page.evaluate("!!document.fullscreenElement")


def test_without_scripts_it_works_and_begins_anew(open_page, page_of):
    page = open_page(java_script_enabled=False)
    page.goto(KIOSK)

    page.fill("#id_name", "Gulf Star LLC")
    send(page)

    expect(page.get_by_role("heading", name="Thank you")).to_be_visible()
    assert f'content="{kiosk.REST};url={KIOSK}"' in page.content()
    page.get_by_role("link", name="Start again").click()
    expect(page.locator("#id_name")).to_have_value("")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_nothing_stands_in_the_way(open_page, page_of, admin_member, language, scheme):
    page = open_page(
        admin_member, language=language, color_scheme=scheme, bypass_csp=True
    )
    found = {}
    page.goto(SETTINGS)
    found["settings"] = barriers(page)
    page.fill("#id_accent", "#ffcc00")
    page.locator("form[data-main] .actions .btn").first.click()
    expect(page.locator(".summary")).to_be_visible()
    found["settings, errors"] = barriers(page)
    page.goto(f"{SETTINGS}poster/")
    found["poster"] = barriers(page)
    page.goto(f"{KIOSK}&lang={language}")
    found["kiosk"] = barriers(page)
    page.locator("form button.btn").first.click()
    expect(page.locator(".summary")).to_be_visible()
    found["kiosk, errors"] = barriers(page)
    page.goto(f"/s/al-noor/kiosk/thanks/?lang={language}")
    found["thanks"] = barriers(page)

    assert found == dict.fromkeys(found, [])


def test_the_preview_shows_the_page_inside_the_settings(
    open_page, page_of, admin_member
):
    page = open_page(admin_member)
    page.goto(SETTINGS)

    page.get_by_text("Show the preview here").click()

    inside = page.frame_locator("iframe.preview")
    expect(inside.get_by_role("heading", name="Become a client")).to_be_visible()
    inside.get_by_role("button", name="Send").click()
    expect(inside.get_by_text("This is a preview")).to_be_visible()


def test_the_snippet_can_be_copied(open_page, page_of, admin_member):
    page = open_page(admin_member, permissions=["clipboard-read", "clipboard-write"])
    page.goto(SETTINGS)

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("<iframe src=")
