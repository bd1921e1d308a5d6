"""What the portal is made of, and what is said of holes in it."""

import json

import pytest

from scripts import known_holes, pins, sbom

pytestmark = pytest.mark.once

SOUND = {"name": "django", "version": "5.2.19", "vulns": []}
HOLED = {
    "name": "urllib3",
    "version": "1.0",
    "vulns": [{"id": "CVE-2099-1", "fix_versions": ["1.1"]}],
}
UNKNOWN = {"name": "altcha", "skip_reason": "not found"}


@pytest.mark.parametrize("found", [None, [], [UNKNOWN, UNKNOWN]])
def test_silence_is_told_and_never_taken_for_no_holes(found):
    code, lines = known_holes.verdict(found)

    assert code == 0
    assert lines == ["Known holes: not asked, the network here does not allow it."]


def test_a_hole_is_named_with_the_version_that_mends_it():
    code, lines = known_holes.verdict([SOUND, HOLED, UNKNOWN])

    assert code == 1
    assert lines == ["urllib3 1.0: CVE-2099-1, mended in 1.1"]


def test_what_is_not_known_there_is_told_beside_the_rest():
    code, lines = known_holes.verdict([SOUND, UNKNOWN])

    assert code == 0
    assert lines == ["Known holes: none in 1 requirements; not known there: altcha."]


@pytest.mark.slow
def test_the_bill_names_every_requirement_and_every_script_of_others():
    made = sbom.bill()

    parts = {(part["name"].lower(), part["version"]) for part in made["components"]}
    pinned = pins.pinned((sbom.BASE_DIR / "requirements.txt").read_text())
    for name, entry in pinned.items():
        version = entry.partition("==")[2].split()[0]
        assert (name, version) in {(pins.canonical(n), v) for n, v in parts}
    assert ("altcha", "3.2.2") in parts
    assert json.dumps(made).count("SHA-256") >= len(pinned)
