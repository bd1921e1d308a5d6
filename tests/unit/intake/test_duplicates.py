"""A client that is here already is found by any of its marks, and only in its own place."""

from __future__ import annotations

import pytest

from clients_app.intake import duplicates, submissions
from clients_app.intake.duplicates import likely_matches, matches_of
from clients_app.models import ClientKey, Source, Status, Submission, SubmissionRevision
from tests.factories import OrganisationFactory, SubmissionFactory

SARA = {
    "first_name": "Sara",
    "last_name": "Khan",
    "email": "sara@example.com",
    "phone": "+971501234567",
    "tax_number": "100123456789003",
}


@pytest.fixture
def sara(organisation):
    return submissions.submit(
        organisation=organisation,
        client_type="contact",
        answers=SARA,
        source=Source.FRONTDESK,
        token="token-of-sara",
        user=None,
    )


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"email": "SARA@example.com"}, "email"),
        ({"phone": "050 123 4567"}, "phone"),
        ({"phone": "+971 50 123 4567"}, "phone"),
        ({"tax_number": "100 1234 5678 9003"}, "tax_number"),
        ({"name": "sara  KHAN"}, "name"),
        ({"first_name": "Sára", "last_name": "Khan"}, "name"),
    ],
)
def test_a_client_is_found_by_each_of_its_marks(organisation, sara, asked, reason):
    found = likely_matches(organisation, "contact", **asked)

    assert [(match.submission, match.reasons) for match in found] == [(sara, (reason,))]


def test_nobody_else_is_found(organisation, sara):
    assert likely_matches(organisation, "contact", email="sarah@example.com") == []
    assert likely_matches(organisation, "company", name="Sara Khan") == []
    assert likely_matches(OrganisationFactory(), "contact", **_asked()) == []
    assert likely_matches(organisation, "contact") == []
    assert matches_of(sara) == []


def _asked():
    return {name: SARA[name] for name in ("email", "phone", "tax_number")}


def test_the_likeliest_comes_first_and_closed_ones_do_not_come(organisation, sara):
    name_only = _stored(organisation, {"first_name": "Sara", "last_name": "Khan"})
    _stored(organisation, SARA, status=Status.REJECTED)

    found = likely_matches(organisation, "contact", "Sara Khan", **_asked())

    assert [match.submission for match in found] == [sara, name_only]
    assert found[0].reasons == ("tax_number", "email", "phone", "name")


def _stored(organisation, answers, **given):
    row = SubmissionFactory(
        organisation=organisation, type="contact", answers=answers, **given
    )
    duplicates.remember([row])
    return row


def test_a_correction_moves_the_marks_and_keeps_the_original(organisation, sara, owner):
    Submission.objects.update(status=Status.NEEDS_FIX)
    sara.refresh_from_db()

    revised = submissions.revise(
        submission=sara,
        client_type="contact",
        answers={**SARA, "email": "new@example.com"},
        user=owner.user,
    )

    assert revised
    assert likely_matches(organisation, "contact", email="sara@example.com") == []
    assert likely_matches(organisation, "contact", email="new@example.com")
    first = SubmissionRevision.objects.get()
    assert (first.revision, first.answers, first.replaced_by) == (1, SARA, owner.user)


def test_the_marks_of_many_go_in_at_once(organisation, django_assert_num_queries):
    rows = Submission.objects.bulk_create(
        SubmissionFactory.build(organisation=organisation, type="contact", answers=SARA)
        for _ in range(20)
    )

    with django_assert_num_queries(1):
        duplicates.remember(rows)
    duplicates.remember(rows)

    assert ClientKey.objects.count() == 20 * 4
    duplicates.forget(row.pk for row in rows)
    assert not ClientKey.objects.exists()


def test_a_look_up_asks_little(organisation, sara, django_assert_max_num_queries):
    for _ in range(60):
        _stored(organisation, SARA)

    with django_assert_max_num_queries(6):
        found = likely_matches(organisation, "contact", "Sara Khan", **_asked())

    assert len(found) == 5
