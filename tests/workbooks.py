"""Workbooks made by hand: as no program writes them, and as somebody might on purpose."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
BOOK = (
    f'<workbook {MAIN} xmlns:r="{REL}"><sheets>'
    '<sheet name="S" sheetId="1" r:id="rId1"/></sheets></workbook>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    f'<Relationship Id="rId1" Type="{REL}/worksheet" Target="worksheets/sheet1.xml"/>'
    f'<Relationship Id="rId2" Type="{REL}/sharedStrings" Target="sharedStrings.xml"/>'
    f'<Relationship Id="rId3" Type="{REL}/styles" Target="styles.xml"/>'
    "</Relationships>"
)
TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    f'<Override PartName="/xl/workbook.xml" ContentType="{TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{TYPE}.worksheet+xml"/>'
)
TEXTS = f'<Override PartName="/xl/sharedStrings.xml" ContentType="{TYPE}.sharedStrings+xml"/>'
HEAD = '<row r="1"><c r="A1" t="inlineStr"><is><t>name</t></is></c></row>'
ROW = '<row r="2"><c r="A2" t="inlineStr"><is><t>A</t></is></c></row>'


def book(
    rows: str = HEAD + ROW, method: int = zipfile.ZIP_DEFLATED, /, **parts: str
) -> bytes:
    """Return a workbook of one sheet with these rows, and parts by their short names."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        types = TYPES + (TEXTS if "sharedStrings" in parts else "") + "</Types>"
        archive.writestr("[Content_Types].xml", types)
        archive.writestr("xl/workbook.xml", parts.pop("workbook", BOOK))
        archive.writestr("xl/_rels/workbook.xml.rels", RELATIONS)
        sheet = f"<worksheet {MAIN}><sheetData>{rows}</sheetData></worksheet>"
        archive.writestr("xl/worksheets/sheet1.xml", parts.pop("sheet", sheet))
        for name, content in parts.items():
            archive.writestr(f"xl/{name}.xml", content)
    return out.getvalue()


CELL = '<c t="s"><v>0</v></c>'
BIG = f"<sst {MAIN}><si><t>" + "x" * 10_000 + "</t></si></sst>"
MONSTERS: dict[str, tuple[str, Callable[[], bytes]]] = {
    "a row beyond the last": ("1,048,576 lines", lambda: book(f'{HEAD}<row r="10000000"><c><v>1</v></c></row>')),
    "a row number without end": ("damaged", lambda: book(f'{HEAD}<row r="{"9" * 5000}"/>')),
    "a cell beyond the last column": ("200 columns", lambda: book(f'{HEAD}<row><c r="XFE2"><v>1</v></c></row>')),
    "something far to the right": ("200 columns", lambda: book(f'{HEAD}<row><c r="XFD2"><v>1</v></c></row>')),
    "a row before the first": ("damaged", lambda: book(f'{HEAD}<row r="0"><c><v>1</v></c></row>')),
    "a cell of no column": ("damaged", lambda: book(f'{HEAD}<row><c><v>1</v></c><c r="2"><v>1</v></c></row>')),
    "rows without end": ("10,000 rows", lambda: book(HEAD + "<row><c><v>1</v></c></row>" * 10_001)),
    "empty rows without end": ("1,048,576 lines", lambda: book(HEAD + "<row/>" * 1_048_576)),
    "one text a thousand times": ("too much text", lambda: book(HEAD + f"<row>{CELL * 150}</row>" * 10, sharedStrings=BIG)),
    "texts without end": ("holds too much", lambda: book(sharedStrings=f"<sst>{'<si/>' * 500_001}</sst>")),
    "elements in elements": ("holds too much", lambda: book(f"{HEAD}{ROW}{'<a>' * 100_000}{'</a>' * 100_000}")),
    "a tag without end": ("holds too much", lambda: book(f'{HEAD}{ROW}<row a="{"x" * 2_000_000}"/>')),
    "a number without end": ("damaged", lambda: book(f'{HEAD}<row><c><v>{"9" * 9_000}</v></c></row>')),
    "a text that is not there": ("damaged", lambda: book(f"{HEAD}<row>{CELL}</row>")),
    "a text before the first": ("damaged", lambda: book(f'{HEAD}<row><c t="s"><v>-1</v></c></row>', sharedStrings=BIG)),
    "parts without end": ("holds too much", lambda: book(**{f"part{n}": "<a/>" for n in range(600)})),
    "a method that takes memory": ("damaged", lambda: book(HEAD + ROW, zipfile.ZIP_LZMA)),
    "another method": ("damaged", lambda: book(HEAD + ROW, zipfile.ZIP_BZIP2)),
    "a type declared": ("no spreadsheet writes", lambda: book(sheet='<!DOCTYPE a [<!ENTITY a "b">]><worksheet/>')),
    "a type declared in two": ("no spreadsheet writes", lambda: book(sheet=f"<a>{' ' * 65_528}<!DOCTYPE a></a>")),
    "no sheet": ("no sheet", lambda: book(workbook="<workbook/>")),
}  # fmt: skip
"""Each is small, and refused: it would make a trusting reader work, or hold, without end."""
