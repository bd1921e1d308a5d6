"""A workbook is read as openpyxl reads it, and no shape of one makes us work without end."""

from __future__ import annotations

import io
import itertools
from datetime import date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from clients_app.imports import package, sheets
from clients_app.imports.table import (
    MAX_CHARACTERS,
    Meter,
    OutOfTime,
    SheetError,
    collect,
)
from tests.workbooks import BOOK, HEAD, MONSTERS, ROW, book

pytestmark = pytest.mark.once
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**14), 10**14),
    st.floats(-1e9, 1e9, allow_nan=False),
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=8),
    st.datetimes(datetime(1950, 1, 1), datetime(2200, 1, 1)),  # noqa: DTZ001
    st.dates(date(1950, 1, 1), date(2200, 1, 1)),
    st.times(),
    st.timedeltas(timedelta(0), timedelta(days=40)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(VALUES, max_size=5), min_size=1, max_size=5))
def test_a_workbook_is_read_as_openpyxl_reads_it(rows):
    made = Workbook()
    made.active.append(["a", "b", "c", "d", "e"])
    for row in rows:
        made.active.append(row)
    made.active.append(["last"])
    out = io.BytesIO()
    made.save(out)
    sheet = load_workbook(io.BytesIO(out.getvalue()), read_only=True).worksheets[0]
    theirs = collect(enumerate(sheet.iter_rows(values_only=True), start=1))

    ours = sheets.read_xlsx(out.getvalue())

    assert (ours.headers, ours.rows) == (theirs.headers, theirs.rows)
    assert ours.empty_rows == theirs.empty_rows


def test_shared_and_inline_texts_with_runs_are_read_without_how_they_sound():
    run = "<r><rPr><b/></rPr><t>Al </t></r><r><t>Noor</t></r><rPh><t>x</t></rPh>"
    rows = f'{HEAD}<row><c t="s"><v>0</v></c></row><row><c t="inlineStr"><is>{run}</is></c></row>'

    table = sheets.read_xlsx(book(rows, sharedStrings=f"<sst><si>{run}</si></sst>"))

    assert [row.cells for row in table.rows] == [["Al Noor"], ["Al Noor"]]


def test_dates_of_a_mac_and_times_of_day():
    styles = (
        '<styleSheet><numFmts><numFmt numFmtId="170" formatCode="[h]:mm"/></numFmts>'
        '<cellStyleXfs><xf numFmtId="14"/></cellStyleXfs>'
        '<cellXfs><xf/><xf numFmtId="14"/><xf numFmtId="170"/></cellXfs></styleSheet>'
    )
    old = BOOK.replace("<sheets>", '<workbookPr date1904="1"/><sheets>')
    rows = (
        f'{HEAD}<row><c s="1"><v>1</v></c></row><row><c s="2"><v>1.5</v></c></row>'
        '<row><c s="1"><v>0.5</v></c></row><row><c s="1"><v>1e99</v></c></row>'
    )

    table = sheets.read_xlsx(book(rows, workbook=old, styles=styles))

    assert [row.cells[0] for row in table.rows] == [
        "1904-01-02",
        str(timedelta(days=1.5)),
        str(time(12)),
        "",
    ]
    assert "error" in table.rows[3].odd[0]


def test_rows_far_apart_cost_and_say_no_more_than_their_numbers():
    far = '<row r="1048576"><c r="GR1048576" s="9"/><c r="A1048576"><v>7</v></c></row>'

    table = sheets.read_xlsx(book(HEAD + ROW + far))

    assert [(row.line, row.cells) for row in table.rows] == [
        (2, ["A"]),
        (1_048_576, ["7"]),
    ]
    assert table.empty_rows == 1_048_573


def test_empty_cells_far_to_the_right_are_nothing():
    wide = '<row r="2"><c r="A2"><v>1</v></c><c r="XFD2" s="1"/></row>'

    assert sheets.read_xlsx(book(HEAD + wide)).rows[0].cells == ["1"]


def test_rows_and_cells_that_go_back_are_left_out_or_take_the_place():
    rows = f'{HEAD}{ROW}<row r="1"><c><v>9</v></c></row><row r="3"><c r="A3"><v>1</v></c><c r="A3"><v>2</v></c></row>'

    assert [row.cells for row in sheets.read_xlsx(book(rows)).rows] == [["A"], ["2"]]


@pytest.mark.parametrize("name", MONSTERS)
def test_a_monster_is_refused_in_plain_words(name):
    words, made = MONSTERS[name]

    with pytest.raises(SheetError, match=words) as refused:
        sheets.read_xlsx(made())

    assert not isinstance(refused.value, OutOfTime)


def test_what_expands_to_too_much_is_refused_as_it_grows():
    held = []

    def rows():
        yield 1, ["name"]
        for line in range(2, 10_000):
            held.append(line)
            yield line, ["x" * 10_000] * 10

    with pytest.raises(SheetError, match="too much text"):
        collect(rows())

    assert len(held) == MAX_CHARACTERS // 100_000


def test_reading_ends_when_its_time_is_over():
    with pytest.raises(OutOfTime):
        sheets.read_xlsx(book(), Meter(seconds=-1))
    with pytest.raises(OutOfTime):
        sheets.read_csv(b"name\nA\n", "utf-8", ",", Meter(seconds=-1))


def test_how_far_a_reading_is_only_grows(monkeypatch):
    told = []
    ticks = itertools.count()
    monkeypatch.setattr("clients_app.imports.table.time.monotonic", ticks.__next__)

    sheets.read_xlsx(
        book(HEAD + "<row><c><v>1</v></c></row>" * 9_000), Meter(told.append)
    )

    assert told == sorted(told)
    assert told[0] < told[-1] <= 99


def test_the_elements_of_all_parts_are_counted(monkeypatch):
    monkeypatch.setattr(package, "MAX_EVENTS", 1_000)

    assert sheets.read_xlsx(book())
    with pytest.raises(SheetError, match="too much"):
        sheets.read_xlsx(book(sharedStrings=f"<sst>{'<a/>' * 1_001}</sst>"))


def test_a_text_file_of_nothing_is_refused():
    with pytest.raises(SheetError, match="1,048,576 lines"):
        sheets.read_csv(b"name\nA\n" + b"\n" * 1_048_580, "utf-8", ",")
    with pytest.raises(SheetError, match="200 columns"):
        sheets.read_csv(b"name\n" + b"," * 20_000 + b"\n", "utf-8", ",")
    with pytest.raises(SheetError, match="too long"):
        sheets.read_csv(b'name\n"' + b"x" * 140_000 + b'"\n', "utf-8", ",")


def test_the_list_of_parts_is_counted_before_it_is_read(monkeypatch):
    def read(*_given, **_more):
        raise AssertionError("the list of parts was read")

    many = MONSTERS["parts without end"][1]()
    monkeypatch.setattr(package.zipfile, "ZipFile", read)
    with pytest.raises(SheetError, match="too much"):
        package.Package(many)
