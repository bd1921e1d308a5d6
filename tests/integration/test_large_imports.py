"""A large file is read and checked by the worker, once, while its page says how far it is."""

from __future__ import annotations

import io
import re
import zlib
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.utils import timezone, translation
from openpyxl import Workbook

from clients_app import csv_text
from clients_app.imports import drafts, load, reading
from clients_app.imports.drafts import WrongState
from clients_app.imports.table import SheetError
from clients_app.models import (
    FileImport,
    FileReading,
    ImportState,
    Step,
    Submission,
)
from tests.fleet import Worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
START = "/o/al-noor/import/"


def rows(count):
    return [["name", "notes"], *([f"Client {n}", "x" * 1_000] for n in range(count))]


def as_csv(count):
    return csv_text.lines(rows(count)).encode()


def as_xlsx(count):
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in rows(count):
        sheet.append([*row[:1], *range(180)])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


LARGE = {"csv": as_csv(2_200), "xlsx": as_xlsx(500)}


def chosen(client, data):
    return client.post(START, {"file": SimpleUploadedFile("clients", data)})


def page_of(client, address):
    page = client.get(address).content.decode()
    return re.sub(r"\s+", " ", page.replace("\n    >", ">"))


def busy(page):
    return 'aria-busy="true"' in page


@pytest.mark.parametrize("kind", LARGE)
def test_a_large_file_goes_the_whole_way_by_the_worker(
    reviewer, signed_in, organisation, connected, kind
):
    client = signed_in(reviewer)

    columns = chosen(client, LARGE[kind]).url
    waiting = page_of(client, columns)
    assert busy(waiting)
    assert "Reading the file" in waiting
    assert "<progress" in waiting
    assert '<noscript><meta http-equiv="refresh"' in waiting
    call_command("deliver", "--once")
    page = page_of(client, columns)
    assert not busy(page)
    assert "Check the rows" in page
    asked = {f"column_{at}": "" for at in range(181)}
    check = client.post(columns, {**asked, "column_0": "name", "action": "choose"}).url
    waiting = page_of(client, check)
    assert busy(waiting)
    assert "Checking the rows" in waiting
    call_command("deliver", "--once")
    page = page_of(client, check)
    assert not busy(page)
    total = FileImport.objects.get().total
    assert f"Load {total} rows" in page
    assert Submission.objects.count() == 0
    client.post(check)
    while load.store_due():
        pass
    assert Submission.objects.count() == total


def test_a_file_of_some_hundred_rows_needs_no_worker(reviewer, signed_in, organisation):
    client = signed_in(reviewer)

    for data in (as_csv(900), as_xlsx(200)):
        columns = chosen(client, data).url
        assert "Check the rows" in page_of(client, columns)
        check = columns.replace("columns/", "check/")
        assert re.search("Load [29]00 rows", page_of(client, check))


def test_many_short_rows_are_read_at_once_and_checked_by_the_worker(
    owner, organisation
):
    data = b"name\n" + b"".join(b"Client %d\n" % n for n in range(2_500))

    draft = drafts.upload(organisation, "c.csv", data, user=owner.user)

    found = drafts.reading_of(draft)
    assert (found.awaits, found.large, draft.total) == ("", True, 2_500)


def test_what_takes_longer_than_it_looks_is_left_to_the_worker(
    owner, organisation, monkeypatch
):
    monkeypatch.setattr(drafts, "QUICK_SECONDS", -1)

    draft = drafts.upload(organisation, "c", b"name\nA\n", user=owner.user)

    assert drafts.reading_of(draft).awaits == Step.READ
    assert reading.read_due() == 1
    assert drafts.table_of(FileImport.objects.get()).total == 1


@pytest.mark.parametrize("kind", LARGE)
def test_a_file_is_read_once(reviewer, signed_in, organisation, kind):
    client = signed_in(reviewer)
    columns = chosen(client, LARGE[kind]).url
    reading.read_due()
    FileImport.objects.update(content=zlib.compress(b"nothing that could be read"))

    assert "Check the rows" in page_of(client, columns)
    draft = FileImport.objects.get()
    drafts.choose_columns(draft, ["name", *[""] * (len(draft.columns) - 1)], "company")
    page_of(client, columns.replace("columns/", "check/"))
    reading.read_due()
    client.post(columns.replace("columns/", "check/"))
    while load.store_due():
        pass
    draft.refresh_from_db()
    assert (draft.state, draft.made) == (ImportState.STORED, draft.total)
    assert client.get(columns.replace("columns/", "failed.csv")).getvalue()


def test_what_is_wrong_with_a_large_file_is_told_where_it_was_awaited(
    reviewer, signed_in, organisation
):
    client = signed_in(reviewer)
    columns = chosen(client, LARGE["csv"] + b'\n"a quote that does not close').url
    reading.read_due()

    page = page_of(client, columns)
    assert not busy(page)
    assert "Line 2203 cannot be read: a quotation mark does not close." in page
    assert "Choose another file" in page
    assert client.post(columns.replace("columns/", "check/")).url == columns.replace(
        "columns/", ""
    )
    again = client.post(columns, {"action": "read", "encoding": "cp1252"})
    assert again.url == columns
    assert busy(page_of(client, columns))
    client.post(columns, {"action": "discard"})
    assert FileReading.objects.count() == FileImport.objects.count() == 0
    assert reading.read_due() == 0


def test_words_are_in_the_language_of_who_asked(reviewer, signed_in, organisation):
    with translation.override("ar"):
        draft = drafts.upload(
            organisation, "c", LARGE["csv"] + b'\n"', user=reviewer.user
        )
    reading.read_due()

    assert re.search("[\u0600-\u06ff]", drafts.reading_of(draft).problem)


def died():
    """Take the next step as a worker that dies does; long after, it is free again."""
    taken = reading._take()
    assert taken is not None
    later = timezone.now() - timedelta(seconds=1)
    FileReading.objects.filter(pk=taken.pk).update(taken_until=later)
    return taken


def test_a_step_that_is_taken_is_left_to_who_took_it(owner, organisation):
    drafts.upload(organisation, "c", LARGE["csv"], user=owner.user)
    assert reading._take() is not None

    assert reading.read_due() == 0


def test_a_file_that_ends_its_reader_is_given_up(reviewer, signed_in, organisation):
    client = signed_in(reviewer)
    columns = chosen(client, LARGE["csv"]).url
    for _try in range(reading.MAX_TRIES):
        died()

    assert reading.read_due() == 0

    page = page_of(client, columns)
    assert not busy(page)
    assert "each of several tries broke off" in page


def test_who_took_a_step_and_lost_it_stores_nothing(owner, organisation):
    draft = drafts.upload(organisation, "c", LARGE["csv"], user=owner.user)
    slow = died()
    quick = reading._take()

    with pytest.raises(reading._Superseded):
        reading._do(slow)
    reading._do(quick)

    assert drafts.reading_of(draft).awaits == Step.NONE
    assert drafts.table_of(FileImport.objects.get()).total == 2_200


def test_what_is_still_read_or_checked_cannot_be_started(owner, organisation):
    draft = drafts.upload(organisation, "c", LARGE["csv"], user=owner.user)
    with pytest.raises(WrongState):
        load.start(draft, user=owner.user)
    reading.read_due()
    drafts.ask(draft, Step.CHECK)
    with pytest.raises(WrongState):
        load.start(draft, user=owner.user)
    reading.read_due()
    load.start(draft, user=owner.user)

    with pytest.raises(WrongState):
        drafts.ask(draft, Step.READ)


def test_a_choice_made_while_rows_are_checked_ends_that_check(owner, organisation):
    draft = drafts.upload(organisation, "c", LARGE["csv"], user=owner.user)
    reading.read_due()
    drafts.ask(draft, Step.CHECK)
    taken = reading._take()
    draft = FileImport.objects.get()
    assert drafts.choose_columns(draft, ["name", ""], "contact") == []

    with pytest.raises(reading._Superseded):
        reading._do(taken)

    assert FileImport.objects.get().default_type == "contact"
    assert drafts.reading_of(draft).checked is None


@pytest.mark.slow
def test_a_worker_killed_while_reading_leaves_a_draft_that_is_taken_up_again(
    owner, organisation, sandbox, connected
):
    draft = drafts.upload(organisation, "c", LARGE["xlsx"], user=owner.user)
    worker = Worker(sandbox.base_url)
    try:
        wait_until(lambda: FileReading.objects.get().tries, every=0.001)
    finally:
        worker.kill()
    killed = FileReading.objects.get()
    assert (killed.awaits, killed.headers) == (Step.READ, [])
    FileReading.objects.update(taken_until=timezone.now())

    worker = Worker(sandbox.base_url)
    try:
        assert wait_until(lambda: FileReading.objects.get().headers)
    finally:
        worker.stop()
    assert drafts.table_of(FileImport.objects.get(pk=draft.pk)).total == 500


@pytest.mark.parametrize("state", [ImportState.DRAFT, ImportState.STORING])
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_file_of_before_is_read_as_it_was_kept_then(
    reviewer, signed_in, organisation, state, kind
):
    kept = {
        "csv": b"name;city\nA;Dubai\n\n=B;x\n",
        "xlsx": b'[["name", "city"], [[2, ["A", "Dubai"]], [4, ["=B", "x"]]], 1, [[4, [[0, "no"]]]]]',
    }
    old = FileImport.objects.create(
        organisation=organisation,
        created_by=reviewer.user,
        file_name="old",
        sha256="0" * 64,
        kind=kind,
        encoding="utf-8",
        delimiter=";",
        columns=["name", "billing_address__city"],
        state=state,
        total=2,
        content=zlib.compress(kept[kind], 3),
    )
    client = signed_in(reviewer)
    if state == ImportState.DRAFT:
        assert "Dubai" in page_of(client, f"{START}{old.uuid}/columns/")
        page = page_of(client, f"{START}{old.uuid}/check/")
        assert "Load 1 row" in page
        assert "Empty rows, left out" in page
        client.post(f"{START}{old.uuid}/check/")
    load.store_due()

    old.refresh_from_db()
    assert (old.state, old.made, old.faulty) == (ImportState.STORED, 1, 1)
    assert b"=B" in client.get(f"{START}{old.uuid}/failed.csv").getvalue()


def test_a_file_no_longer_kept_is_said_to_be(reviewer, signed_in, organisation):
    client = signed_in(reviewer)
    columns = chosen(client, b"name\nA\n").url
    FileReading.objects.all().delete()
    FileImport.objects.update(content=None)

    page = client.get(columns, follow=True).content.decode()

    assert "no longer kept" in page
    with pytest.raises(SheetError):
        drafts.table_of(FileImport.objects.get())


def test_files_are_forgotten_with_their_tables(owner, organisation):
    draft = drafts.upload(organisation, "c", b"name\nA\n", user=owner.user)
    load.start(draft, user=owner.user)
    load.store_due()
    drafts.upload(organisation, "d", LARGE["csv"], user=owner.user)

    assert load.tidy(timezone.now() + load.KEEP_DONE + load.KEEP_DRAFT) == 2

    assert FileReading.objects.count() == 0


def test_pages_of_an_import_do_not_fetch_its_file(
    reviewer, signed_in, organisation, django_assert_max_num_queries
):
    client = signed_in(reviewer)
    columns = chosen(client, b"name\nA\n").url

    with django_assert_max_num_queries(26) as queries:
        client.get(columns)
        client.get(columns.replace("columns/", "check/"))

    assert not any('"content"' in each["sql"] for each in queries.captured_queries)
