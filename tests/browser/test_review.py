"""The review queue in a real browser: one walk by keyboard and mouse, and what axe finds."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone

from clients_app.intake import duplicates
from clients_app.models import Status, Submission
from tests.factories import SubmissionFactory
from tests.journeys import CONTACT, sent

pytestmark = pytest.mark.django_db(transaction=True)
REVIEW = "/o/al-noor/review/"


def made(organisation, status, **given):
    given.setdefault("created_at", timezone.now())
    row = SubmissionFactory(organisation=organisation, status=status, **given)
    duplicates.remember([row])
    return row


@pytest.fixture
def waiting(organisation):
    """A held signup like a client that exists, a refused one, an unclear one."""
    made(
        organisation, Status.CREATED, type="contact", answers=CONTACT, number="CLT-7",
        display_name="Sara Al Mansoori", heffl_id="clt_7", delivered_at=timezone.now(),
    )  # fmt: skip
    held = made(
        organisation, Status.PENDING, display_name="سارة المنصوري", type="contact",
        answers={**CONTACT, "phone": "+971501234567"}, held_for=["too_fast", "links"],
        source="signup",
    )  # fmt: skip
    refused = made(
        organisation, Status.NEEDS_FIX, type="contact", display_name="Omar Nair",
        answers={"first_name": "Omar", "last_name": "Nair", "email": "omar@example.con"},
        problem_field="email", message="Invalid email address format",
    )  # fmt: skip
    unclear = made(
        organisation, Status.REVIEW, display_name="Gulf Star LLC",
        answers={"name": "Gulf Star LLC"}, problem="several_found",
        candidates=[
            {"id": "clt_8", "number": "CLT-8", "name": "Gulf Star", "email": "",
             "phone": "", "created_at": "2026-01-01T00:00:00+00:00"},
            {"id": "clt_9", "number": "CLT-9", "name": "Gulf Stars", "email": "",
             "phone": "", "created_at": ""},
        ],
    )  # fmt: skip
    return held, refused, unclear


def test_a_walk_through_the_queue(
    open_page, organisation, reviewer, waiting, sandbox, connected
):
    held, refused, unclear = waiting
    page = open_page(reviewer)

    # A held signup, by keyboard alone.
    page.goto(REVIEW)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{REVIEW}{held.uuid}/**")
    assert page.get_by_text("differs").count() == 0
    page.keyboard.press("a")
    page.get_by_text("is approved and on its way").wait_for()
    assert sent(connected, held).status == Status.CREATED

    # A refused one, corrected: the field that Heffl named is marked.
    page.goto(f"{REVIEW}?tab=fix")
    page.get_by_role("link", name="Omar Nair").click()
    email = page.get_by_label("Email (optional)")
    assert email.get_attribute("aria-invalid") == "true"
    email.fill("omar@example.com")
    page.get_by_role("button", name="Correct and resend").click()
    page.get_by_text("is corrected and sent again").wait_for()
    assert sent(connected, refused).status == Status.CREATED

    # An unclear one, linked to a client that was found.
    page.goto(f"{REVIEW}?tab=unclear")
    page.get_by_role("link", name="Gulf Star LLC").click()
    assert page.get_by_text("differs").count() == 1
    page.get_by_role("button", name="It is this client Gulf Star CLT-8").click()
    page.get_by_text("Linked to the client that exists.").wait_for()
    unclear.refresh_from_db()
    assert (unclear.status, unclear.number) == (Status.CREATED, "CLT-8")

    # Fifty at once.
    rows = [made(organisation, Status.PENDING) for _ in range(50)]
    page.goto(REVIEW)
    for box in page.get_by_role("checkbox").all():
        box.check()
    page.get_by_role("button", name="Approve selected").click()
    page.get_by_text("50 approved.").wait_for()
    queued = Submission.objects.filter(pk__in=[row.pk for row in rows], status="QUEUED")
    assert queued.count() == 50


def test_keys_do_nothing_behind_the_dialog_that_lists_them(
    open_page, reviewer, waiting
):
    page = open_page(reviewer)

    page.goto(f"{REVIEW}{waiting[0].uuid}/")
    page.keyboard.press("Shift+?")
    page.keyboard.press("a")
    page.wait_for_timeout(200)

    assert page.get_by_role("dialog").is_visible()
    assert Submission.objects.get(pk=waiting[0].pk).status == Status.PENDING


def test_switched_off_keys_do_nothing(open_page, reviewer, waiting):
    reviewer.user.shortcuts = False
    reviewer.user.save()
    page = open_page(reviewer)

    page.goto(f"{REVIEW}{waiting[0].uuid}/")
    page.keyboard.press("a")
    page.wait_for_timeout(200)

    assert Submission.objects.get(pk=waiting[0].pk).status == Status.PENDING


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_axe_finds_nothing(open_page, reviewer, waiting, language, scheme):
    held, refused, unclear = waiting
    page = open_page(reviewer, language=language, color_scheme=scheme)
    addresses = [
        REVIEW,
        f"{REVIEW}?tab=fix",
        f"{REVIEW}?tab=unclear",
        f"{REVIEW}?tab=done",
        *(f"{REVIEW}{row.uuid}/" for row in waiting),
        f"{REVIEW}reject/?chosen={held.uuid}:1&tab=waiting",
        "/o/al-noor/overview/",
    ]
    found = {}

    for address in addresses:
        page.goto(address)
        for violation in Axe().run(page).response["violations"]:
            where = [node["html"][:150] for node in violation["nodes"]]
            found[address, violation["id"]] = where
    page.goto(addresses[-2])
    page.locator("form[data-main] button").click()
    for violation in Axe().run(page).response["violations"]:
        found["error", violation["id"]] = [one["html"] for one in violation["nodes"]]

    assert found == {}


def test_every_page_stands_upright_on_a_phone(open_page, reviewer, waiting):
    page = open_page(reviewer, viewport={"width": 375, "height": 800})

    for path in (
        REVIEW,
        *(f"{REVIEW}{row.uuid}/" for row in waiting),
        "/o/al-noor/overview/",
    ):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 375
