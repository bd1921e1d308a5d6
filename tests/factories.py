"""One factory per table. People and organisations mostly come from conftest's fixtures."""

from __future__ import annotations

import factory
from django.utils import timezone
from factory.django import DjangoModelFactory

from clients_app import models


class UserFactory(DjangoModelFactory):
    class Meta:
        model = models.User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.test")
    name = factory.Sequence(lambda n: f"Person {n}")


class OrganisationFactory(DjangoModelFactory):
    class Meta:
        model = models.Organisation

    name = factory.Sequence(lambda n: f"Organisation {n}")
    slug = factory.Sequence(lambda n: f"org-{n}")


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = models.Membership

    organisation = factory.SubFactory(OrganisationFactory)
    user = factory.SubFactory(UserFactory)
    role = models.Role.FRONTDESK


class CustomFieldFactory(DjangoModelFactory):
    class Meta:
        model = models.CustomField

    organisation = factory.SubFactory(OrganisationFactory)
    key = factory.Sequence(lambda n: f"cf_field_{n}")
    label = factory.Sequence(lambda n: f"Field {n}")
    kind = models.CustomFieldKind.TEXT


class SubmissionFactory(DjangoModelFactory):
    class Meta:
        model = models.Submission

    organisation = factory.SubFactory(OrganisationFactory)
    submission_token = factory.Sequence(lambda n: f"token-{n:08d}")
    type = "company"
    display_name = factory.Sequence(lambda n: f"Company {n}")
    answers = factory.LazyAttribute(lambda row: {"name": row.display_name})
    name_key = factory.LazyAttribute(lambda row: row.display_name.casefold())
    match_key = factory.Sequence(lambda n: f"{n:064x}")
    search_text = factory.LazyAttribute(lambda row: row.display_name.casefold())
    source = models.Source.FRONTDESK
    lane = models.Lane.FRONTDESK
    status = models.Status.QUEUED
    created_at = factory.LazyFunction(timezone.now)
