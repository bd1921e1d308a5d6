"""An import from a faulty file to its end, and the privacy page, as a browser shows them."""

from __future__ import annotations

import os

import pytest

from clients_app.imports import drafts, load, reading
from clients_app.models import FileReading, Status, Submission
from tests.accessibility import violations

pytestmark = pytest.mark.django_db(transaction=True)
FAULTY = (
    "Type,Company name,First name,Mobile,E-mail,Ignored\n"
    "company,شركة النور,,,,x\n"
    "company,Twice LLC,,,,x\n"
    "company,Twice LLC,,,,x\n"
    "contact,,Mariam,12,nobody,x\n"
    "contact,,Ali,0501234567,ali@example.com,x\n"
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_the_whole_way_with_a_faulty_file(
    open_page, owner, organisation, tmp_path, language, scheme
):
    width = 375 if scheme == "dark" else 1280
    page = open_page(
        owner,
        language,
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        bypass_csp=True,
    )
    found: dict[str, list[str]] = {}

    def look(name):
        if folder := os.environ.get("SHOTS"):
            page.screenshot(
                path=f"{folder}/{name}-{language}-{width}.png", full_page=True
            )
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if faults := [*violations(page), *(["too wide"] if wide > 0 else [])]:
            found[name] = faults

    (tmp_path / "tool.csv").write_bytes(b"MZ\x90\x00")
    (tmp_path / "clients.csv").write_text(FAULTY)
    page.goto("/o/al-noor/import/")
    look("start")
    page.set_input_files("[name=file]", tmp_path / "tool.csv")
    page.locator("main form .btn").first.click()
    page.locator(".summary").wait_for()
    look("refused")
    page.set_input_files("[name=file]", tmp_path / "clients.csv")
    page.locator("main form .btn").first.click()
    page.locator("[name=column_0]").wait_for()
    look("columns")
    page.locator("[value=choose]").click()
    page.wait_for_url("**/check/")
    look("check")
    assert Submission.objects.count() == 0
    page.locator("main form .btn").first.click()
    page.locator("progress").first.wait_for()
    load.store_due()
    page.wait_for_function("document.querySelector('progress').value > 0")  # by itself
    Submission.objects.order_by("id").filter(type="contact").update(
        status=Status.NEEDS_FIX, problem="http_400"
    )
    page.reload()
    look("progress")
    page.goto("/o/al-noor/import/")
    look("recent")
    page.goto("/o/al-noor/settings/privacy/")
    page.fill("[name=who]", "Twice")
    page.locator("[value=find]").click()
    page.locator("[name=client]").first.wait_for()
    look("privacy")

    assert Submission.objects.count() == 3
    assert found == {}


@pytest.mark.parametrize("scripts", [True, False])
@pytest.mark.parametrize("language", ["en", "ar"])
def test_a_page_that_waits_for_the_worker_goes_on_by_itself(
    open_page, owner, organisation, language, scripts
):
    text = "name,notes\n" + f"Twice LLC,{'x' * 1_000}\n" * 2_100
    draft = drafts.upload(organisation, "c.csv", text.encode(), user=owner.user)
    page = open_page(owner, language, java_script_enabled=scripts, bypass_csp=scripts)
    address = f"/o/al-noor/import/{draft.uuid}"
    page.goto(f"{address}/columns/")
    assert page.locator("main[aria-busy=true] progress").count() == 1
    if scripts:
        assert violations(page) == []
    FileReading.objects.update(percent=40)
    page.locator("progress[value='40']").wait_for()
    reading.read_due()
    page.locator("[name=column_0]").wait_for()
    assert page.locator("main[aria-busy]").count() == 0
    page.locator("[value=choose]").click()
    page.wait_for_url("**/check/")
    page.locator("main[aria-busy=true] progress").wait_for()
    reading.read_due()
    page.locator("main:not([aria-busy]) form .btn").first.wait_for()
