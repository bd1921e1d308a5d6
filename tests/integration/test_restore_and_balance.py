"""After a restore nothing is sent before Heffl was asked; and the books always balance."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.utils import timezone

from clients_app.delivery import engine
from clients_app.delivery.timing import Timing
from clients_app.models import AuditEvent, DeliveryAttempt, Status, Submission
from tests.journeys import entered, sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _short_times(settings):
    settings.DELIVERY_TIMING = Timing(look_after=(0.0, 0.0, 0.0))


def restored(rows):
    """Put the rows back to where they were before they were sent, as a backup would."""
    DeliveryAttempt.objects.all().delete()
    Submission.objects.filter(pk__in=[row.pk for row in rows]).update(
        status=Status.QUEUED, number="", heffl_id="", delivered_at=None, fence=0
    )


def test_after_a_restore_nothing_is_made_twice(
    organisation, sandbox, connected, capsys
):
    rows = [
        entered(organisation, {"name": f"C{number}"}, token=f"token-{number:05}")
        for number in range(4)
    ]
    delivered = [sent(connected, row) for row in rows[:3]]
    restored(delivered)

    call_command("after_restore")
    opened = set(Submission.objects.values_list("status", flat=True))
    for _ in range(4):
        Submission.objects.filter(reconcile_at__isnull=False).update(
            reconcile_at=timezone.now()
        )
        engine.look_up_due()
    calls_while_held = [
        call for call in sandbox.control.calls() if call["method"] == "POST"
    ]
    call_command("after_restore", "--confirm")
    call_command("deliver", "--once")

    assert opened == {Status.UNCERTAIN}
    assert len(calls_while_held) == 3
    assert sandbox.control.creates_per_name() == {f"C{n}": 1 for n in range(4)}
    assert Submission.objects.filter(status=Status.CREATED).count() == 4


def test_control_without_after_restore_clients_are_made_twice(
    organisation, sandbox, connected
):
    row = sent(connected, entered(organisation, {"name": "C"}))
    restored([row])

    call_command("deliver", "--once")

    assert sandbox.control.creates_per_name() == {"C": 2}


def test_the_balance_adds_up(organisation, sandbox, connected, capsys):
    sent(connected, entered(organisation, {"name": "C1"}, token="token-00001"))
    entered(organisation, {"name": "C2"}, token="token-00002")

    call_command("balance")

    out = capsys.readouterr().out
    assert "al-noor" in out
    assert "Everything adds up." in out


def test_the_balance_notices_a_row_that_vanished(organisation, capsys):
    row = entered(organisation, {"name": "C1"}, token="token-00001")
    row.delete()

    with pytest.raises(SystemExit) as stop:
        call_command("balance")

    assert stop.value.code == 1
    assert "does not add up" in capsys.readouterr().out
    assert AuditEvent.objects.filter(action="submission.accepted").count() == 1
