"""A stranger becomes a client, with every part running; and what the page weighs."""

from __future__ import annotations

import pytest

from clients_app.models import (
    ApprovalMode,
    CustomFieldKind,
    SignupMail,
    SignupPage,
    Submission,
)
from tests.factories import CustomFieldFactory
from tests.fleet import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PAGE = "/s/al-noor/"
MOST_BYTES = 15 * 1024
MOST_REQUESTS = 6


@pytest.fixture
def opened(organisation):
    organisation.signup_mode = ApprovalMode.SEND
    organisation.save()
    return SignupPage.objects.create(organisation=organisation, shows_number=True)


def test_a_stranger_on_a_phone_becomes_a_client(open_browser, portal, opened):
    page = open_browser(viewport={"width": 375, "height": 800})
    page.goto(f"{PAGE}?lang=ar&type=contact&source=fair")
    page.fill("#id_first_name", "سارة")
    page.fill("#id_email", "sara@example.test")
    page.locator("form .btn").first.click()
    page.wait_for_url("**/r/*/?lang=ar")

    def taken_in():
        page.reload()
        return page.locator("[data-stage=client]").count() == 1

    assert wait_until(taken_in)
    row = Submission.objects.get()
    assert (row.held_for, row.campaign, row.language) == ([], "fair", "ar")
    assert page.inner_text(".num") == row.number
    (remote,) = portal.sandbox.control.clients()
    assert (remote["number"], remote["name"]) == (row.number, "سارة")
    assert wait_until(lambda: not SignupMail.objects.exists())
    with open(portal.worker_log) as log:
        assert "sara@" not in log.read()


@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_first_load_is_small_before_the_proof(
    open_browser, portal, organisation, opened, language
):
    for kind in CustomFieldKind.values:
        options = ["A", "B"] if kind.startswith("option") else []
        CustomFieldFactory(
            organisation=organisation, key=f"cf_{kind}", kind=kind, options=options,
            is_public=True,
        )  # fmt: skip
    page = open_browser()
    loaded = []
    page.on("requestfinished", lambda one: loaded.append(one))

    page.goto(f"{PAGE}?lang={language}", wait_until="load")
    page.wait_for_timeout(150)

    first = [one for one in loaded if "altcha" not in one.url]
    sizes = [one.sizes() for one in first]
    weight = sum(s["responseBodySize"] + s["responseHeadersSize"] for s in sizes)
    print(f"\nfirst load in {language}: {weight} bytes, {len(first)} requests")  # noqa: T201
    assert weight <= MOST_BYTES
    assert len(first) <= MOST_REQUESTS
