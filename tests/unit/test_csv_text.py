"""CSV as we write it: no part of a cell runs in a spreadsheet, and all of it comes back."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clients_app import csv_text
from clients_app.csv_text import bare_cell, safe_cell
from clients_app.imports.cells import texts_of

pytestmark = pytest.mark.once
STARTERS = "=+-@＝＋－＠"
NASTY = STARTERS + ",;|\t\r\n'\" \x00\u2028\ufeff\u200b\xa0"
CELLS = st.text(
    alphabet=st.one_of(st.sampled_from(NASTY), st.characters(codec="utf-8")),
    max_size=12,
)
PHONE = re.compile(r"\+[0-9]{5,15}")


def begins(cell):
    """Return the first character that a spreadsheet sees of a cell."""
    at = 0
    while at < len(cell) and (cell[at].isspace() or cell[at] in '"\x00\ufeff\u200b'):
        at += 1
    return cell[at : at + 1]


def readings(text):
    """Yield the cells that spreadsheets make of a file, whatever they split at."""
    for delimiter in ",;\t|":
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            lines = io.StringIO(text, newline="")
            for row in csv.reader(lines, delimiter=delimiter, quoting=quoting):
                yield from row


@settings(max_examples=500)
@given(st.lists(CELLS, min_size=1, max_size=3))
@example(["A;=1+1"])
@example(["x", 'B;"=1'])
@example([";", "=1"])
def test_no_part_of_a_cell_begins_like_a_formula(cells):
    for cell in readings(csv_text.lines([cells])):
        bare = cell.strip('"')
        assert begins(cell) not in STARTERS or not begins(cell) or PHONE.fullmatch(bare)


@settings(max_examples=500)
@given(CELLS)
@example("'=1")
@example("''\t=1")
@example("a;'\n'=1")
def test_what_was_guarded_comes_back_as_it_was(text):
    assert bare_cell(safe_cell(text)) == text


@given(st.lists(CELLS, min_size=1, max_size=3))
def test_a_file_of_ours_is_read_as_the_standard_says(cells):
    (read,) = csv.reader(io.StringIO(csv_text.lines([cells]), newline=""), strict=True)

    assert [bare_cell(cell) for cell in read] == cells


@settings(max_examples=300)
@given(CELLS)
def test_an_import_takes_the_guard_off(text):
    texts, _odd = texts_of([safe_cell(text)])

    assert texts == ([text] if text else [])


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Al Noor LLC", "Al Noor LLC"),
        ("Villa 5, Street 3; Dubai", "Villa 5, Street 3; Dubai"),
        ("a-b@c.example", "a-b@c.example"),
        ("+971501234567", "+971501234567"),
        ("+971501234567=1", "'+971501234567=1"),
        ("A;=1+1", "A;'=1+1"),
        ("A; \t=1", "A; \t'=1"),
        ('A;"=1', "A;'\"=1"),
        ("A\r\n@x", "A\r\n'@x"),
        ("\tx", "'\tx"),
        ("'=1", "''=1"),
    ],
)
def test_only_what_could_be_a_formula_is_changed(text, cell):
    assert safe_cell(text) == cell
