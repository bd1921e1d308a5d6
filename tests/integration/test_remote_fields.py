"""Custom fields read from the stand-in over HTTP: taken over, compared, sent."""

from datetime import timedelta

import pytest
from django.utils import timezone

from clients_app.heffl.contract import ClientType, build_payload
from clients_app.models import (
    AuditEvent,
    CustomField,
    FieldReading,
    RateBudget,
    Submission,
)
from clients_app.organisation import remote_fields
from clients_app.questions.custom_fields import specs_for
from tests.factories import CustomFieldFactory

PAGE = "/o/al-noor/settings/fields/"


def field(name, kind="Text", **more):
    return {"key": f"cf_{name}", "label": name.title(), "type": kind, **more}


def define(sandbox, companies=(), contacts=()):
    (workspace,) = sandbox.control.workspaces()
    sandbox.control.add_workspace(
        workspace["name"],
        custom_fields={"companies": list(companies), "contacts": list(contacts)},
    )


@pytest.fixture
def admin_page(admin_member, signed_in, connected):
    return signed_in(admin_member)


def press(client):
    return client.post(PAGE + "read/", follow=True).content.decode()


def test_fields_are_taken_over_with_what_heffl_says_of_them(
    admin_page, sandbox, organisation
):
    size = field("size", "Single Option", options=["S", "M"], required=True)
    tags = field("tags", "Array Text", helper_text="One per line")
    define(sandbox, companies=[size, tags], contacts=[tags])

    told = press(admin_page)

    first, second = organisation.custom_fields.order_by("position")
    assert (first.key, first.kind, first.options) == ("cf_size", "option", ["S", "M"])
    assert (first.required, first.is_active) == (True, True)
    assert (first.for_company, first.for_contact) == (True, False)
    assert (second.key, second.kind, second.help_text) == (
        "cf_tags",
        "texts",
        "One per line",
    )
    assert (second.is_active, second.for_contact) == (False, True)
    assert "Added, switched off unless required: \u2068Size\u2069, \u2068Tags" in told
    assert "Compared with Heffl just now" in told


def test_a_known_field_keeps_its_words_and_takes_over_the_rest(
    admin_page, sandbox, organisation
):
    CustomFieldFactory(
        organisation=organisation, key="cf_size", label="Shop size", kind="text"
    )
    size = field("size", "Single Option", options=["S"], required=True)
    define(sandbox, contacts=[size])

    told = press(admin_page)

    row = CustomField.objects.get()
    assert (row.label, row.kind, row.options) == ("Shop size", "option", ["S"])
    assert (row.required, row.for_company, row.for_contact) == (True, False, True)
    assert "Changed as in Heffl: \u2068Shop size" in told


def test_a_field_that_is_gone_is_switched_off(admin_page, sandbox, organisation):
    CustomFieldFactory(organisation=organisation, key="cf_old", label="Old one")
    define(sandbox, companies=[field("new")])

    told = press(admin_page)

    assert not CustomField.objects.get(key="cf_old").is_active
    assert "Switched off, no longer in Heffl: \u2068Old one" in told


def test_what_cannot_be_sent_is_shown_and_explained(admin_page, sandbox):
    define(sandbox, contacts=[field("passport", "File Picker", required=True)])

    told = press(admin_page)

    assert CustomField.objects.count() == 0
    assert "Not in the form" in told
    assert "File Picker" in told
    assert "Passport is required in Heffl and cannot be sent from here" in told


def test_nothing_changes_when_the_list_cannot_be_read(
    admin_page, sandbox, organisation
):
    CustomFieldFactory(organisation=organisation, key="cf_old")
    sandbox.control.revoke_key(sandbox.key)

    told = press(admin_page)

    assert CustomField.objects.get().is_active
    assert "Heffl does not know this key." in told


def test_without_a_key_there_is_nothing_to_ask(admin_member, signed_in):
    assert "There is no API key yet" in press(signed_in(admin_member))


@pytest.fixture
def settled(organisation, connected):
    """Return what the worker does, for an organisation that is set up."""
    organisation.created_at = timezone.now() - timedelta(days=1)
    organisation.save()
    return remote_fields.look_daily


def yesterday():
    before = timezone.now() - timedelta(hours=25)
    FieldReading.objects.update(read_at=before, tried_at=before)


def test_the_worker_notices_daily_what_would_hurt(
    settled, sandbox, organisation, admin_member, signed_in
):
    CustomFieldFactory(organisation=organisation, key="cf_old", label="Old one")
    CustomFieldFactory(organisation=organisation, key="cf_size", label="Size")
    define(sandbox, companies=[field("size"), field("old")])
    first, second = settled(), settled()
    calm = FieldReading.objects.get().drift
    yesterday()
    define(sandbox, companies=[field("size"), field("trade", required=True)])

    third = settled()

    page = signed_in(admin_member).get(PAGE).content.decode()
    assert (first, second, third) == (1, 0, 1)
    assert calm == []
    assert FieldReading.objects.get().drift == [
        ["gone", "cf_old"],
        ["missing", "cf_trade"],
    ]
    assert "Old one is no longer in Heffl" in page
    assert "Trade is required in Heffl, and the form does not ask for it." in page
    assert AuditEvent.objects.filter(action="settings.fields_drifted").count() == 1
    assert CustomField.objects.get(key="cf_old").is_active


def test_the_worker_keeps_to_the_budget_of_the_key(settled, sandbox, connected):
    now = timezone.now()
    RateBudget.objects.create(
        fingerprint=connected.fingerprint, paused_until=now + timedelta(minutes=2)
    )

    assert settled() == 0
    assert FieldReading.objects.get().read_at is None


def test_the_worker_looks_again_in_an_hour_when_heffl_was_away(settled, sandbox):
    sandbox.control.revoke_key(sandbox.key)

    assert settled() == 0
    assert settled() == 0
    assert FieldReading.objects.get().problem == "Heffl does not know this key."


def test_several_texts_reach_heffl_as_a_list(organisation, frontdesk, signed_in):
    CustomFieldFactory(organisation=organisation, key="cf_tags", kind="texts")
    signed_in(frontdesk).post(
        "/o/al-noor/clients/new/",
        {"type": "company", "name": "Al Noor", "cf_tags": " bakery \r\n\r\n café"},
    )

    row = Submission.objects.get()
    payload = build_payload(ClientType.COMPANY, row.answers, specs_for(organisation))
    assert payload["cf_tags"] == ["bakery", "café"]
