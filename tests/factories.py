"""One factory per table. People and organisations mostly come from conftest's fixtures."""

from __future__ import annotations

from django.utils import timezone
from factory.declarations import LazyAttribute, LazyFunction, Sequence, SubFactory
from factory.django import DjangoModelFactory

from clients_app import models


class UserFactory(DjangoModelFactory[models.User]):
    class Meta:
        model = models.User
        skip_postgeneration_save = True

    email = Sequence(lambda n: f"person{n}@example.test")
    name = Sequence(lambda n: f"Person {n}")
    password = "!"  # unusable: who has none is not asked for it again


class OrganisationFactory(DjangoModelFactory[models.Organisation]):
    class Meta:
        model = models.Organisation

    name = Sequence(lambda n: f"Organisation {n}")
    slug = Sequence(lambda n: f"org-{n}")


class MembershipFactory(DjangoModelFactory[models.Membership]):
    class Meta:
        model = models.Membership

    organisation = SubFactory(OrganisationFactory)
    user = SubFactory(UserFactory)
    role = models.Role.FRONTDESK


class CustomFieldFactory(DjangoModelFactory[models.CustomField]):
    class Meta:
        model = models.CustomField

    organisation = SubFactory(OrganisationFactory)
    key = Sequence(lambda n: f"cf_field_{n}")
    label = Sequence(lambda n: f"Field {n}")
    kind = models.CustomFieldKind.TEXT


class SubmissionFactory(DjangoModelFactory[models.Submission]):
    class Meta:
        model = models.Submission

    organisation = SubFactory(OrganisationFactory)
    submission_token = Sequence(lambda n: f"token-{n:08d}")
    type = "company"
    display_name = Sequence(lambda n: f"Company {n}")
    answers = LazyAttribute(lambda row: {"name": row.display_name})
    name_key = LazyAttribute(lambda row: row.display_name.casefold())
    match_key = Sequence(lambda n: f"{n:064x}")
    search_text = LazyAttribute(lambda row: row.display_name.casefold())
    source = models.Source.FRONTDESK
    lane = models.Lane.FRONTDESK
    status = models.Status.QUEUED
    created_at = LazyFunction(timezone.now)
