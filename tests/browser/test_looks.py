"""The main pages look as somebody approved: `make approve` takes new pictures.

Fonts differ between machines and move every line. The pictures say with which fonts they
were taken; on a machine with others this compares nothing and says so.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.factories import SubmissionFactory

FOLDER = Path(__file__).parent / "approved"
SEEN = Path(__file__).parents[2] / "var" / "looks"
NEW = "/o/al-noor/clients/new/"
CLIENTS = "/o/al-noor/clients/"
SCREENS = {
    "desktop": {"viewport": {"width": 1280, "height": 900}},
    "phone": {"viewport": {"width": 375, "height": 800}},
    "arabic": {"language": "ar"},
    "dark": {"color_scheme": "dark"},
}
PAGES = ("form", "errors", "list", "client", "sign-in")
DIFFERS = 40
"""From this difference of brightness (of 255) on a pixel counts as another one."""
TOLERATED = 0.004
"""The share of pixels that may be others: carets and the smoothing of edges."""
FONTS = """() => {
  const ink = document.createElement("canvas").getContext("2d");
  return ["system-ui", "sans-serif", "monospace"].map((font) => {
    ink.font = `40px ${font}`;
    return Math.round(ink.measureText("Hamburgefonstiv 0123 عميل جديد").width * 10);
  });
}"""


@pytest.fixture
def scene(organisation, frontdesk):
    frontdesk.user.name = "Hana Saleh"
    frontdesk.user.save()
    for number, status in enumerate(["CREATED", "QUEUED", "NEEDS_FIX", "REVIEW"]):
        created = status == "CREATED"
        row = SubmissionFactory(
            organisation=organisation,
            display_name=f"Gulf Star Logistics {number}",
            created_by=frontdesk.user,
            created_at=datetime(2026, 1, 15, 9, number, tzinfo=UTC),
            delivered_at=datetime(2026, 1, 15, 10, 0, tzinfo=UTC) if created else None,
            status=status,
            heffl_id="clt_1" if created else "",
            number="CLT-00123" if created else "",
        )
        if created:
            first = row
    return first


def open_it(page, name, row):
    if name == "sign-in":
        page.goto("/accounts/login/")
    elif name == "client":
        page.goto(f"{CLIENTS}{row.uuid}/")
    elif name == "list":
        page.goto(CLIENTS)
    else:
        page.goto(NEW + "?type=contact")
    if name == "errors":
        page.fill("#id_phone", "12x")
        page.get_by_role("button").and_(
            page.locator("form[data-main] .btn")
        ).first.click()
        page.wait_for_selector(".summary")


@pytest.mark.parametrize("screen", SCREENS)
def test_pages_look_as_approved(open_page, frontdesk, scene, screen):
    taken = {}
    for name in PAGES:
        person = None if name == "sign-in" else frontdesk
        page = open_page(person, reduced_motion="reduce", **SCREENS[screen])
        open_it(page, name, scene)
        fonts = page.evaluate(FONTS)
        taken[f"{name}-{screen}"] = page.screenshot(animations="disabled", caret="hide")
    SEEN.mkdir(parents=True, exist_ok=True)
    for name, picture in taken.items():
        (SEEN / f"{name}.png").write_bytes(picture)
    approved = FOLDER / "fonts.json"
    if os.environ.get("APPROVE"):
        approve(taken, fonts)
        return
    if not approved.exists() or json.loads(approved.read_text()) != fonts:
        pytest.skip("the approved pictures were taken with other fonts than these")
    different = [name for name in taken if share_of_other_pixels(name) > TOLERATED]
    assert different == [], f"look at {SEEN}, then `make approve` what is right"


def approve(taken, fonts):
    """Keep the pictures as the approved ones, small: 32 colours tell all of a page."""
    FOLDER.mkdir(exist_ok=True)
    for name in taken:
        with Image.open(SEEN / f"{name}.png") as picture:
            few = picture.convert("RGB").quantize(32)
            few.save(FOLDER / f"{name}.png", optimize=True)
    (FOLDER / "fonts.json").write_text(json.dumps(fonts))


def share_of_other_pixels(name):
    """Return how much of a page is not as approved, from 0 to 1."""
    path = FOLDER / f"{name}.png"
    if not path.exists():
        return 1.0
    with Image.open(path) as approved, Image.open(SEEN / f"{name}.png") as seen:
        if approved.size != seen.size:
            return 1.0
        pair = (approved.convert("L"), seen.convert("L"))
        counts = ImageChops.difference(*pair).histogram()
    return sum(counts[DIFFERS:]) / sum(counts)
