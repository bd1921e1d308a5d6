"""Files that would have the web server read without end, and cells that would run elsewhere."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Callable, Iterator
from html import unescape

import requests

from tests.attack.portal import PATIENCE, Finding, Portal, csrf_token
from tests.workbooks import BIG, CELL, HEAD, MAIN, ROW, book

MOST = 2.0
"""Seconds of the web processes that a file may cost, from its upload to the answer."""
EMPTY_CELLS = "<row>" + '<c s="1"/>' * 200 + "</row>"
FORMATS = '<conditionalFormatting sqref="A1"><cfRule type="expression" priority="1"/></conditionalFormatting>'


def _numbers(row: int) -> str:
    cells = (f"<c><v>{row * 100 + at}</v></c>" for at in range(100))
    return f"<row>{''.join(cells)}</row>"


# Attack, what the version before took for it, and the file.
FILES: list[tuple[str, str, Callable[[], bytes]]] = [
    (
        "a workbook of 1 kB with row 10,000,000",
        "37 s",
        lambda: book(f'{HEAD}{ROW}<row r="10000000"><c r="A10000000"><v>1</v></c></row>'),
    ),
    (
        "a workbook of 60 kB with two million empty cells",
        "10.9 s",
        lambda: book(HEAD + ROW + EMPTY_CELLS * 11_000),
    ),
    (
        "a workbook of 2 kB with a text of 10,000 characters in every row",
        "1.0 s and 283 MB",
        lambda: book(HEAD + f"<row>{CELL}</row>" * 9_990, sharedStrings=BIG),
    ),
    (
        "a workbook of 70 kB with two hundred thousand conditional formats",
        "7.7 s",
        lambda: book(
            sheet=f"<worksheet {MAIN}><sheetData>{HEAD}{ROW}</sheetData>{FORMATS * 200_000}</worksheet>"
        ),
    ),
    (
        "the largest workbook that is accepted: a million numbers",
        "6.8 s",
        lambda: book("".join(map(_numbers, range(9_990)))),
    ),
    ("5 MB of empty lines", "17.8 s", lambda: b"name\nA\n" + b"\n" * 5_200_000),
    (
        "1 MB of empty lines, few enough to be read at once",
        "1.1 s",
        lambda: b"name\nA\n" + b"\n" * 1_040_000,
    ),
    (
        "the worst workbook that is read at once",
        "1.4 s",
        lambda: book(HEAD + ROW + "<row/>" * 290_000),
    ),
    ("5 MB of separators", "1.3 s", lambda: b"name\nA\n" + b"," * 5_200_000),
    (
        "10,000 rows with 170 cells each",
        "1.8 s",
        lambda: b",".join(b"c%d" % n for n in range(170))
        + b"\n"
        + (b"a," * 169 + b"b\n") * 10_000,
    ),
]  # fmt: skip


def attacks(portal: Portal) -> Iterator[Finding]:
    """Upload each file as the owner, and wait for what is said of it; then export a name."""
    session = portal.session("owner")
    for attack, before, made in FILES:
        data = made()
        used = portal.processor()
        said = _said_of(portal, session, data)
        used = portal.processor() - used
        yield Finding(
            attack=attack,
            before=f"{before} of the web server",
            after=f"{used:.1f} s, “{said}”",
            held=used <= MOST and bool(said),
        )
    yield _formula(portal, session)


def _said_of(portal: Portal, session: requests.Session, data: bytes) -> str:
    """Return what the portal says of a file in the end; "" when it breaks or never does."""
    start = f"{portal.url}/o/{portal.slug}/import/"
    token = csrf_token(session.get(start, timeout=PATIENCE).text)
    answer = session.post(
        start,
        data={"csrfmiddlewaretoken": token},
        files={"file": ("clients", data)},
        headers={"Referer": start},
        timeout=PATIENCE,
    )
    until = time.monotonic() + PATIENCE
    while 'aria-busy="true"' in answer.text and time.monotonic() < until:
        time.sleep(1)
        answer = session.get(answer.url, timeout=PATIENCE)
    if 'aria-busy="true"' in answer.text or answer.status_code not in {200, 422}:
        return ""
    if problem := re.search(
        r'class="summary".*?<li>(.*?)</li>', answer.text, re.DOTALL
    ):
        return unescape(re.sub(r"<[^>]*>|\s+", " ", problem[1])).strip()
    return "Check the rows" if "Check the rows" in answer.text else ""


def _formula(portal: Portal, session: requests.Session) -> Finding:
    """Take in a client with a formula behind a separator; look for it in the export."""
    name = 'Attacker;=HYPERLINK("http://203.0.113.9/","open")'
    page = f"/o/{portal.slug}/clients/new/"
    form = session.get(portal.url + page, timeout=PATIENCE).text
    token = re.search(r'name="submission_token"[^>]*value="([^"]+)"', form)
    data = {
        "type": "company",
        "name": name,
        "submission_token": token[1] if token else "",
    }
    portal.post(session, page, data)
    export = session.get(
        f"{portal.url}/o/{portal.slug}/clients/export.csv", timeout=PATIENCE
    )
    text = export.content.decode("utf-8-sig")
    split = [
        cell
        for delimiter in ",;\t|"
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        for cell in row
    ]
    running = [cell for cell in split if cell.strip(' "').startswith(("=", "@", "-"))]
    kept = "Attacker;'=HYPERLINK" in text
    return Finding(
        attack="a formula behind a semicolon in a client's name, exported",
        before="runs where the list separator is a semicolon",
        after=f"{len(running)} cells run",
        held=kept and not running,
    )
