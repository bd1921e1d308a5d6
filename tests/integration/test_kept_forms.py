"""A form sent after the sign-in ran out is kept for who typed it, and for nobody else."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone

from clients_app.models import Submission
from clients_app.views import kept
from tests.factories import SubmissionFactory
from tests.journeys import fully_signed_in

NEW = "/o/al-noor/clients/new/"


def typed(member, **answers):
    return {
        "type": "company",
        "name": "Al Noor Bakery",
        "typed_by": kept.mark_of(member.user),
        "submission_token": "a-token-of-the-page",
        **answers,
    }


@pytest.fixture
def late(client, frontdesk):
    """Return a browser whose sign-in has run out and that has just sent the form."""

    def send(**answers):
        client.get("/accounts/login/")
        answer = client.post(NEW, typed(frontdesk, **answers))
        assert answer.status_code == 302
        assert answer.url.startswith("/accounts/login/?next=/o/al-noor/clients/new/")
        return client

    return send


def sign_in(client, member):
    fully_signed_in(member.user, client)


def test_a_late_form_is_sent_after_signing_in_again(late, frontdesk):
    client = late()
    told = client.get("/accounts/login/").content.decode()

    sign_in(client, frontdesk)
    answer = client.get(NEW)

    row = Submission.objects.get()
    assert "What you typed is kept" in told
    assert answer.status_code == 303
    assert str(row.uuid) in answer.url
    assert (row.display_name, row.created_by) == ("Al Noor Bakery", frontdesk.user)
    assert client.get(NEW).status_code == 200
    assert Submission.objects.count() == 1


def test_a_late_form_with_a_fault_comes_back_filled_in(late, frontdesk):
    client = late(name="", website="nonsense")

    sign_in(client, frontdesk)
    answer = client.get(NEW)

    assert answer.status_code == 422
    assert 'value="nonsense"' in answer.content.decode()


def test_a_late_form_is_not_sent_by_somebody_else(late, reviewer):
    client = late()

    sign_in(client, reviewer)
    answer = client.get(NEW)

    assert answer.status_code == 200
    assert "Al Noor Bakery" not in answer.content.decode()
    assert Submission.objects.count() == 0


def test_a_late_form_is_forgotten_after_an_hour(late, frontdesk, monkeypatch):
    client = late()
    now = kept.time.time()
    monkeypatch.setattr(kept.time, "time", lambda: now + kept.KEPT_FOR + 1)

    sign_in(client, frontdesk)

    assert client.get(NEW).status_code == 200
    assert Submission.objects.count() == 0


def test_a_kept_form_lies_sealed(late):
    client = late()

    stored = Session.objects.get(pk=client.session.session_key)
    assert kept.KEPT in stored.get_decoded()
    assert "Bakery" not in str(stored.get_decoded())


@pytest.mark.parametrize("mark", ["", "1", "1:forged"])
def test_nothing_is_kept_for_who_never_had_the_page(client, frontdesk, mark):
    client.post(NEW, typed(frontdesk, typed_by=mark))

    assert kept.KEPT not in client.session


def test_what_is_too_large_is_not_kept(client, frontdesk):
    client.post(NEW, typed(frontdesk, name="x" * kept.MOST))

    assert kept.KEPT not in client.session


def test_a_late_correction_is_kept_too(client, organisation, frontdesk):
    row = SubmissionFactory(organisation=organisation, status="NEEDS_FIX")
    page = f"/o/al-noor/clients/{row.uuid}/edit/"
    client.post(page, typed(frontdesk, revision="1"))

    sign_in(client, frontdesk)
    answer = client.get(page)

    row.refresh_from_db()
    assert answer.status_code == 303
    assert row.display_name == "Al Noor Bakery"


@pytest.fixture
def strict(frontdesk):
    client = Client(enforce_csrf_checks=True)
    sign_in(client, frontdesk)
    client.get(NEW)
    return client


def test_a_page_from_before_signing_in_again_comes_back_filled_in(strict, frontdesk):
    answer = strict.post(NEW, typed(frontdesk), headers={"Origin": "http://testserver"})

    assert answer.status_code == 200
    assert "Al Noor Bakery" in answer.content.decode()
    assert "You signed in again in another window" in answer.content.decode()
    assert Submission.objects.count() == 0


@pytest.mark.parametrize("origin", ["https://elsewhere.test", "null", ""])
def test_a_forged_form_is_still_refused(strict, frontdesk, origin):
    headers = {"Origin": origin} if origin else {}
    answer = strict.post(NEW, typed(frontdesk), headers=headers)

    assert answer.status_code == 403
    assert "Al Noor Bakery" not in answer.content.decode()


def test_somebody_elses_page_is_not_shown_again(strict, reviewer):
    answer = strict.post(NEW, typed(reviewer), headers={"Origin": "http://testserver"})

    assert answer.status_code == 403
    assert "Al Noor Bakery" not in answer.content.decode()


def test_a_script_is_told_where_the_client_is(frontdesk, signed_in):
    answer = signed_in(frontdesk).post(
        NEW, typed(frontdesk), headers={"Accept": "application/json"}
    )

    row = Submission.objects.get()
    assert answer.status_code == 201
    assert answer.json() == {"location": f"/o/al-noor/clients/{row.uuid}/"}


def test_staying_signed_in_begins_the_time_anew(frontdesk, signed_in):
    client = signed_in(frontdesk)
    session = Session.objects.get(pk=client.session.session_key)
    soon = timezone.now() + timedelta(minutes=2)
    Session.objects.filter(pk=session.pk).update(expire_date=soon)
    page = client.get(NEW).content.decode()

    answer = client.post("/accounts/stay/")

    session.refresh_from_db()
    assert 'data-ends="1' in page
    assert answer.json()["seconds"] > 3600
    assert session.expire_date > soon + timedelta(hours=1)


def test_a_phone_number_that_looks_unusual_is_saved_with_a_warning(
    frontdesk, signed_in
):
    client = signed_in(frontdesk)

    answer = client.post(
        NEW,
        {"type": "contact", "first_name": "Sara", "phone": "+97150123456"},
        follow=True,
    )

    assert Submission.objects.get().answers["phone"] == "+97150123456"
    assert "phone number looks unusual" in answer.content.decode()


def test_the_next_form_remembers_type_and_country(organisation, frontdesk, signed_in):
    client = signed_in(frontdesk)
    row = SubmissionFactory(
        organisation=organisation,
        type="contact",
        answers={"first_name": "Sara", "billing_address__country": "Saudi Arabia"},
    )

    detail = client.get(f"/o/al-noor/clients/{row.uuid}/").content.decode()
    page = client.get(NEW + "?type=contact&country=SA").content.decode()

    assert 'href="/o/al-noor/clients/new/?type=contact&amp;country=SA"' in detail
    assert 'name="preset_country" value="SA"' in page
    assert '<option value="SA" selected' in page


def test_a_country_that_only_was_remembered_is_no_address(frontdesk, signed_in):
    country, state = "billing_address__country", "billing_address__state"
    posted = typed(frontdesk, **{country: "SA", state: ["", ""]})

    signed_in(frontdesk).post(NEW, posted | {"preset_country": "SA"})

    assert Submission.objects.get().answers == {"name": "Al Noor Bakery"}
