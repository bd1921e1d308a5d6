"""An organisation whose time zone nobody knows still tells its days and sends its mail."""

from __future__ import annotations

import pytest

from clients_app.delivery import ledger
from clients_app.models import (
    ApprovalMode,
    Incident,
    IncidentKind,
    Membership,
    Organisation,
    Submission,
)
from clients_app.notices import digest, incidents
from tests.journeys import entered
from tests.signups import company

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["Mars/Base", "", "../../etc/passwd", "Asia", "\x7f"])
def lost(request, organisation, owner):
    Organisation.objects.update(
        time_zone=request.param, signup_mode=ApprovalMode.SUSPICIOUS
    )
    return Organisation.objects.get()


def test_it_is_read_as_the_default(lost):
    assert lost.time_zone == "Asia/Dubai"
    assert Membership.objects.get().organisation.time_zone == "Asia/Dubai"
    assert Organisation.objects.values_list("time_zone", flat=True)[0] == "Asia/Dubai"


def test_the_days_and_the_mails_are_those_of_the_default(lost):
    entered(lost)

    assert sum(day.accepted for day in ledger.days_of(lost)) == 1
    digest.prepare()
    row = Incident.objects.create(organisation=lost, kind=IncidentKind.OUTAGE)
    row.refresh_from_db()
    incidents.send_due()


def test_a_stranger_signs_up(lost, client):
    assert client.get("/s/al-noor/").status_code == 200
    assert client.post("/s/al-noor/", company(lost)).status_code == 303
    assert Submission.objects.count() == 1
