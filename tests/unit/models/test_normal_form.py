"""Normal forms in linear steps: the same as Unicode's to the character."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients_app.models.normal_form import normal_form

FORMS = ("NFC", "NFD", "NFKC", "NFKD")
# Marks of several classes, letters that come apart into marks alone (ཱི, ﾞ), a Hangul
# syllable and its parts, letters that compose, and one that becomes many.
ODD = "\u0301\u0316\u0323\u05b0\u0344\u0f73\u0f75\u0f81\uff9e\uff9f\u3099é한\u1100\u1161\u11a8aeﷺ ẛ"


@given(st.text(alphabet=st.sampled_from(ODD), min_size=257, max_size=600))
def test_is_what_unicode_says(text):
    for form in FORMS:
        assert normal_form(form, text) == unicodedata.normalize(form, text)  # noqa: TID251


@pytest.mark.parametrize("form", FORMS)
def test_every_character_comes_out_the_same(form):
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    assert normal_form(form, everything) == unicodedata.normalize(form, everything)  # noqa: TID251


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "run", ["\u0301\u0316", "\u0f73", "\uff9e\u0301", "\u0344\u0316"]
)
def test_long_runs_come_out_the_same(form, run):
    text = f"a{run * 200}b{run * 20}c"
    assert normal_form(form, text) == unicodedata.normalize(form, text)  # noqa: TID251
