"""Mails about signing in go to who signs in here, in bounds, and tell strangers nothing."""

import re
import threading
import time
from smtplib import SMTPException

import pytest
from django.core import mail
from django.core.handlers.base import BaseHandler
from django.core.mail.backends.smtp import EmailBackend
from django.test import Client, RequestFactory

from clients_app import throttle
from clients_app.accounts import doors, letters
from clients_app.models import User
from tests.fleet import PATIENCE

pytestmark = pytest.mark.django_db
RESET = "/accounts/password/reset/"
KNOWN, UNKNOWN = "owner@al-noor.test", "nobody@al-noor.test"


@pytest.fixture(autouse=True)
def person(owner):
    return owner.user


def ask(address, network="203.0.113.9", **more):
    return Client().post(RESET, {"email": address}, REMOTE_ADDR=network, **more)


def page_of(answer):
    browser = Client()
    page = browser.get(answer.url).content.decode()
    return re.sub(r'value="[\w-]{60,}"', "", page)


def test_a_stranger_is_mailed_nothing():
    ask(UNKNOWN)
    ask("victim@example.com")
    Client().post("/accounts/signup/", {"email": KNOWN, "password1": "x" * 12})

    assert mail.outbox == []


@pytest.mark.parametrize("kind", sorted(letters.NEVER))
def test_nothing_that_invites_to_sign_up_is_sent(kind):
    assert not letters.may_send(kind, KNOWN)


def test_the_answer_is_the_same_for_whoever_asks():
    known, unknown = ask(KNOWN), ask(UNKNOWN)

    assert (known.status_code, known.url) == (unknown.status_code, unknown.url)
    assert page_of(known) == page_of(unknown)
    assert known.headers.keys() == unknown.headers.keys()
    assert [each.to for each in mail.outbox] == [[KNOWN]]


def test_a_mailbox_gets_five_an_hour_from_however_many_networks():
    answers = [ask(KNOWN, f"10.1.{n}.1") for n in range(9)]

    assert len(mail.outbox) == letters.MAILBOX.most == 5
    assert {answer.status_code for answer in answers} == {302}


def test_every_spelling_of_a_mailbox_counts_together():
    for name in ("ann+1", "a.nn", "ann"):
        User.objects.create_user(f"{name}@gmail.com", "correct horse battery")
    for number in range(12):
        name = ("ann+1", "a.nn", "ann")[number % 3]
        ask(f"{name}@gmail.com", f"10.1.{number}.1")

    assert len(mail.outbox) == letters.MAILBOX.most


@pytest.mark.parametrize("address", [KNOWN, UNKNOWN])
def test_a_network_asks_twenty_times_an_hour_for_whomever(address):
    answers = [ask(address) for _ in range(doors.RESETS.most + 2)]

    assert [each.status_code for each in answers] == [302] * 20 + [429] * 2
    assert 100 < int(answers[-1].headers["Retry-After"]) <= 180
    assert ask(address, "192.0.2.1").status_code == 302


def test_all_together_get_a_bounded_number(monkeypatch):
    monkeypatch.setattr(letters, "EVERYBODY", throttle.Limit(3600.0, odd=3, most=3))
    people = [
        User.objects.create_user(f"p{n}@al-noor.test", "correct horse battery")
        for n in range(5)
    ]
    for person in people:
        ask(person.email)

    assert len(mail.outbox) == 3


def test_unknown_addresses_take_no_room_from_the_known(monkeypatch):
    monkeypatch.setattr(letters, "EVERYBODY", throttle.Limit(3600.0, odd=3, most=3))
    for number in range(8):
        ask(f"nobody{number}@al-noor.test")
    ask(KNOWN)

    assert [each.to for each in mail.outbox] == [[KNOWN]]


def test_a_notice_is_sent_however_many_links_were_asked_for():
    for number in range(9):
        ask(KNOWN, f"10.1.{number}.1")

    assert letters.may_send("account/email/password_changed", KNOWN)


def test_a_person_who_gets_no_more_mail_has_a_link_that_works(person):
    for number in range(9):
        ask(KNOWN, f"10.1.{number}.1")
    link = re.search(r"https?://[^/]+(/\S+)", mail.outbox[0].body)[1]
    browser = Client()
    form = browser.get(link, follow=True)
    new = "another horse battery"

    browser.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    person.refresh_from_db()
    assert person.check_password(new)


def test_the_mail_is_in_the_readers_language():
    browser = Client(HTTP_ACCEPT_LANGUAGE="ar")

    browser.post(RESET, {"email": KNOWN})

    assert re.search(r"[\u0600-\u06ff]", mail.outbox[0].body)


def test_the_mail_is_seen_to_when_the_answer_is_out():
    handler = BaseHandler()
    handler.load_middleware()
    request = RequestFactory().post(RESET, {"email": KNOWN})
    request._dont_enforce_csrf_checks = True

    answer = handler.get_response(request)
    before = len(mail.outbox)
    answer.close()

    assert answer.status_code == 302
    assert (before, len(mail.outbox)) == (0, 1)


class SlowServer(EmailBackend):
    """A mail server that answers when it is let."""

    let = threading.Event()
    got: list[object] = []

    def send_messages(self, messages):
        self.let.wait(PATIENCE)
        self.got.extend(messages)
        return len(messages)


class Broken(EmailBackend):
    def send_messages(self, messages):
        raise SMTPException


def test_no_answer_waits_for_a_mail_server(monkeypatch):
    monkeypatch.setattr(letters, "get_connection", SlowServer)
    SlowServer.let.clear()
    SlowServer.got.clear()

    answer = ask(KNOWN)
    waited = list(SlowServer.got)
    SlowServer.let.set()

    assert answer.status_code == 302
    assert waited == []
    until = time.monotonic() + PATIENCE
    while not SlowServer.got and time.monotonic() < until:
        time.sleep(0.01)
    assert [each.to for each in SlowServer.got] == [[KNOWN]]


def test_a_mail_server_that_refuses_is_logged_and_no_fault(monkeypatch, caplog):
    monkeypatch.setattr(letters, "SmtpBackend", SlowServer)  # at once, in this thread
    monkeypatch.setattr(letters, "get_connection", Broken)

    answer = ask(KNOWN)

    assert answer.status_code == 302
    assert "account mail failed" in caplog.text
    assert KNOWN not in caplog.text


def test_more_mails_than_a_slow_server_takes_are_given_up(monkeypatch, caplog):
    monkeypatch.setattr(letters, "get_connection", SlowServer)
    monkeypatch.setattr(letters, "_room", threading.BoundedSemaphore(1))
    SlowServer.let.clear()

    ask(KNOWN)
    ask(KNOWN)
    SlowServer.let.set()

    assert caplog.text.count("account mail given up") == 1
