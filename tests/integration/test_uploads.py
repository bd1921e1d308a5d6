"""How much a request may bring, and where a file may come in: bounds of the app's own."""

from __future__ import annotations

import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.files.uploadhandler import MemoryFileUploadHandler
from django.test import Client
from django.urls import resolve

from clients_app.middleware import PROBES
from clients_app.models import FileImport, Role
from clients_app.views import uploads
from tests import routes
from tests.journeys import fully_signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.once]
IMPORT, SIGNUP = "/o/al-noor/import/", "/o/al-noor/settings/signup/"
TAKES_FILES = {IMPORT, SIGNUP}
MB = 1_048_576
FORM = 262_144


def csv_of(size: int = 0):
    content = b"Company\r\nGulf Star LLC\r\n"
    return SimpleUploadedFile("clients.csv", content.ljust(size, b"\n"))


def addresses() -> list[str]:
    """Return an address for every route: those named in tests/routes.py and allauth's."""
    found = [*routes.OF_AN_ORGANISATION, *routes.OF_A_PERSON, *routes.OPEN]
    found += [*routes.PUBLIC]
    found += [f"accounts/{each}/" for each in ("login", "password/reset", "signup")]
    found += ["nothing/here/", "admin/login/"]
    values = {"slug": "al-noor", "int": "1", "str": "x"}
    values["uuid"] = "00000000-0000-4000-8000-000000000000"
    return sorted(
        "/" + re.sub(r"<(\w+):\w+>", lambda found: values[found[1]], each)
        for each in found
    )


@pytest.fixture
def nothing_on_disk(monkeypatch):
    """Fail when an uploaded file is about to be written to disk."""

    def refuse(*args, **kwargs):
        raise AssertionError("an upload was written to disk")

    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse)
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", refuse)
    monkeypatch.setattr("django.core.files.uploadedfile.tempfile", None)


@pytest.fixture
def kept(monkeypatch):
    """Return the list of files that Django took in."""
    found = []
    original = uploads.InMemory.file_complete

    def file_complete(handler, size):
        found.append(size)
        return original(handler, size)

    monkeypatch.setattr(MemoryFileUploadHandler, "file_complete", file_complete)
    return found


@pytest.mark.parametrize("path", addresses())
def test_file_is_taken_in_where_it_is_expected_and_nowhere_else(
    owner, signed_in, nothing_on_disk, kept, path
):
    visitors = [Client(), Client(enforce_csrf_checks=True), signed_in(owner)]

    answers = [visitor.post(path, {"file": csv_of(200_000)}) for visitor in visitors]

    assert {each.status_code for each in answers} <= {
        *(200, 302, 400, 401, 403, 404, 405, 413, 415, 422)
    }
    assert len(kept) == (path in TAKES_FILES)
    assert FileImport.objects.exists() is (path == IMPORT)


@pytest.mark.parametrize("path", ["/accounts/login/", "/s/al-noor/"])
def test_refusal_of_a_file_says_what_to_do(organisation, path):
    organisation.signup_mode = "send"
    organisation.save()

    answer = Client().post(path, {"login": "a@b.test", "file": csv_of()})

    assert answer.status_code == 415
    assert "No file is taken here" in answer.content.decode()


@pytest.mark.parametrize("path", addresses())
def test_more_than_a_page_takes_is_refused_unread_everywhere(owner, signed_in, path):
    """The body is one that nobody may read: only its length is announced.

    Monitoring is answered whatever it sends, of which nothing is read.
    """
    visitors = [Client(), signed_in(owner)]
    most = uploads.bound_at(path)

    class Unread:
        def read(self, *_):
            raise AssertionError("read")

        readline = read

    for visitor in visitors:
        for kind in ("multipart/form-data; boundary=x", "application/json"):
            answer = visitor.generic(
                "POST", path, b"", kind,
                CONTENT_LENGTH=str(most + 1), **{"wsgi.input": Unread()},
            )  # fmt: skip
            assert answer.status_code in {404, 405, 413} or path in PROBES


def test_form_without_a_file_may_come_as_multipart(owner, signed_in):
    address = "/o/al-noor/settings/privacy/"
    page = signed_in(owner).get(address)

    answer = signed_in(owner).post(address, {"retention": "x"})

    assert page.status_code == 200
    assert answer.status_code in {200, 302, 422}


def test_pages_that_take_files_are_these():
    found = {path for path in addresses() if uploads.bound_at(path) > FORM}

    assert found == TAKES_FILES


@pytest.mark.parametrize("path", sorted(TAKES_FILES))
def test_file_counts_only_with_the_forms_token(owner, signed_in, path):
    client = fully_signed_in(owner.user, Client(enforce_csrf_checks=True))

    answer = client.post(path, {"file": csv_of()})

    assert answer.status_code == 403
    assert not FileImport.objects.exists()


@pytest.mark.parametrize("path", sorted(TAKES_FILES))
def test_who_may_not_send_a_file_is_told_before_it_is_read(
    frontdesk, outsider, signed_in, monkeypatch, path
):
    def refuse(*args, **kwargs):
        raise AssertionError("parsed")

    monkeypatch.setattr("django.http.request.MultiPartParser", refuse)
    asked = [(Client(), 302), (signed_in(frontdesk), 403), (signed_in(outsider), 404)]

    for client, status in asked:
        assert client.post(path, {"file": csv_of()}).status_code == status


@pytest.mark.parametrize(
    ("size", "status"),
    [(0, 302), (5 * MB, 302), (5 * MB + 1, 422), (7 * MB, 413)],
)
def test_import_takes_five_megabytes_and_keeps_them_in_memory(
    reviewer, signed_in, nothing_on_disk, size, status
):
    answer = signed_in(reviewer).post(IMPORT, {"file": csv_of(size)})

    assert answer.status_code == status


@pytest.mark.parametrize("length", ["-1", "x", "1" * 5000, "٣"])
def test_length_that_is_none_is_refused(client, length):
    answer = client.generic("POST", "/accounts/login/", b"", CONTENT_LENGTH=length)

    assert answer.status_code in {400, 413}


def test_bound_is_that_of_the_page():
    assert uploads.bound_at("/nothing/here/") == uploads.FROM_ANYBODY
    assert uploads.bound_at("/s/al-noor/") == uploads.FROM_ANYBODY
    assert uploads.bound_at("/accounts/login/") == uploads.FROM_ANYBODY
    assert uploads.bound_at("/o/al-noor/clients/new/") == FORM
    assert uploads.bound_at(IMPORT) > 5 * MB
    assert resolve(IMPORT).func.least_role == Role.REVIEWER
