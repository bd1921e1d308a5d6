"""What Heffl reports: only genuine messages count, each once, and an unclear client is found."""

from __future__ import annotations

import json
import logging
import time
import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from clients_app import webhooks
from clients_app.crypto import Secret
from clients_app.delivery import engine, outbox, reconcile
from clients_app.delivery.timing import Timing
from clients_app.models import (
    AuditEvent,
    Organisation,
    Status,
    Submission,
    WebhookEvent,
    WebhookOutcome,
    WebhookSecret,
)
from heffl_sandbox.webhooks import new_secret, sign
from tests.factories import CustomFieldFactory, SubmissionFactory
from tests.journeys import CONTACT, entered, sent

SECRET = new_secret()
pytestmark = pytest.mark.django_db


@pytest.fixture
def secret(owner):
    return webhooks.add_secret(owner.organisation, Secret(SECRET), user=owner.user)


def body(name="Lost LLC", heffl_id="clt_77", **more):
    client = {"id": heffl_id, "name": name, "email": None}
    return json.dumps({"event": "client.created", "payload": client} | more).encode()


def post(
    content=None, *, slug="al-noor", at=None, identity="msg_1", secret=SECRET, **more
):
    content = body() if content is None else content
    at = int(time.time()) if at is None else at
    headers = {
        "webhook-id": identity,
        "webhook-timestamp": str(at),
        "webhook-signature": sign(secret, identity, at, content),
    } | more
    return Client(enforce_csrf_checks=True).post(
        f"/webhooks/heffl/{slug}/",
        content,
        content_type="application/json",
        headers={k: v for k, v in headers.items() if v is not None},
    )


def unclear(organisation, **fields):
    return SubmissionFactory(
        organisation=organisation,
        status=Status.UNCERTAIN,
        reconcile_at=timezone.now() + timedelta(minutes=10),
        **{"display_name": "Lost LLC"} | fields,
    )


def is_due(row):
    row.refresh_from_db()
    return row.reconcile_at <= timezone.now()


def test_a_report_makes_the_look_for_the_unclear_client_due(organisation, secret):
    row = unclear(organisation)
    other = unclear(organisation, display_name="Other LLC")

    answer = post()

    assert answer.status_code == 200
    assert WebhookEvent.objects.get().outcome == WebhookOutcome.LOOKED
    assert is_due(row)
    assert not is_due(other)


@pytest.mark.parametrize(
    "content",
    [
        body(name="  LOST   llc "),
        json.dumps(
            {"event": "client.created", "data": {"id": "clt_77", "name": "Lost LLC"}}
        ).encode(),
        json.dumps(
            {"type": "client.created", "payload": {"id": "clt_77", "name": "Lost LLC"}}
        ).encode(),
    ],
)
def test_older_and_newer_envelopes_are_understood(organisation, secret, content):
    row = unclear(organisation)

    assert post(content).status_code == 200
    assert is_due(row)


@pytest.mark.parametrize(
    ("content", "fields"),
    [
        (body(name="Somebody else"), {}),
        (body(heffl_id=""), {}),
        (body(event="client.deleted"), {}),
        (body(event=None), {}),
        (
            json.dumps(
                {
                    "event": "client.created",
                    "payload": {"id": "c", "name": "Lost LLC", "email": "b@x.test"},
                }
            ).encode(),
            {"answers": {"name": "Lost LLC", "email": "a@x.test"}},
        ),
        (json.dumps({"event": "client.created", "payload": [1, 2]}).encode(), {}),
        (json.dumps({"event": {"a": 1}, "payload": 7}).encode(), {}),
    ],
)
def test_what_is_about_something_else_changes_nothing(
    organisation, secret, content, fields
):
    row = unclear(organisation, **fields)

    assert post(content).status_code == 200
    assert not is_due(row)


def test_a_client_that_is_linked_already_is_no_news(organisation, secret):
    row = unclear(organisation)
    SubmissionFactory(
        organisation=organisation, status=Status.CREATED, heffl_id="clt_77", number="1"
    )

    assert post().status_code == 200
    assert not is_due(row)


@pytest.mark.parametrize(
    ("expected", "fault"),
    [
        (401, {"secret": new_secret()}),
        (401, {"webhook-signature": "v1,AAAA"}),
        (401, {"webhook-signature": "nonsense"}),
        (401, {"webhook-signature": "v2,AAAA v1,="}),
        (401, {"at": int(time.time()) - 400}),
        (401, {"at": int(time.time()) + 4000}),
        (401, {"webhook-id": "msg_other"}),
        (400, {"webhook-id": None}),
        (400, {"webhook-timestamp": None}),
        (400, {"webhook-signature": None}),
        (400, {"webhook-timestamp": "soon"}),
        (400, {"webhook-timestamp": "1e9"}),
        (400, {"webhook-id": "x" * 300}),
        (400, {"content": b"[]"}),
        (400, {"content": b"{"}),
        (400, {"content": b"[" * 60_000}),
        (401, {"content": b"\xff\xfe", "webhook-signature": "v1,AAAA"}),
        (413, {"content": b"x" * (webhooks.MAX_BODY + 1)}),
    ],
)
def test_forged_late_malformed_and_oversized_messages_change_nothing(
    organisation, secret, expected, fault, caplog
):
    row = unclear(organisation)

    with caplog.at_level(logging.DEBUG):
        answer = post(**fault)

    assert answer.status_code == expected
    assert answer.content == b""
    assert not WebhookEvent.objects.exists()
    assert not is_due(row)
    assert "Lost LLC" not in caplog.text


@pytest.mark.parametrize("slug", ["nobody", "al-noor"])
def test_one_without_a_secret_trusts_nobody_and_is_the_same_as_none(organisation, slug):
    large = b"x" * (webhooks.MAX_BODY + 1)

    assert post(slug=slug).status_code == 401
    assert post(slug=slug, secret="whsec_").status_code == 401
    assert post(slug=slug, **{"webhook-id": None}).status_code == 400
    assert post(large, slug=slug).status_code == 413


def test_another_organisation_s_secret_does_not_fit(organisation, outsider, secret):
    assert post(slug="elsewhere").status_code == 401


def test_the_same_message_again_is_refused_and_a_senders_retry_is_not(
    organisation, secret
):
    now = int(time.time())
    post(at=now - 10)
    row = unclear(organisation)

    replayed = post(at=now - 10)
    older = post(at=now - 20)
    retried = post(at=now)

    assert (replayed.status_code, older.status_code) == (400, 400)
    assert retried.status_code == 200
    assert WebhookEvent.objects.count() == 1
    assert not is_due(row)


def test_two_secrets_are_valid_while_one_replaces_the_other(owner, secret):
    newer = new_secret()
    webhooks.add_secret(owner.organisation, Secret(newer), user=owner.user)

    assert post(identity="msg_old").status_code == 200
    assert post(identity="msg_new", secret=newer).status_code == 200
    with pytest.raises(webhooks.TooManySecrets):
        webhooks.add_secret(owner.organisation, Secret(new_secret()), user=owner.user)
    assert webhooks.remove_secret(owner.organisation, secret.pk, user=owner.user)
    assert post(identity="msg_gone").status_code == 401


def test_a_secret_copied_to_another_organisation_does_not_open(
    organisation, outsider, secret
):
    WebhookSecret.objects.create(
        id=uuid.uuid4(),
        organisation=outsider.organisation,
        ciphertext=secret.ciphertext,
        last_four="abcd",
    )

    assert post(slug="elsewhere").status_code == 401
    assert webhooks.unreadable() == 1


def test_the_key_ring_counts_and_reseals_signing_secrets(settings, secret, capsys):
    from clients_app.crypto import KeyRing, new_entry

    old = settings.PORTAL_KEYRING
    entry = new_entry("newer")
    settings.PORTAL_KEYRING = KeyRing(KeyRing.parse(entry).keys | dict(old.keys))

    with pytest.raises(SystemExit):
        call_command("keyring", "check")
    call_command("keyring", "rotate")
    call_command("keyring", "check")

    assert "1 webhook secrets" in capsys.readouterr().out
    assert post().status_code == 200


def test_a_reported_client_that_no_look_finds_is_never_sent_again_by_itself(
    organisation, sandbox, connected, settings
):
    settings.DELIVERY_TIMING = Timing(look_after=(0.0, 0.0, 0.0), lease=0.0)
    sandbox.control.push_fault("reset_after_body", created=False)
    row = sent(connected, entered(organisation, {"name": "Lost LLC"}))
    Submission.objects.filter(pk=row.pk).update(reported=True)

    results = []
    for _ in range(3):
        Submission.objects.filter(pk=row.pk).update(reconcile_at=timezone.now())
        fresh = Submission.objects.select_related("organisation").get(pk=row.pk)
        results.append(reconcile.reconcile(fresh))

    row.refresh_from_db()
    assert results == ["clean", "clean", "review"]
    assert (row.status, row.problem) == (Status.REVIEW, "cannot_be_proved")


def test_a_report_that_comes_while_the_call_is_under_way_is_remembered(
    organisation, connected, secret, settings
):
    settings.DELIVERY_TIMING = Timing(look_after=(30.0, 120.0, 600.0), lease=0.0)
    row = SubmissionFactory(
        organisation=organisation,
        display_name="Lost LLC",
        status=Status.SENDING,
        lease_until=timezone.now() - timedelta(seconds=1),
    )
    post()

    outbox.take_back_lost(timezone.now())

    row.refresh_from_db()
    assert row.status == Status.UNCERTAIN
    assert is_due(row)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("answers", [{"name": "Lost LLC"}, CONTACT])
def test_a_lost_answer_is_settled_by_the_report_within_seconds(
    organisation, owner, sandbox, connected, live_server, answers, settings
):
    """The real way round: the stand-in signs and posts, the portal looks and adopts."""
    settings.DELIVERY_TIMING = Timing(look_after=(600.0, 1200.0, 6000.0))
    workspace = sandbox.control.workspaces()[0]["name"]
    hook = sandbox.control.add_webhook(
        workspace, f"{live_server.url}/webhooks/heffl/al-noor/"
    )
    webhooks.add_secret(organisation, Secret(hook["secret"]), user=owner.user)
    sandbox.control.push_fault("reset_after_body", created=True)
    row = sent(connected, entered(organisation, answers))
    assert row.status == Status.UNCERTAIN
    assert row.reconcile_at > timezone.now() or row.reported

    deadline = time.monotonic() + 120
    while row.status != Status.CREATED and time.monotonic() < deadline:
        engine.look_up_due()
        time.sleep(0.05)
        row.refresh_from_db()

    (remote,) = sandbox.control.clients()
    assert (row.status, row.number) == (Status.CREATED, remote["number"])
    # The report, not the clock, led to the look: that would take ten minutes.
    assert row.delivered_at - row.created_at < timedelta(seconds=120)


def test_the_portal_reference_travels_and_tells_namesakes_apart(
    organisation, sandbox, connected, settings
):
    settings.DELIVERY_TIMING = Timing(look_after=(0.0, 0.0, 0.0), lease=0.0)
    Organisation.objects.filter(pk=organisation.pk).update(
        reference_field="cf_portal_reference"
    )
    organisation.refresh_from_db()
    sandbox.control.push_fault("reset_after_body", created=True)
    row = sent(connected, entered(organisation, {"name": "Lost LLC"}))
    workspace = sandbox.control.workspaces()[0]["name"]
    for reference in (str(uuid.uuid4()), "typed by hand"):
        namesake = {"name": "Lost LLC", "cf_portal_reference": reference}
        sandbox.control.add_client(workspace, {"type": "company"} | namesake)
    Submission.objects.filter(pk=row.pk).update(reconcile_at=timezone.now())

    result = reconcile.reconcile(
        Submission.objects.select_related("organisation").get(pk=row.pk)
    )

    row.refresh_from_db()
    ours = [
        client["id"]
        for client in sandbox.control.clients()
        if client["received"].get("cf_portal_reference") == str(row.uuid)
    ]
    assert result == "adopted"
    assert [row.heffl_id] == ours


def test_events_are_forgotten_after_a_month(organisation, secret):
    post()
    WebhookEvent.objects.update(received_at=timezone.now() - timedelta(days=31))

    assert webhooks.prune() == 1


# The settings page


@pytest.fixture
def page(owner, signed_in):
    return signed_in(owner), f"/o/{owner.organisation.slug}/settings/heffl/"


def test_an_owner_stores_and_removes_a_signing_secret(page, owner):
    browser, address = page

    stored = browser.post(address, {"action": "add_secret", "secret": f" {SECRET}\n"})
    shown = browser.get(address).content.decode()
    secret = WebhookSecret.objects.get()

    assert stored.status_code == 302
    assert SECRET not in shown
    assert f"whsec_…{secret.last_four}" in shown
    assert "/webhooks/heffl/al-noor/" in shown
    assert post().status_code == 200
    browser.post(address, {"action": "remove_secret", "secret": secret.pk})
    browser.post(address, {"action": "remove_secret", "secret": "nonsense"})
    assert not WebhookSecret.objects.exists()
    actions = AuditEvent.objects.values_list("action", flat=True)
    assert {"webhook.secret_added", "webhook.secret_removed"} <= set(actions)


@pytest.mark.parametrize(
    "secret", ["", "whsec_", "whsec_!!!", "short", "\ud83d\ude00" * 40]
)
def test_what_is_no_signing_secret_is_told_at_the_field(page, secret):
    browser, address = page
    typed = secret.encode("utf-16", "surrogatepass").decode("utf-16")

    answer = browser.post(address, {"action": "add_secret", "secret": typed})

    assert answer.status_code == 422
    assert "signing secret" in answer.content.decode()
    assert not WebhookSecret.objects.exists()


def test_an_owner_chooses_the_field_for_the_reference(page, organisation):
    browser, address = page
    CustomFieldFactory(organisation=organisation, key="cf_asked")

    def save(name):
        return browser.post(
            address, {"action": "save_reference", "reference_field": name}
        )

    assert save("cf_portal_reference").status_code == 302
    organisation.refresh_from_db()
    assert organisation.reference_field == "cf_portal_reference"
    for wrong in ("reference", "cf_", "cf_" + "x" * 60, "cf_ASKED", "cf_é"):
        answer = save(wrong)
        assert answer.status_code == 422, wrong
        assert wrong in answer.content.decode()
    organisation.refresh_from_db()
    assert organisation.reference_field == "cf_portal_reference"
    assert save("").status_code == 302
