"""What is printed: black on white whatever the screen is like, and nothing to press."""

import pytest

from tests.factories import SubmissionFactory

CONTROLS = "a.btn, button, input, select, nav a:not([aria-current]), header, .export"
INK = """all => [...new Set(all.filter(one => one.checkVisibility()).flatMap(one => {
  const { color, backgroundColor } = getComputedStyle(one);
  return [color, backgroundColor];
}))].sort()"""
PAPER = {"width": 718, "height": 1047}
"""An A4 sheet within the margins that browsers leave, in CSS pixels."""


@pytest.fixture
def paths(organisation):
    made = {}
    for status in ("CREATED", "PENDING", "NEEDS_FIX", "REVIEW"):
        made[status] = SubmissionFactory(
            organisation=organisation,
            status=status,
            display_name=f"A company with a long name, Trading and Contracting {status}",
            heffl_id="clt_1" if status == "CREATED" else "",
            number="CLT-00123" if status == "CREATED" else "",
        )
    return [
        *(f"/o/al-noor/clients/{row.uuid}/" for row in made.values()),
        "/o/al-noor/clients/?status=PENDING",
        "/o/al-noor/review/",
        "/o/al-noor/review/?tab=fix",
    ]


@pytest.mark.parametrize("language", ["en", "ar"])
def test_print_is_black_on_white_and_holds_no_controls(
    open_page, owner, paths, language
):
    page = open_page(owner, language, color_scheme="dark", viewport=PAPER)
    page.emulate_media(media="print", color_scheme="dark")
    for path in paths:
        page.goto(path)

        controls = (
            page.locator(CONTROLS)
            .filter(visible=True)
            .evaluate_all("all => all.map(one => one.outerHTML)")
        )
        inks = page.locator("html, body *").evaluate_all(INK)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert (path, controls) == (path, [])
        assert (path, inks) == (path, ["rgb(0, 0, 0)", "rgba(0, 0, 0, 0)"])
        assert (path, wide) == (path, 0)
        assert page.locator("h1").is_visible()
