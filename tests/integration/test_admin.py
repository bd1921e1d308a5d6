"""The site operator's lists: bounded queries, however much there is."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients_app import admin, audit
from tests.factories import (
    MembershipFactory,
    OrganisationFactory,
    SubmissionFactory,
    UserFactory,
)

LISTS = ["organisation", "submission", "deliveryattempt", "auditevent"]


@pytest.fixture
def operator(signed_in, db):
    return signed_in(UserFactory(is_staff=True, is_superuser=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", LISTS)
def test_a_list_costs_the_same_for_few_and_many(operator, name):
    def cost():
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert operator.get(f"/admin/clients_app/{name}/").status_code == 200
        return len(asked)

    few = cost()
    for _ in range(12):
        member = MembershipFactory()
        SubmissionFactory(organisation=member.organisation)
        audit.record("export", organisation=member.organisation, actor=member.user)

    assert cost() <= few + 1 <= 12


def test_organisations_show_their_use(operator, monkeypatch):
    organisation = OrganisationFactory()
    SubmissionFactory.create_batch(3, organisation=organisation)
    MembershipFactory(organisation=organisation)

    page = operator.get("/admin/clients_app/organisation/").content.decode()
    monkeypatch.setattr(admin, "MOST", 2)
    capped = operator.get("/admin/clients_app/organisation/").content.decode()

    assert 'field-submissions">3<' in page
    assert 'field-members">1<' in page
    assert 'field-submissions">2+<' in capped


def test_the_trail_can_be_narrowed_to_an_action(operator, organisation):
    audit.record("export", organisation=organisation)
    audit.record("key.added", organisation=organisation)

    page = operator.get("/admin/clients_app/auditevent/?action=export").content.decode()

    assert page.count('class="field-action') == 1
