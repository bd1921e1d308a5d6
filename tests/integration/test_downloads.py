"""What is uploaded or exported is handed out as a file: never shown, never guessed at."""

from __future__ import annotations

import json
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from clients_app import audit
from clients_app.imports import drafts
from clients_app.models import FileImport, SignupPage, Submission
from clients_app.views import brand
from tests.factories import SubmissionFactory
from tests.routes import OF_AN_ORGANISATION

pytestmark = pytest.mark.django_db
SHOWN = ("text/html", "application/json", "application/problem+json")
NAMED = re.compile(r'attachment; filename="[\w.-]+"')
EVIL = "Attacker;=HYPERLINK(1)\n@SUM(1)"


def body(answer):
    return answer.getvalue() if answer.streaming else answer.content


def assert_file(answer):
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert NAMED.fullmatch(answer.headers["Content-Disposition"])


@pytest.fixture
def scene(owner, organisation):
    """Return a client, an import with a faulty row, a logo, and somebody who sees it all."""
    row = SubmissionFactory(
        organisation=organisation, display_name=EVIL, answers={"name": EVIL}
    )
    text = b'name,phone\n"A;=1","1;@x"\n'
    draft = drafts.upload(organisation, "c.csv", text, user=owner.user)
    page = SignupPage.of(organisation)
    page.logo, page.logo_hash = b"\x89PNG", "ab" * 8
    page.save()
    audit.record("export", organisation=organisation, detail={"a;=1": ["x;=1", "-1"]})
    return row, draft


def test_every_address_shows_a_page_or_hands_out_a_file(scene, owner, signed_in):
    client = signed_in(owner)
    row, draft = scene
    parts = {"slug": "al-noor", "uuid": row.uuid, "import_id": draft.uuid}
    files = []
    for route in OF_AN_ORGANISATION:
        path = re.sub(r"<\w+:(\w+)>", lambda name: str(parts.get(name[1], 1)), route)
        answer = client.get(f"/{path}")
        assert answer.headers["X-Content-Type-Options"] == "nosniff", route
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        if answer.status_code == 200 and kind not in SHOWN:
            assert_file(answer)
            files.append(path.rpartition("/")[2])
            if kind == "text/csv":
                assert_guarded(body(answer).decode("utf-8-sig"))

    assert sorted(files) == [
        *("export.csv", "export.csv", "failed.csv", "qr.svg"),
        *("template.csv", "template.xlsx"),
    ]


def assert_guarded(text):
    assert not re.search(r"[;,|\t\n\r][\s\"]*[=@]", text)


def test_what_is_told_about_a_person_is_a_file(scene, owner, signed_in):
    client = signed_in(owner)
    page = reverse("settings-privacy", args=["al-noor"])
    row, _draft = scene

    as_csv = client.post(page, {"action": "csv", "client": str(row.uuid)})
    as_json = client.post(page, {"action": "json", "client": str(row.uuid)})

    assert_file(as_csv)
    assert_file(as_json)
    assert "Attacker;'=HYPERLINK(1)\n'@SUM(1)" in as_csv.content.decode()
    assert json.loads(as_json.content)


def test_a_logo_opened_by_itself_is_a_file(scene, client):
    page = SignupPage.objects.select_related("organisation").get()

    answer = client.get(brand.logo_address("al-noor", page))

    assert_file(answer)


def test_what_was_exported_comes_back_by_an_import(
    scene, owner, signed_in, organisation
):
    exported = signed_in(owner).get("/o/al-noor/clients/export.csv").getvalue()
    client = signed_in(owner)

    client.post(
        "/o/al-noor/import/", {"file": SimpleUploadedFile("again.csv", exported)}
    )

    again = FileImport.objects.latest("id")
    table = drafts.table_of(again)
    (row,) = table.rows()
    assert row.cells[table.headers.index("name")] == EVIL
    assert Submission.objects.count() == 1
