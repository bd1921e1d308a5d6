"""Five walk-ins with scripts switched off: slower, and every one gets its number."""

from __future__ import annotations

import pytest

from tests.fleet import wait_until

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

COUNTRY = "[name=billing_address__country]"


@pytest.fixture
def desk(sign_in, frontdesk):
    return sign_in(frontdesk, java_script_enabled=False)


def send_and_wait(page, status="CREATED"):
    """Send the form, look again until the client got there; return its number."""
    page.click("form[data-main] .btn >> nth=0")
    page.wait_for_url("**/clients/*-*-*/")

    def there():
        page.reload()
        return page.locator(f"[data-status={status}]").count() == 1

    assert wait_until(there)
    return page.get_attribute("[data-status]", "data-number")


def new(page, kind="company"):
    page.click("nav >> text=New client")
    page.check(f"[name=type][value={kind}]")


def test_five_walk_ins_without_scripts(desk, portal):
    page = desk
    page.fill("#id_name", "Gulf Star Logistics")
    numbers = [send_and_wait(page)]

    new(page)
    page.fill("#id_name", "Oasis Dental Clinic")
    page.click("text=Billing address")
    page.fill("#id_billing_address__address", "Office 1204")
    page.select_option("#id_emirate", "Dubai")
    page.click("text=More details")
    page.fill("#id_tax_number", "100 1234 5678 9003")
    numbers.append(send_and_wait(page))

    new(page, "contact")
    page.fill("#id_first_name", "Sara")
    page.fill("#id_phone", "050 123 4567")
    numbers.append(send_and_wait(page))

    new(page, "contact")
    for name, value in (
        ("first_name", "Priya"),
        ("last_name", "Raghavan"),
        ("phone", "052 987 6543"),
        ("email", "priya@example.com"),
        ("job_title", "Manager"),
        ("salutation", "Ms"),
        ("display_name", "Priya R."),
    ):
        page.fill(f"#id_{name}", value)
    page.click("text=Billing address")
    page.select_option(COUNTRY, "Germany")
    page.fill("#id_billing_address__state", "Bavaria")
    page.fill("#id_billing_address__postal_code", "80331")
    page.click("text=More details")
    page.fill("#id_opening_balance", "1,250.50")
    numbers.append(send_and_wait(page))

    portal.sandbox.control.push_fault(
        "status", params={"status": 400, "message": "Invalid email address format"}
    )
    new(page, "contact")
    page.fill("#id_first_name", "Omar")
    page.fill("#id_email", "omar@example.con")
    send_and_wait(page, "NEEDS_FIX")
    page.click("text=Correct and resend")
    page.fill("#id_email", "omar@example.com")
    numbers.append(send_and_wait(page))

    received = [client["received"] for client in portal.sandbox.control.clients()]
    assert len(set(numbers)) == 5
    assert None not in numbers
    assert {one.get("name") or one["firstName"] for one in received} == {
        "Gulf Star Logistics",
        "Oasis Dental Clinic",
        "Sara",
        "Priya R.",
        "Omar",
    }
