"""The steps that many tests take: a client is entered, sent, lost, looked up."""

from __future__ import annotations

from django.utils import timezone

from clients_app.delivery import reconcile, relay
from clients_app.intake.submissions import submit
from clients_app.models import (
    Source,
    Status,
    Submission,
)

COMPANY = {"name": "Gulf Star Logistics"}
CONTACT = {"first_name": "Sara", "last_name": "Al Mansoori", "email": "s@example.com"}


def entered(organisation, answers=COMPANY, token="token-0001", **more):
    client_type = "contact" if "first_name" in answers else "company"
    return submit(
        organisation=organisation,
        client_type=client_type,
        answers=answers,
        source=more.pop("source", Source.FRONTDESK),
        token=token,
        user=None,
        **more,
    )


def sent(credential, row):
    """Let the relay make one call, and return the row as it is then."""
    relay.deliver_next(credential.fingerprint)
    return Submission.objects.get(pk=row.pk)


def look(row):
    """Look the row up as if it were due, and return it as it is then."""
    Submission.objects.filter(pk=row.pk).update(reconcile_at=timezone.now())
    fresh = Submission.objects.select_related("organisation").get(pk=row.pk)
    result = reconcile.reconcile(fresh)
    return result, Submission.objects.get(pk=row.pk)


def lost(organisation, sandbox, credential, *, created, answers=None, token="t-000001"):
    """Submit a client whose answer gets lost after Heffl did (not) create it."""
    sandbox.control.push_fault("reset_after_body", created=created)
    row = entered(organisation, answers or {"name": "Lost LLC"}, token=token)
    row = sent(credential, row)
    assert row.status == Status.UNCERTAIN
    return row
