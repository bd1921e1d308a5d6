"""Applies the sabotage named in TEST_SABOTAGE when Django starts."""

from __future__ import annotations

import os

from django.apps import AppConfig


class SabotageConfig(AppConfig):
    name = "tests.sabotage"
    label = "sabotage"

    def ready(self):
        name = os.environ.get("TEST_SABOTAGE", "")
        if name:
            SABOTAGES[name]()


def resend_lost():
    """Send what a dead worker held again, without asking Heffl."""
    from clients_app.delivery import outbox
    from clients_app.models import Status, Submission

    def send_lost_again(now):
        return Submission.objects.filter(
            status=Status.SENDING, lease_until__lt=now
        ).update(status=Status.QUEUED, lease_until=None, not_before=now)

    outbox.take_back_lost = send_lost_again


def forget_lost():
    """Throw away what a dead worker held."""
    from clients_app.delivery import outbox
    from clients_app.models import Status, Submission

    def forget(now):
        return Submission.objects.filter(
            status=Status.SENDING, lease_until__lt=now
        ).delete()[0]

    outbox.take_back_lost = forget


def any_key():
    """Send whatever waits with whichever key was woken."""
    from clients_app.delivery import outbox
    from clients_app.models import Organisation

    class FirstKey(dict):
        def __missing__(self, _):
            return next(iter(self.values()))

    def everybody():
        return list(Organisation.objects.values_list("pk", flat=True))

    due, take = outbox._due_rows, outbox._take_row
    outbox._due_rows = lambda _, now: due(everybody(), now)
    outbox._take_row = lambda budget, keys, now: take(budget, FirstKey(keys), now)


def own_window():
    """Count only the calls of this process against the limit."""
    from clients_app.delivery import rate_limit

    mine = {}
    allowed = rate_limit.next_allowed

    def alone(budget, use, now):
        budget.recent = mine.setdefault(budget.fingerprint, [])
        return allowed(budget, use, now)

    book = rate_limit._book

    def note(budget, now):
        book(budget, now)
        mine[budget.fingerprint] = budget.recent

    rate_limit.next_allowed, rate_limit._book = alone, note


SABOTAGES = {
    "resend_lost": resend_lost,
    "forget_lost": forget_lost,
    "any_key": any_key,
    "own_window": own_window,
}
