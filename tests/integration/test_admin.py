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


def test_clients_can_be_narrowed_to_a_status(operator, organisation):
    SubmissionFactory(organisation=organisation, status="PENDING")
    SubmissionFactory(organisation=organisation, status="QUEUED")

    page = operator.get("/admin/clients_app/submission/?status__exact=PENDING")

    assert page.content.decode().count('class="field-uuid') == 1


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        "created_at__year=1",
        "started_at__year=99999",
        "at__gte=0001-01-01",
        "created_at__date=9999-12-31",
        "answers__contains=x",
        "answers__name__startswith=A",
        "search_text__icontains=ara",
        "id__in=x",
        "pk__gt=" + "9" * 400,
        "uuid__exact=x",
        "number__regex=(",
        "status__exact=%00",
        "action=%00",
        "foo__bar=1",
        "organisation__memberships__user__password__startswith=a",
    ],
)
def test_a_list_is_narrowed_by_nothing_else(operator, name, query):
    operator.raise_request_exception = False

    answer = operator.get(f"/admin/clients_app/{name}/?{query}")

    assert answer.status_code == 400


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    "query",
    [
        *("p=x", "p=-1", f"p={'9' * 400}", "o=x", "o=1.-2.9", "e=1", "all="),
        *(
            "_to_field=x",
            "_to_field=id",
            "_popup=1",
            "q=%00",
            "q=" + "%F0%9F%98%80" * 900,
        ),
        "_changelist_filters=%25",
    ],
)
def test_a_list_bears_any_place_and_order(operator, name, query):
    operator.raise_request_exception = False

    answer = operator.get(f"/admin/clients_app/{name}/?{query}")

    assert answer.status_code in (200, 302, 400)
