"""Mail to visitors: each event once, in their language, never in the way of the form."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from smtplib import SMTPRecipientsRefused, SMTPServerDisconnected

import pytest
from django.core import mail
from django.utils import timezone

from clients_app import throttle
from clients_app.models import ApprovalMode, SignupMail, SignupPage, Status, Submission
from clients_app.signup import mail as signup_mail
from clients_app.signup import robots
from clients_app.signup.accept import Visit
from clients_app.signup.accept import accept as accept_signup
from tests.factories import CustomFieldFactory
from tests.fleet import Worker

ADDRESS = "sara@example.test"
LINK = "https://portal.example/s/al-noor/r/"


@pytest.fixture
def accept(organisation):
    """Return a function that lets a visitor sign up."""
    organisation.signup_mode = ApprovalMode.SUSPICIOUS
    organisation.save()

    def accept_one(language="en", proved=True, email=ADDRESS, **more):
        then = timezone.now() - timedelta(seconds=30)
        token = robots.new_token(SignupPage.of(organisation), then)
        return accept_signup(
            organisation,
            client_type="contact",
            answers={"first_name": "Www Sara", "email": email, **more},
            visit=Visit(token, "192.0.2.1", proved, False, language, link=LINK),
        )

    return accept_one


def become(submission, status, **more):
    Submission.objects.filter(pk=submission.pk).update(status=status, **more)


def subjects():
    return [sent.subject for sent in mail.outbox]


def test_arrival_and_outcome_are_told_once_each(accept):
    row = accept()

    sent = [signup_mail.send_due(), signup_mail.send_due()]
    become(row, Status.CREATED, heffl_id="clt_1", number="CLT-7")
    sent += [signup_mail.send_due(), signup_mail.send_due()]

    assert sent == [1, 0, 1, 0]
    assert subjects() == [
        "Al Noor Trading: your details have arrived",
        "Al Noor Trading: you are a client",
    ]
    assert [one.to for one in mail.outbox] == [[ADDRESS]] * 2
    assert f"{LINK}{row.receipt}/?lang=en" in mail.outbox[0].body
    assert "CLT-7" not in mail.outbox[1].body
    assert not any("Sara" in one.body for one in mail.outbox)
    assert not SignupMail.objects.exists()


def test_the_number_is_told_where_the_organisation_wants_it(accept, organisation):
    SignupPage.objects.create(organisation=organisation, shows_number=True)
    become(accept(), Status.CREATED, heffl_id="clt_1", number="CLT-7")

    signup_mail.send_due()

    assert "Your client number: CLT-7" in mail.outbox[0].body


def test_it_speaks_the_language_of_the_form(accept):
    accept(language="ar")

    signup_mail.send_due()

    assert "وصلت بياناتك" in subjects()[0]
    assert "?lang=ar" in mail.outbox[0].body


def test_a_refusal_gives_the_reason_the_organisation_wrote(accept):
    become(accept(), Status.REJECTED, closed_reason="Only for members.")

    signup_mail.send_due()

    assert "Only for members." in mail.outbox[0].body


def test_each_correction_is_asked_for_once(accept):
    row = accept()
    signup_mail.send_due()
    become(row, Status.NEEDS_FIX, problem_field="phone", revision=2)
    sent = [signup_mail.send_due(), signup_mail.send_due()]
    become(row, Status.NEEDS_FIX, problem_field="email", revision=3)
    sent += [signup_mail.send_due(), signup_mail.send_due()]
    become(row, Status.NEEDS_FIX, problem_field="", revision=4)
    sent += [signup_mail.send_due(), signup_mail.send_due()]

    assert sent == [1, 0, 1, 0, 0, 0]
    assert subjects()[1:] == ["Al Noor Trading: please correct one answer"] * 2


def test_an_odd_signup_is_told_nothing_before_somebody_approved_it(accept):
    rejected, approved = accept(proved=False), accept(proved=False, email="b@x.test")

    quiet = signup_mail.send_due()
    become(rejected, Status.REJECTED, closed_reason="Spam")
    become(approved, Status.CREATED, heffl_id="clt_1")
    told = signup_mail.send_due()

    assert (quiet, told) == (0, 1)
    assert mail.outbox[0].to == ["b@x.test"]
    assert not SignupMail.objects.exists()


def test_without_an_address_nothing_is_kept(accept):
    accept(email="")

    assert not SignupMail.objects.exists()


def test_a_companys_own_question_may_hold_the_address(accept, organisation):
    CustomFieldFactory(organisation=organisation, key="cf_mail", kind="email")
    accept(email="", cf_mail="office@example.test")

    signup_mail.send_due()

    assert mail.outbox[0].to == ["office@example.test"]


@pytest.fixture
def failing(monkeypatch):
    """Return a function that makes the mail server fail with an error."""

    def fail_with(error):
        def send(self, *args, **kwargs):
            raise error

        monkeypatch.setattr(signup_mail.EmailMessage, "send", send)

    yield fail_with
    monkeypatch.undo()


def test_a_mail_server_that_is_away_delays_and_loses_nothing(
    accept, failing, monkeypatch, caplog
):
    accept()
    failing(SMTPServerDisconnected(f"no {ADDRESS}"))
    now = timezone.now()

    tried = [signup_mail.send_due(now + timedelta(seconds=30 * n)) for n in range(3)]
    row = SignupMail.objects.get()
    monkeypatch.undo()
    late = signup_mail.send_due(now + timedelta(hours=1))

    assert tried == [0, 0, 0]
    assert row.tries == 2
    assert late == 1
    assert len(mail.outbox) == 1
    assert ADDRESS not in caplog.text


def test_an_address_that_does_not_exist_is_given_up(accept, failing):
    accept()
    failing(SMTPRecipientsRefused({}))

    signup_mail.send_due()

    assert not SignupMail.objects.exists()


def test_one_mailbox_gets_only_so_many_however_it_is_written(accept):
    for number in range(robots.ADDRESS.most + 2):
        accept(email="Victim@example.test")
        accept(email=f"victim+{number}@example.test")

    signup_mail.send_due()

    assert len(mail.outbox) == robots.ADDRESS.most


def test_only_one_of_two_workers_sends(accept):
    accept()
    row = signup_mail._due(timezone.now())[0]

    assert signup_mail._claim(row, timezone.now())
    assert not signup_mail._claim(row, timezone.now())


def mailed_by_a_worker_that_dies(folder):
    """Let a real worker send one mail and be killed before it can note it."""
    worker = Worker(
        "http://127.0.0.1:9/api/v1",
        sabotage="die_after_mail",
        EMAIL_URL=f"file:///{folder}",
    )
    try:
        assert worker.process.wait(60) == -9
    finally:
        worker.kill()
    (file,) = folder.iterdir()
    return message_from_bytes(file.read_bytes().split(b"\n" + b"-" * 79)[0])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_arrival_is_not_told_again_after_a_death_between_sending_and_noting(
    accept, tmp_path
):
    row = accept()
    Submission.objects.update(not_before=timezone.now() + timedelta(hours=1))

    first = mailed_by_a_worker_that_dies(tmp_path)
    told, tries = SignupMail.objects.values_list("told", "tries").get()
    later = signup_mail.send_due(timezone.now() + signup_mail.LEASE)
    become(row, Status.CREATED, heffl_id="clt_1")
    last = signup_mail.send_due(timezone.now() + signup_mail.LEASE)

    assert first["Subject"].endswith("your details have arrived")
    assert (told, tries) == ("received", 0)
    assert (later, last) == (0, 1)
    assert subjects() == ["Al Noor Trading: you are a client"]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_an_outcome_is_told_again_after_a_death_with_the_same_message_id(
    accept, tmp_path
):
    become(accept(), Status.CREATED, heffl_id="clt_1")

    first = mailed_by_a_worker_that_dies(tmp_path)
    too_soon = signup_mail.send_due()
    later = signup_mail.send_due(timezone.now() + signup_mail.LEASE)

    assert (too_soon, later) == (0, 1)
    assert mail.outbox[0].message()["Message-ID"] == first["Message-ID"]
    assert not SignupMail.objects.exists()


def test_each_word_has_a_message_id_of_its_own(accept):
    row, other = accept(), accept(email="b@x.test")
    signup_mail.send_due()
    for revision in (2, 3):
        become(row, Status.NEEDS_FIX, problem_field="phone", revision=revision)
        signup_mail.send_due()
    become(row, Status.CREATED, heffl_id="clt_1")
    become(other, Status.CREATED, heffl_id="clt_2")
    signup_mail.send_due()

    ids = {one.message()["Message-ID"] for one in mail.outbox}
    assert len(ids) == len(mail.outbox) == 6
    assert all(one.endswith("@portal.example>") for one in ids)


def test_a_mail_server_away_for_long_takes_no_room_from_the_address(accept, failing):
    accept()
    failing(SMTPServerDisconnected("away"))
    now = timezone.now()

    tries = 2 * robots.ADDRESS.most
    for hour in range(tries):
        signup_mail.send_due(now + timedelta(hours=2 * hour))

    row = SignupMail.objects.get()
    assert (row.told, row.tries) == ("", tries)


def test_a_mail_in_which_workers_die_is_given_up(accept):
    become(accept(), Status.CREATED, heffl_id="clt_1")
    now = timezone.now()
    for death in range(signup_mail.MOST_TRIES):
        at = now + death * signup_mail.LEASE
        (row,) = signup_mail._due(at)
        assert signup_mail._claim(row, at)

    sent = signup_mail.send_due(now + signup_mail.MOST_TRIES * signup_mail.LEASE)

    assert sent == 0
    assert not SignupMail.objects.exists()


def test_a_word_after_an_arrival_that_died_still_counts_against_the_address(accept):
    row = accept()
    now = timezone.now()
    mark = throttle.mark_of("address", ADDRESS)
    for _ in range(robots.ADDRESS.most):
        throttle.take(mark, robots.ADDRESS, now)
    SignupMail.objects.update(told="received", tries=0)
    become(row, Status.NEEDS_FIX, problem_field="phone", revision=2)

    assert signup_mail.send_due(now + signup_mail.LEASE) == 0
