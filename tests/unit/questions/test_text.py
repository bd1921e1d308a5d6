"""Cleaning: what is kept, what is changed, what is refused."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clients_app.questions.text import UnusableText, clean_text, decimal_text, iso_date


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("  Al Noor  ", "Al Noor"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("\u202eevil\u202c", "evil"),
        ("\u2066مؤسسة\u2069 الواحة\u200f", "مؤسسة الواحة"),
        ("١٢٣ ۴۵۶", "123 456"),
        ("\u00a0\u200b\ufeff Noor \u2003\u200b", "Noor"),
        ("one\r\ntwo\tthree\u2028four", "one two three four"),
        ("\u200b", ""),
        ("\u3164\u2800", ""),
        ("", ""),
        ("نستعلیق\u200cها", "نستعلیق\u200cها"),
        ("👩\u200d👧", "👩\u200d👧"),
        ("O'Neill & Söhne <b>", "O'Neill & Söhne <b>"),
    ],
)
def test_clean_text_returns_what_was_meant(typed, meant):
    assert clean_text(typed) == meant


def test_clean_text_keeps_line_breaks_where_several_lines_are_asked():
    assert clean_text("a\r\nb\rc\u2029d\n", multiline=True) == "a\nb\nc\nd"


@pytest.mark.parametrize(
    "character", ["\x00", "\x07", "\x1b", "\x7f", "\x9b", "\ud800"]
)
def test_clean_text_refuses_characters_that_cannot_be_stored(character):
    with pytest.raises(UnusableText):
        clean_text(f"Al{character}Noor")


@pytest.mark.slow
@settings(max_examples=500)
@given(st.text(st.characters(), max_size=60), st.booleans())
@example("\u200b\u2003\u200bX", False)
def test_clean_text_gives_a_stable_storable_text_or_refuses(typed, multiline):
    try:
        text = clean_text(typed, multiline=multiline)
    except UnusableText:
        return

    assert clean_text(text, multiline=multiline) == text
    assert unicodedata.is_normalized("NFC", text)
    assert text.encode().decode() == text
    assert not any(unicodedata.category(char) == "Cc" for char in text if char != "\n")
    assert multiline or "\n" not in text


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("1500", "1500"),
        ("250.50", "250.50"),
        ("1,500", "1500"),
        ("1 500", "1500"),
        ("12,34,567.5", "1234567.5"),
        ("1٬234٫5", "1234.5"),
        ("−3", "-3"),
        ("-0", "0"),
        ("-0.00", "0.00"),
        ("+7", "7"),
        (".5", "0.5"),
        ("007", "7"),
        ("1,5", None),
        ("1,50,0", None),
        ("1.2.3", None),
        ("5.", None),
        ("1e5", None),
        ("AED 5", None),
        ("NaN", None),
        ("-", None),
        ("9" * 61, None),
    ],
)
def test_decimal_text_reads_numbers_as_people_write_them(typed, number):
    assert decimal_text(typed) == number


def test_bytes_that_were_no_text_are_not_saved():
    with pytest.raises(UnusableText):
        clean_text("caf\ufffd")


@pytest.mark.parametrize(
    ("typed", "day"),
    [
        ("2026-12-31", "2026-12-31"),
        ("2026/1/5", "2026-01-05"),
        ("31/12/2026", "2026-12-31"),
        ("31.12.2026", "2026-12-31"),
        ("12/31/2026", "2026-12-31"),
        ("5-5-2026", "2026-05-05"),
        ("05/06/2026", None),
        ("31/12/26", None),
        ("31/12-2026", None),
        ("2026-13-01", None),
        ("32/01/2026", None),
        ("0000-01-01", None),
    ],
)
def test_iso_date_understands_an_order_only_where_it_is_certain(typed, day):
    assert iso_date(typed) == day
