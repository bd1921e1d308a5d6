"""Files as people have them, and files as nobody should send them."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from clients_app.imports import sheets
from clients_app.imports.table import SheetError, Table


def read(data: bytes) -> Table:
    if sheets.kind_of(data) == "xlsx":
        return sheets.read_xlsx(data)
    encoding = sheets.guess_encoding(data)
    delimiter = sheets.guess_delimiter(sheets.decoded(data, encoding))
    return sheets.read_csv(data, encoding, delimiter)


def odd(table: Table) -> dict[int, dict[int, str]]:
    return {row.line: row.odd for row in table.rows if row.odd}


def workbook(*rows, merge="") -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if merge:
        book.active.merge_cells(merge)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1256"]
)
def test_arabic_is_read_in_each_encoding(encoding):
    text = "name,city,notes for the team\n" + "شركة النور للتجارة,دبي,x\n" * 3
    if encoding.startswith("utf-16-"):
        text = "name,city,notes for the team\n" + "Trading,Dubai,x\n" * 99

    table = read(text.encode(encoding))

    assert table.headers == ["name", "city", "notes for the team"]
    assert table.rows[0][1] == text.splitlines()[1].split(",")


def test_western_accents_are_told_from_arabic():
    data = "name;city\nCafé Zoë;Orléans\nMüller;Zürich\n".encode("cp1252")

    assert sheets.guess_encoding(data) == "cp1252"
    assert read(data).rows[0][1] == ["Café Zoë", "Orléans"]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_separator_is_found(delimiter):
    data = delimiter.join(["name", "city"]) + "\n" + delimiter.join(["A", "B"])

    assert read(data.encode()).rows == [(2, ["A", "B"], {})]


def test_lines_are_those_of_the_file_and_empty_rows_are_left_out():
    table = read(b'name,city\n"A\nB",x\n,\n\nC,y\n')

    assert [line for line, _cells, _odd in table.rows] == [2, 6]
    assert table.empty_rows == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"name,city\n", "no rows"),
        (b"name,name\nA,B\n", "Two columns"),
        (b"MZ\x90\x00\x03", "not a table"),
        (b"\x7fELF\x02\x01", "not a table"),
        (b"%PDF-1.7\n", "not a table"),
        (b"a,b\n\x00\x00,c\n", "not a table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old Excel"),
        (b"PK\x03\x04 and nothing", "damaged"),
        (b'name,city\n"A,B\nC,D\n', "quotation mark"),
        (b"x" * (sheets.MAX_BYTES + 1), "5 MB"),
        (b"name\n" + b"A\n" * 10_001, "10,000 rows"),
        (",".join(f"c{n}" for n in range(201)).encode() + b"\nA\n", "200 columns"),
        (workbook(["a", "b"], ["x", "y"], merge="A2:B2"), "merged"),
    ],
)
def test_what_is_no_table_is_refused_in_plain_words(data, words):
    with pytest.raises(SheetError) as refused:
        read(data)

    assert words in str(refused.value)


def packed(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return out.getvalue()


def test_a_zip_bomb_is_refused_before_it_is_unpacked():
    bomb = packed(xl__workbook_xml=b"x", xl__sharedStrings_xml=b" " * 60_000_000)
    assert len(bomb) < 100_000

    with pytest.raises(SheetError, match="too much"):
        read(bomb)


def test_another_archive_is_no_table():
    with pytest.raises(SheetError, match="not a table"):
        read(packed(word__document_xml=b"x"))


def test_entities_are_refused():
    sheet = b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet/>'

    with pytest.raises(SheetError, match="no spreadsheet writes"):
        read(packed(xl__workbook_xml=b"<workbook/>", xl__worksheets__sheet1_xml=sheet))


def test_cells_of_a_workbook_become_what_people_see():
    table = read(
        workbook(
            ["phone", "date", "yes", "amount", "number"],
            [9.71501234567e11, datetime(2026, 3, 4), True, 12.5, 7],  # noqa: DTZ001
        )
    )

    assert table.rows[0][1] == ["971501234567", "2026-03-04", "yes", "12.5", "7"]
    assert odd(table) == {}


def test_formulas_and_numbers_cut_short_are_told_by_cell():
    table = read(workbook(["name", "tax"], ["=A1", 1.0e16], ["B", 1]))

    assert set(odd(table)) == {2}
    assert "formula" in odd(table)[2][0]
    assert "cut this number short" in odd(table)[2][1]


@pytest.mark.parametrize(
    ("text", "told", "wrong"),
    [
        ("9.71501234567E+11", "971501234567", False),
        ("9.715E+11", "9.715E+11", True),
        ("1.5E+3", "1.5E+3", False),
        ("'=cmd", "=cmd", False),
        ("A;'=cmd", "A;=cmd", False),
        ("''=cmd", "'=cmd", False),
        ("'cmd", "'cmd", False),
        ("=1+1", "=1+1", True),
        ("+971501234567", "+971501234567", False),
    ],
)
def test_what_spreadsheets_do_to_text(text, told, wrong):
    table = read(f"name,b\n{text},x\n".encode())

    assert table.rows[0][1][0] == told
    assert bool(odd(table)) is wrong


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes_are_a_table_or_refused(data):
    try:
        table = read(data)
    except SheetError:
        return
    assert table.rows


WHOLE = workbook(["name", "city"], ["A", "B"])


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_damaged_workbook_is_a_table_or_refused(data):
    whole = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(4, len(whole) - 1))
        whole[at] = data.draw(st.integers(0, 255))
    try:
        read(bytes(whole))
    except SheetError:
        return
