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


def take_taken():
    """Send what another thread is sending just now."""
    from clients_app.delivery import outbox
    from clients_app.models import Status, Submission

    def due_or_going(organisations, now):
        rows = Submission.objects.filter(
            organisation__in=organisations,
            status__in=(Status.QUEUED, Status.SENDING),
            not_before__lte=now,
        )
        rows = rows.select_related("organisation").order_by("lane", "id")
        return list(rows[: outbox.LOOK_AHEAD])

    def update(row, **changes):
        return bool(Submission.objects.filter(pk=row.pk).update(**changes))

    outbox._due_rows, outbox._update_queued = due_or_going, update


def thank_unsaved():
    """Say thanks for every fifth form without having stored it."""
    import itertools

    from django.db import transaction

    from clients_app.intake import submissions

    submit, numbers = submissions.submit, itertools.count(1)

    def forget_some(**filled):
        with transaction.atomic():
            made = submit(**filled)
            transaction.set_rollback(next(numbers) % 5 == 0)
        return made

    submissions.submit = forget_some


def die_after_mail():
    """End the process, as a power cut would, when a mail has just gone out."""
    import signal

    from django.core.mail import EmailMessage

    send = EmailMessage.send

    def send_and_die(self, *args, **kwargs):
        send(self, *args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    EmailMessage.send = send_and_die


def no_hold():
    """Restore a backup and go on as if nothing had been sent since."""
    from clients_app.backup import restoring

    restoring.after.begin = lambda: 0


SABOTAGES = {
    "resend_lost": resend_lost,
    "forget_lost": forget_lost,
    "any_key": any_key,
    "own_window": own_window,
    "take_taken": take_taken,
    "thank_unsaved": thank_unsaved,
    "die_after_mail": die_after_mail,
    "no_hold": no_hold,
}
