"""Rows of questions → specs that the form, the payload and the export share."""

import pytest
from django.utils import translation

from clients_app.heffl.contract import BOTH, COMPANY, CONTACT, NEITHER, FieldKind
from clients_app.models import CustomFieldKind
from clients_app.questions.custom_fields import changed, specs_for
from tests.factories import CustomFieldFactory, OrganisationFactory


def test_specs_for_keeps_the_order_and_leaves_out_what_is_switched_off(organisation):
    CustomFieldFactory(organisation=organisation, key="cf_b", position=2)
    CustomFieldFactory(organisation=organisation, key="cf_a", position=1)
    CustomFieldFactory(organisation=organisation, key="cf_off", is_active=False)
    CustomFieldFactory(organisation=OrganisationFactory(), key="cf_foreign")

    assert [spec.name for spec in specs_for(organisation)] == ["cf_a", "cf_b"]


def test_specs_for_costs_one_query(organisation, django_assert_num_queries):
    CustomFieldFactory.create_batch(5, organisation=organisation)

    with django_assert_num_queries(1):
        specs = specs_for(organisation)

    assert len(specs) == 5


@pytest.mark.parametrize(
    ("for_company", "for_contact", "required", "allowed", "needed"),
    [
        (True, True, True, BOTH, BOTH),
        (True, False, True, COMPANY, COMPANY),
        (False, True, False, CONTACT, NEITHER),
        (False, False, True, NEITHER, NEITHER),
    ],
)
def test_spec_says_for_whom_a_question_is(
    organisation, for_company, for_contact, required, allowed, needed
):
    CustomFieldFactory(
        organisation=organisation,
        for_company=for_company,
        for_contact=for_contact,
        required=required,
    )

    (spec,) = specs_for(organisation)

    assert (spec.allowed_for, spec.required_for) == (allowed, needed)


@pytest.mark.parametrize("kind", list(CustomFieldKind))
def test_spec_knows_every_kind(organisation, kind):
    CustomFieldFactory(
        organisation=organisation,
        key="cf_size",
        kind=kind,
        label="Size",
        help_text="In m",
        options=["A", 2],
    )

    (spec,) = specs_for(organisation)

    assert spec.kind is FieldKind(kind.value)
    assert (spec.label, spec.hint, spec.options) == ("Size", "In m", ("A", "2"))
    assert spec.api_path == ("cf_size",)


def test_changed_counts_the_form_version_up(organisation):
    before = organisation.form_version

    changed(organisation)

    assert organisation.form_version == before + 1


def test_a_label_in_arabic_shows_on_pages_in_arabic(organisation):
    CustomFieldFactory(organisation=organisation, label="Size", label_ar="الحجم")
    CustomFieldFactory(organisation=organisation, label="Colour")

    with translation.override("ar"):
        in_arabic = [spec.label for spec in specs_for(organisation)]

    assert in_arabic == ["الحجم", "Colour"]
    assert [spec.label for spec in specs_for(organisation)] == ["Size", "Colour"]
