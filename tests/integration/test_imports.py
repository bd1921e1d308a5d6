"""A file of clients: read, mapped, checked, loaded once, paused, cancelled, corrected."""

from __future__ import annotations

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.utils import timezone
from openpyxl import load_workbook

from clients_app import csv_text
from clients_app.imports import drafts, load, report
from clients_app.imports.drafts import WrongState
from clients_app.imports.rows import dry_run
from clients_app.models import (
    PAUSED_UNTIL,
    AuditEvent,
    FileImport,
    ImportedRow,
    ImportState,
    Lane,
    Source,
    Status,
    Submission,
)
from tests.factories import CustomFieldFactory
from tests.fleet import Worker, wait_until

pytestmark = pytest.mark.django_db(transaction=True)
START = "/o/al-noor/import/"
GOOD = (
    "Type,Company name,First name,Mobile,E-mail\n"
    "company,Al Noor LLC,,,\n"
    "contact,,Mariam,0501234567,mariam@example.com\n"
)


def loaded(organisation, user, text):
    draft = drafts.upload(organisation, "clients.csv", text.encode(), user=user)
    load.start(draft, user=user)
    load.store_due()
    draft.refresh_from_db()
    return draft


def chosen(client, data, name="clients.csv"):
    return client.post(START, {"file": SimpleUploadedFile(name, data)})


def test_the_whole_way_through_the_pages(reviewer, signed_in, organisation, connected):
    client = signed_in(reviewer)

    answer = chosen(client, GOOD.encode())
    columns = client.get(answer.url).content.decode()
    assert 'value="phone" selected' in columns
    draft = FileImport.objects.get()
    asked = {f"column_{at}": name for at, name in enumerate(draft.columns)}
    checked = client.post(answer.url, {**asked, "action": "choose"})
    page = client.get(checked.url).content.decode()
    assert "Load 2 rows" in page
    assert Submission.objects.count() == 0
    started = client.post(checked.url)
    call_command("deliver", "--once")
    load.store_due()
    call_command("deliver", "--once")

    assert "Clients settled" in client.get(started.url).content.decode()
    rows = Submission.objects.order_by("id")
    assert [row.status for row in rows] == [Status.CREATED, Status.CREATED]
    assert {row.source for row in rows} == {Source.IMPORT}
    assert {row.lane for row in rows} == {Lane.IMPORT}
    assert rows[1].answers == {
        "first_name": "Mariam",
        "phone": "+971501234567",
        "email": "mariam@example.com",
    }
    call_command("balance")


@pytest.mark.parametrize(
    "data", [b"MZ\x90\x00", b"", b"name,name\nA,B\n", b"PK\x03\x04", b"name\n"]
)
def test_a_bad_file_is_told_and_nothing_is_kept(reviewer, signed_in, data):
    answer = chosen(signed_in(reviewer), data)

    assert answer.status_code == 422
    assert "There is a problem" in answer.content.decode()
    assert FileImport.objects.count() == 0


def test_no_file_at_all_is_told(reviewer, signed_in):
    assert signed_in(reviewer).post(START).status_code == 422


def test_every_problem_is_shown_with_its_line(reviewer, signed_in, organisation):
    client = signed_in(reviewer)
    text = GOOD + "contact,,Ali,12,nobody\ncompany,,,,\n"
    answer = chosen(client, text.encode())

    page = client.get(answer.url.replace("columns/", "check/")).content.decode()

    assert "Load 2 rows" in page
    assert "Enter a phone number" in page
    assert "Enter an email address" in page
    assert "Enter the company name" in page
    assert Submission.objects.count() == 0


def test_the_same_file_twice_makes_nothing_twice(owner, organisation):
    loaded(organisation, owner.user, GOOD)
    again = drafts.upload(organisation, "b.csv", GOOD.encode(), user=owner.user)
    told = dry_run(again)
    load.start(again, user=owner.user)
    load.store_due()
    again.refresh_from_db()

    assert told.loaded_before is not None
    assert (told.known, told.ready) == (2, 0)
    assert (again.made, again.known) == (0, 2)
    assert Submission.objects.count() == 2


def test_a_row_in_other_spelling_is_the_same_row(owner, organisation):
    loaded(organisation, owner.user, GOOD)
    other = (
        "E-mail;Mobile;First name;Type\nmariam@example.com;+971 50 123 4567;Mariam;"
        "contact\n"
    )
    loaded(organisation, owner.user, other)

    assert Submission.objects.count() == 2


def test_twins_in_one_file_are_told_and_loaded_once(owner, organisation):
    text = "name\nA\nA\nB\n"
    draft = drafts.upload(organisation, "c.csv", text.encode(), user=owner.user)
    told = dry_run(draft)
    load.start(draft, user=owner.user)
    load.store_due()

    assert told.twins == 1
    assert told.notes == [(3, "", "Says the same as line 2 and is loaded once.")]
    assert Submission.objects.count() == 2


def test_two_organisations_may_load_the_same_file(owner, outsider, organisation):
    loaded(organisation, owner.user, GOOD)
    loaded(outsider.organisation, outsider.user, GOOD)

    assert Submission.objects.count() == 4


def test_what_does_not_apply_is_told_not_dropped_in_silence(owner, organisation):
    text = "name,email\nA LLC,a@example.com\n"
    draft = drafts.upload(organisation, "c.csv", text.encode(), user=owner.user)

    assert "Email" in dry_run(draft).notes[0][2]


def test_a_question_taken_out_of_use_meanwhile_is_told_and_the_rest_loads(
    owner, organisation
):
    question = CustomFieldFactory(organisation=organisation, key="cf_vip")
    draft = drafts.upload(
        organisation, "c.csv", b"name,cf_vip\nA LLC,x\n", user=owner.user
    )
    question.is_active = False
    question.save()

    assert "cf_vip" in dry_run(draft).notes[0][2]
    load.start(draft, user=owner.user)
    load.store_due()
    assert Submission.objects.get().answers == {"name": "A LLC"}


def test_arabic_files_speak_arabic(owner, organisation):
    field = CustomFieldFactory(organisation=organisation, key="cf_vip", kind="yes_no")
    text = f"النوع,الاسم الأول,الدولة,{field.label}\nجهة اتصال,مريم,الكويت,نعم\n"
    draft = loaded(organisation, owner.user, text)

    assert draft.made == 1, list(report.failed_rows(draft))
    row = Submission.objects.get()
    assert (row.type, row.answers["cf_vip"]) == ("contact", True)
    assert row.answers["billing_address__country"] == "Kuwait"


def test_arabic_names_of_areas_are_read_by_country(owner, organisation):
    text = "اسم الشركة,المحافظة,الدولة\n"
    text += (
        "أ,مسقط,عُمان\nب,العاصمة,البحرين\nج,العاصمة,الكويت\nد,دبي,\nه,بافاريا,ألمانيا\n"
    )
    draft = loaded(organisation, owner.user, text)

    assert draft.made == 5, list(report.failed_rows(draft))
    areas = [row.answers["billing_address__state"] for row in Submission.objects.all()]
    assert sorted(areas) == ["Al Asimah", "Capital", "Dubai", "Muscat", "بافاريا"]


@pytest.mark.slow
def test_a_paused_import_sends_nothing_until_it_goes_on(
    owner, organisation, sandbox, connected
):
    file_import = loaded(organisation, owner.user, GOOD)
    load.pause(file_import, user=owner.user)
    call_command("deliver", "--once")
    sent = len(sandbox.control.clients())
    waiting = Submission.objects.filter(not_before=PAUSED_UNTIL).count()
    load.resume(file_import, user=owner.user)
    call_command("deliver", "--once")

    assert (sent, waiting) == (0, 2)
    assert len(sandbox.control.clients()) == 2
    file_import.refresh_from_db()
    assert file_import.state == ImportState.STORED


def test_a_key_that_changes_does_not_end_a_pause(owner, organisation, connected):
    from clients_app.organisation import api_keys

    file_import = loaded(organisation, owner.user, GOOD)
    load.pause(file_import, user=owner.user)
    api_keys.verify_key(connected, user=owner.user)

    assert Submission.objects.filter(not_before=PAUSED_UNTIL).count() == 2


def test_cancelling_drops_what_was_never_sent_and_the_books_balance(
    owner, organisation, capsys
):
    file_import = loaded(organisation, owner.user, GOOD)
    tried = Submission.objects.order_by("id").first()
    Submission.objects.filter(pk=tried.pk).update(fence=1)

    assert load.cancel(file_import, user=owner.user) == 1

    statuses = set(Submission.objects.values_list("status", "closed_reason"))
    assert (Status.QUEUED, "") in statuses
    assert len(statuses) == 2
    assert AuditEvent.objects.filter(action="submission.dropped").count() == 1
    with pytest.raises(WrongState):
        load.resume(file_import, user=owner.user)
    call_command("balance")


def test_what_happens_to_an_import_is_told_under_the_word_of_older_events(
    owner, organisation
):
    file_import = loaded(organisation, owner.user, GOOD)
    load.pause(file_import, user=owner.user)

    told = AuditEvent.objects.filter(object_id=file_import.uuid)
    assert told.filter(action="import.paused").exists()
    assert {event.object_type for event in told} == {"csvimport"}


def test_two_people_start_one_import_once(owner, organisation):
    draft = drafts.upload(organisation, "c.csv", GOOD.encode(), user=owner.user)
    same = FileImport.objects.get()
    load.start(draft, user=owner.user)

    with pytest.raises(WrongState):
        load.start(same, user=owner.user)


def test_refused_rows_come_back_corrected(reviewer, signed_in, organisation):
    text = GOOD + "contact,,Ali,12,\n"
    file_import = loaded(organisation, reviewer.user, text)
    refused = Submission.objects.order_by("id").last()
    Submission.objects.filter(pk=refused.pk).update(
        status=Status.NEEDS_FIX, problem="http_400", message="Invalid email"
    )

    answer = signed_in(reviewer).get(f"{START}{file_import.uuid}/failed.csv")
    lines = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    faulty = dict(zip(lines[0], lines[1], strict=True))
    mine = dict(zip(lines[0], lines[2], strict=True))
    assert len(lines) == 3
    assert "Enter a phone number" in faulty["problem"]
    assert mine["portal_reference"] == str(refused.uuid)
    assert mine["problem"] == "Invalid email"

    lines[2][lines[0].index("email")] = "new@example.com"
    corrected = csv_text.lines([lines[0], lines[2]])
    again = loaded(organisation, reviewer.user, corrected)

    refused.refresh_from_db()
    assert again.made == 1
    assert (refused.status, refused.answers["email"]) == ("QUEUED", "new@example.com")
    assert Submission.objects.count() == 2


@pytest.mark.slow
def test_a_worker_killed_while_loading_doubles_and_loses_nothing(
    owner, organisation, sandbox, connected
):
    text = "name\n" + "".join(f"Client {n}\n" for n in range(3_000))
    draft = drafts.upload(organisation, "c.csv", text.encode(), user=owner.user)
    load.start(draft, user=owner.user)
    for enough in (500, 1_500):
        worker = Worker(sandbox.base_url, HEFFL_RATE_LIMIT="1/60")
        try:
            wait_until(lambda n=enough: FileImport.objects.get().done >= n, every=0.01)
        finally:
            worker.kill()
    while load.store_due():
        pass

    draft.refresh_from_db()
    assert (draft.state, draft.done, draft.made) == (ImportState.STORED, 3_000, 3_000)
    assert Submission.objects.count() == ImportedRow.objects.count() == 3_000
    accepted = AuditEvent.objects.filter(action="submission.accepted")
    assert accepted.count() == 3_000


def test_the_template_loads_as_it_is(owner, organisation, signed_in):
    client = signed_in(owner)
    CustomFieldFactory(organisation=organisation, key="cf_size")
    as_csv = client.get(f"{START}template.csv").content
    as_xlsx = client.get(f"{START}template.xlsx").content

    draft = drafts.upload(organisation, "t.csv", as_csv, user=owner.user)

    assert dry_run(draft).ready == 2
    assert "cf_size" in draft.columns
    headers = next(load_workbook(io.BytesIO(as_xlsx)).active.values)
    assert list(headers) == draft.columns


def test_files_are_forgotten_in_time(owner, organisation):
    file_import = loaded(organisation, owner.user, GOOD)
    draft = drafts.upload(organisation, "d.csv", GOOD.encode(), user=owner.user)
    later = timezone.now() + load.KEEP_DONE + load.KEEP_DRAFT

    load.tidy(later)

    file_import.refresh_from_db()
    assert file_import.content is None
    assert not FileImport.objects.filter(pk=draft.pk).exists()


def test_a_file_read_in_another_encoding_shows_so(reviewer, signed_in, organisation):
    client = signed_in(reviewer)
    answer = chosen(client, "name,city\nشركة النور,دبي\n".encode("cp1256"))
    assert "شركة النور" in client.get(answer.url).content.decode()

    client.post(answer.url, {"action": "read", "encoding": "cp1252", "delimiter": ","})
    page = client.get(answer.url).content.decode()
    assert "شركة النور" not in page

    refused = client.post(
        answer.url, {"action": "read", "encoding": "utf-8", "delimiter": ","}
    )
    assert refused.status_code == 422
    assert "not in this encoding" in refused.content.decode()


def test_two_columns_for_one_field_are_refused(reviewer, signed_in, organisation):
    client = signed_in(reviewer)
    answer = chosen(client, b"name,other\nA,B\n")

    refused = client.post(
        answer.url, {"action": "choose", "column_0": "name", "column_1": "name"}
    )

    assert refused.status_code == 422
    assert "Two columns are both" in refused.content.decode()
