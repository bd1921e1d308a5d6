"""`from` and `to`: every list that has them reads them, and refuses them, in one way."""

from __future__ import annotations

import html
import re
from urllib.parse import urlencode

import pytest

from clients_app import audit
from tests.factories import SubmissionFactory

LISTS = ["/o/al-noor/clients/", "/o/al-noor/audit/"]
EXPORTS = [f"{address}export.csv" for address in LISTS]
REAL = "Enter a real date, like 2026-11-20"
AFTER = "Enter a date on or after the first one"
LONG = "2026-11-20" * 500

REFUSED = [
    # from, to, and what is said at each
    ("2026-11-20", "2026-11-01", "", AFTER),
    ("2026-11-20", "2026-11-19", "", AFTER),
    ("garbage", "", REAL, ""),
    ("", "garbage", "", REAL),
    ("garbage", "2026-11-01", REAL, ""),
    ("nothing", "of this", REAL, REAL),
    ("2026-13-01", "", REAL, ""),
    ("", "2026-02-30", "", REAL),
    ("0000-01-01", "", REAL, ""),
    ("0001-01-01", "", REAL, ""),
    ("", "1969-12-31", "", REAL),
    ("", "9999-12-31", "", REAL),
    ("05/06/2026", "", REAL, ""),
    ("2026-11-20T10:00", "", REAL, ""),
    ("2026\ufffd11", "", REAL, ""),
    ("\x0120", "", REAL, ""),
    ("\"><b id='x'>", "", REAL, ""),
]
UNDERSTOOD = [
    # from, to, and the days that they are
    ("", "", "", ""),
    (" ", "\u200b", "", ""),
    ("2026-11-20", "2026-11-20", "2026-11-20", "2026-11-20"),
    (" 2026-11-20 ", "", "2026-11-20", ""),
    ("٢٠٢٦-١١-٠١", "٢٠٢٦-١١-٢٠", "2026-11-01", "2026-11-20"),
    ("۲۰۲۶/۱۱/۰۱", "", "2026-11-01", ""),
    ("31/12/2026", "", "2026-12-31", ""),
    ("1970-01-01", "9998-12-31", "1970-01-01", "9998-12-31"),
]


@pytest.fixture
def browser(owner, signed_in):
    return signed_in(owner)


def query(since, until):
    return "?" + urlencode({"from": since, "to": until})


def told(answer):
    """Return the status of a list, what it says at each day, and what the fields hold."""
    page = answer.content.decode()
    words, values = [], []
    for name in ("from", "to"):
        said = re.search(rf'id="id_{name}_error"[^>]*>([^<]*)<', page)
        field = re.search(rf'<input[^>]*\bname="{name}"[^>]*>', page)[0]
        assert ('aria-invalid="true"' in field) is bool(said)
        assert (f'aria-describedby="id_{name}_error"' in field) is bool(said)
        words.append(html.unescape(said[1]).strip() if said else "")
        values.append(html.unescape(re.search(r'\bvalue="([^"]*)"', field)[1]))
    return (
        answer.status_code,
        *words,
        *values,
        bool(re.search(r"<title>\s*Error:", page)),
    )


@pytest.mark.slow
@pytest.mark.parametrize(("since", "until", "at_since", "at_until"), REFUSED, ids=ascii)
def test_every_list_names_what_is_wrong_with_a_period_and_keeps_it(
    browser, since, until, at_since, at_until
):
    answers = [told(browser.get(address + query(since, until))) for address in LISTS]

    assert answers == [(200, at_since, at_until, since, until, True)] * len(LISTS)


@pytest.mark.parametrize(
    ("since", "until"), [(since, until) for since, until, *_ in REFUSED], ids=ascii
)
def test_no_export_hands_anything_out_for_a_period_that_is_wrong(browser, since, until):
    answers = [browser.get(export + query(since, until)) for export in EXPORTS]

    leads = [address + query(since, until) for address in LISTS]
    assert [(answer.status_code, answer["Location"]) for answer in answers] == [
        (302, lead) for lead in leads
    ]


@pytest.mark.parametrize("address", LISTS)
def test_a_wrong_day_narrows_nothing_and_no_link_forgets_it(
    browser, organisation, address
):
    SubmissionFactory(organisation=organisation, display_name="Gulf Trading")
    audit.record("export", organisation=organisation)

    page = browser.get(address + "?from=garbage").content.decode()

    assert "Gulf Trading" in page or "Exported clients" in page
    assert "export.csv?from=garbage" in page
    assert 'class="chips"' not in page


@pytest.mark.slow
@pytest.mark.parametrize(("since", "until", "first", "last"), UNDERSTOOD, ids=ascii)
def test_every_list_reads_a_day_however_it_is_written(
    browser, since, until, first, last
):
    answers = [told(browser.get(address + query(since, until))) for address in LISTS]
    exports = [browser.get(address + query(since, until)) for address in EXPORTS]

    assert answers == [(200, "", "", first, last, False)] * len(LISTS)
    assert [answer.status_code for answer in exports] == [200] * len(EXPORTS)


@pytest.mark.parametrize("name", ["from", "to"])
def test_a_very_long_day_is_refused_and_not_repeated_at_length(browser, name):
    answers = [browser.get(f"{address}?{name}={LONG}") for address in LISTS]
    exports = [browser.get(f"{address}?{name}={LONG}") for address in EXPORTS]

    assert told(answers[0]) == told(answers[1])
    assert REAL in told(answers[0])
    assert max(map(len, told(answers[0])[3:5])) == 40
    assert [answer.status_code for answer in exports] == [302] * len(EXPORTS)
