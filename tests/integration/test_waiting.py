"""A status request waits a moment for news, and never longer than it may."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.http import Http404
from django.utils import timezone

from clients_app.models import Status, Submission
from clients_app.views import waiting
from tests.factories import SubmissionFactory


@pytest.mark.django_db(transaction=True)
def test_news_ends_the_wait(organisation, monkeypatch):
    row = SubmissionFactory(organisation=organisation)
    monkeypatch.setattr(waiting, "LONGEST", 60.0)

    def settle():
        time.sleep(0.2)
        Submission.objects.filter(pk=row.pk).update(status=Status.NEEDS_FIX)
        connection.close()

    other = threading.Thread(target=settle)
    other.start()
    after = waiting.wait_for_change(row, Status.QUEUED)
    other.join()

    assert after.status == Status.NEEDS_FIX


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, ""),
        ({}, Status.SENDING),
        ({"status": Status.NEEDS_FIX}, Status.NEEDS_FIX),
        ({"queued_at": timezone.now() - timedelta(minutes=1)}, Status.QUEUED),
    ],
)
def test_without_hope_of_news_nobody_waits(organisation, changes, seen, monkeypatch):
    row = SubmissionFactory(organisation=organisation, **changes)
    monkeypatch.setattr(waiting.time, "sleep", lambda _: pytest.fail("it waited"))

    waiting.wait_for_change(row, seen)


def test_when_all_seats_are_taken_nobody_waits(organisation, monkeypatch):
    row = SubmissionFactory(organisation=organisation)
    monkeypatch.setattr(waiting, "SEATS", threading.BoundedSemaphore(1))
    monkeypatch.setattr(waiting.time, "sleep", lambda _: pytest.fail("it waited"))
    waiting.SEATS.acquire()

    waiting.wait_for_change(row, Status.QUEUED)


def test_the_wait_has_an_end(organisation, monkeypatch):
    row = SubmissionFactory(organisation=organisation)
    monkeypatch.setattr(waiting, "LONGEST", 0.1)

    waiting.wait_for_change(row, Status.QUEUED)

    assert row.status == Status.QUEUED


def test_what_is_removed_meanwhile_is_not_found(organisation, monkeypatch):
    row = SubmissionFactory(organisation=organisation)
    monkeypatch.setattr(waiting, "LONGEST", 0.0)
    Submission.objects.filter(pk=row.pk).delete()

    with pytest.raises(Http404):
        waiting.wait_for_change(row, Status.QUEUED)
