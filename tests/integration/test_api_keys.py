"""Adding, replacing, testing and removing the API key, against a running stand-in."""

import io
import logging
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone
from django.views.debug import ExceptionReporter

from clients_app import credentials
from clients_app.crypto import KeyRing, Secret, new_entry
from clients_app.models import (
    ApiCredential,
    AuditEvent,
    Hold,
    HoldReason,
    KeySlot,
    RateBudget,
    Status,
    Submission,
)
from clients_app.organisation import api_keys
from clients_app.organisation.api_keys import KeyCheck
from clients_app.views.heffl_settings import settings_heffl
from heffl_portal.log_config import JsonFormatter
from tests.factories import OrganisationFactory, SubmissionFactory

SECOND = "heffl_user_second_9876543210abcdef"
KEY_TYPED = "heffl_user_typed_5555666677778888"
UNREACHABLE = "http://127.0.0.1:9/api/v1"


@pytest.fixture
def second_key(sandbox):
    sandbox.control.add_key("Sandbox", SECOND)
    return Secret(SECOND)


def actions():
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def open_holds(reason=None):
    found = Hold.objects.filter(released_at__isnull=True)
    return found.filter(reason=reason) if reason else found


def test_a_key_that_works_is_stored_as_current(organisation, owner, sandbox):
    change = api_keys.replace_api_key(
        organisation, Secret(sandbox.key), user=owner.user
    )

    key = credentials.current(organisation)
    assert change.check is KeyCheck.WORKS
    assert change.credential == key
    assert key.verified_at
    assert key.added_by == owner.user
    assert actions() == ["key.added", "key.verified"]
    assert AuditEvent.objects.first().actor_id == owner.user.pk
    assert [call["path"] for call in sandbox.control.calls()] == ["/api/v1/clients"]


def test_the_check_counts_against_the_keys_budget(organisation, owner, sandbox):
    now = timezone.now()

    change = api_keys.replace_api_key(
        organisation, Secret(sandbox.key), user=owner.user, now=now
    )

    budget = RateBudget.objects.get(fingerprint=change.credential.fingerprint)
    assert budget.recent == [round(now.timestamp(), 3)]


def test_a_key_that_works_replaces_the_old_one_whose_ciphertext_goes(
    organisation, owner, connected, second_key
):
    change = api_keys.replace_api_key(organisation, second_key, user=owner.user)

    connected.refresh_from_db()
    assert connected.revoked_at
    assert connected.ciphertext == ""
    assert credentials.current(organisation) == change.credential
    assert credentials.reveal(change.credential).reveal() == SECOND
    assert actions() == ["key.replaced", "key.verified"]


@pytest.mark.parametrize(
    ("rights", "check", "words"),
    [
        (None, KeyCheck.UNKNOWN, "Heffl does not know this key."),
        (["create"], KeyCheck.MAY_NOT_READ, "The key works but may not read clients."),
    ],
)
def test_a_key_that_heffl_refuses_changes_nothing(
    organisation, owner, connected, sandbox, rights, check, words
):
    if rights:
        sandbox.control.add_key("Sandbox", SECOND, rights)

    change = api_keys.replace_api_key(
        organisation, Secret(SECOND), user=owner.user, unverified=True
    )

    assert change.check is check
    assert api_keys.check_words(check) == words
    assert change.credential is None
    assert credentials.current(organisation) == connected
    assert ApiCredential.objects.count() == 1
    assert actions() == []


@pytest.mark.parametrize(
    "fault", ["server_error", "rate_limited", "forbidden_html", "redirect", "not_json"]
)
def test_an_answer_that_says_nothing_about_the_key_changes_nothing(
    organisation, owner, connected, sandbox, second_key, fault
):
    sandbox.control.push_fault(fault, method="GET", count=None)

    change = api_keys.replace_api_key(organisation, second_key, user=owner.user)

    assert change.check is KeyCheck.UNREACHABLE
    assert credentials.current(organisation) == connected


def test_while_heffl_cannot_be_reached_nothing_changes(
    organisation, owner, connected, settings
):
    settings.HEFFL_API_URL = UNREACHABLE

    change = api_keys.replace_api_key(organisation, Secret(SECOND), user=owner.user)

    assert change.check is KeyCheck.UNREACHABLE
    assert change.credential is None
    assert credentials.current(organisation) == connected
    assert credentials.next_(organisation) is None


def test_a_key_stored_unchecked_waits_beside_the_current_one(
    organisation, owner, connected, settings
):
    settings.HEFFL_API_URL = UNREACHABLE

    change = api_keys.replace_api_key(
        organisation, Secret(SECOND), user=owner.user, unverified=True
    )

    assert change.credential.slot == KeySlot.NEXT
    assert credentials.current(organisation) == connected
    assert credentials.next_(organisation) == change.credential
    assert not open_holds()


def test_a_first_key_stored_unchecked_sends_nothing_until_a_check(
    organisation, owner, settings
):
    settings.HEFFL_API_URL = UNREACHABLE
    now = timezone.now()

    change = api_keys.replace_api_key(
        organisation, Secret(SECOND), user=owner.user, unverified=True, now=now
    )

    held = open_holds(HoldReason.KEY_UNVERIFIED).get()
    assert change.credential.slot == KeySlot.CURRENT
    assert change.credential.verified_at is None
    assert held.fingerprint == change.credential.fingerprint
    assert held.probe_at <= now + timedelta(seconds=10)


def test_a_check_that_passes_ends_the_holds_and_wakes_the_queue(
    organisation, owner, settings, sandbox
):
    reachable, settings.HEFFL_API_URL = settings.HEFFL_API_URL, UNREACHABLE
    key = api_keys.replace_api_key(
        organisation, Secret(sandbox.key), user=owner.user, unverified=True
    ).credential
    later = timezone.now() + timedelta(hours=1)
    waiting = SubmissionFactory(organisation=organisation, not_before=later)
    settings.HEFFL_API_URL = reachable

    check = api_keys.verify_key(key, user=owner.user)

    waiting.refresh_from_db()
    assert check is KeyCheck.WORKS
    assert not open_holds()
    assert credentials.current(organisation).verified_at
    assert waiting.not_before < later
    assert RateBudget.objects.get(fingerprint=key.fingerprint).wake_at


def test_a_check_that_passes_promotes_the_waiting_key(
    organisation, owner, connected, settings, second_key
):
    reachable, settings.HEFFL_API_URL = settings.HEFFL_API_URL, UNREACHABLE
    waiting = api_keys.replace_api_key(
        organisation, second_key, user=owner.user, unverified=True
    ).credential
    settings.HEFFL_API_URL = reachable

    api_keys.verify_key(waiting, user=owner.user)

    connected.refresh_from_db()
    assert credentials.current(organisation) == waiting
    assert credentials.next_(organisation) is None
    assert connected.revoked_at
    assert actions()[-2:] == ["key.replaced", "key.verified"]


def test_a_check_that_fails_leaves_both_keys(organisation, owner, connected, sandbox):
    sandbox.control.revoke_key(sandbox.key)

    check = api_keys.verify_key(connected, user=owner.user)

    assert check is KeyCheck.UNKNOWN
    assert credentials.current(organisation) == connected


def test_a_check_of_a_key_that_does_not_open_asks_for_it_again(
    organisation, owner, connected, settings, sandbox
):
    settings.PORTAL_KEYRING = KeyRing.parse(new_entry("other"))

    assert api_keys.verify_key(connected, user=None) is KeyCheck.UNREADABLE
    assert sandbox.control.calls() == []


def test_a_new_key_frees_what_an_unreadable_one_held(
    organisation, owner, connected, settings, sandbox
):
    settings.PORTAL_KEYRING = KeyRing.parse(new_entry("other"))
    Hold.objects.create(
        fingerprint=connected.fingerprint, reason=HoldReason.KEY_UNREADABLE
    )

    api_keys.replace_api_key(organisation, Secret(sandbox.key), user=owner.user)

    assert not open_holds()


def test_a_new_key_frees_what_backed_off_because_of_the_old_one(
    organisation, owner, connected, second_key
):
    later = timezone.now() + timedelta(hours=1)
    waiting = SubmissionFactory(organisation=organisation, not_before=later)
    Hold.objects.create(
        fingerprint=connected.fingerprint, reason=HoldReason.KEY_REFUSED
    )

    change = api_keys.replace_api_key(organisation, second_key, user=owner.user)

    waiting.refresh_from_db()
    assert waiting.not_before < later
    assert not open_holds()
    assert RateBudget.objects.get(fingerprint=change.credential.fingerprint).wake_at


def test_a_check_that_nobody_asked_for_is_noted_as_the_workers(connected):
    api_keys.verify_key(connected, user=None)

    event = AuditEvent.objects.get(action="key.verified")
    assert (event.actor_id, event.actor_label) == (None, "worker")


def test_removing_the_key_erases_it_and_keeps_what_waits(
    organisation, owner, connected
):
    SubmissionFactory(organisation=organisation)

    api_keys.remove_api_key(connected, user=owner.user)

    connected.refresh_from_db()
    assert connected.ciphertext == ""
    assert connected.revoked_at
    assert credentials.current(organisation) is None
    assert Submission.objects.get().status == Status.QUEUED
    assert actions() == ["key.removed"]


def test_removing_a_key_twice_is_noted_once(organisation, owner, connected):
    api_keys.remove_api_key(connected, user=owner.user)
    api_keys.remove_api_key(connected, user=owner.user)

    assert actions() == ["key.removed"]


def test_a_key_used_by_another_organisation_here_is_pointed_out(
    organisation, owner, connected, sandbox
):
    other = OrganisationFactory()

    change = api_keys.replace_api_key(other, Secret(sandbox.key), user=None)

    assert change.credential
    assert change.also_used_elsewhere


def test_holds_of_a_key_that_another_organisation_still_uses_stay(
    organisation, owner, connected
):
    credentials.seal_new(OrganisationFactory(), credentials.reveal(connected))
    Hold.objects.create(fingerprint=connected.fingerprint, reason=HoldReason.OUTAGE)

    api_keys.remove_api_key(connected, user=owner.user)

    assert open_holds(HoldReason.OUTAGE).count() == 1


# The canary: nothing but the vault may know the key.


@pytest.fixture
def log_lines():
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.setLevel(level)
    root.removeHandler(handler)


def dumped():
    out = io.StringIO()
    call_command("dumpdata", stdout=out)
    return out.getvalue()


def test_the_key_is_nowhere_but_sealed(
    organisation, owner, signed_in, sandbox, settings, log_lines
):
    key = sandbox.key
    browser = signed_in(owner)
    page = f"/o/{organisation.slug}/settings/heffl/"
    seen = []

    def send(action, value=key, **more):
        answer = browser.post(page, {"action": action, "key": value, **more})
        seen.append(answer.content.decode() + str(answer.headers))
        answer = browser.get(page)
        seen.append(answer.content.decode() + str(answer.headers))

    send("save", f"{key} with blanks")
    send("save")
    sandbox.control.push_fault("reset_after_body", method="GET")
    send("test", "", slot="current")
    settings.HEFFL_API_URL = UNREACHABLE
    send("save")
    send("save_unverified")
    send("test", "", slot="next")
    seen.append(browser.get(f"/o/{organisation.slug}/clients/new/").content.decode())
    seen.append(browser.get("/admin/").content.decode())

    assert ApiCredential.objects.held().count() == 2
    for text in [*seen, dumped(), log_lines.getvalue()]:
        assert key not in text
        assert key[11:-4] not in text


@pytest.mark.parametrize("broken", ["seal_new", "fingerprint_of", "_seal"])
def test_the_key_is_in_no_error_report(
    organisation, owner, sandbox, rf, monkeypatch, broken
):
    """A fault in the middle of storing it: Django's report shows every variable."""
    request = rf.post(
        "/o/al-noor/settings/heffl/", {"action": "save", "key": KEY_TYPED}
    )
    request.user = owner.user
    request.session = {}
    sandbox.control.add_key("Sandbox", KEY_TYPED)
    monkeypatch.setattr(credentials, broken, lambda *args, **kwargs: 1 / 0)

    with pytest.raises(ZeroDivisionError) as caught:
        settings_heffl(request, organisation.slug)

    frames = caught.tb.tb_next  # without this test's own
    reporter = ExceptionReporter(request, caught.type, caught.value, frames)
    report = reporter.get_traceback_html()
    assert "replace_api_key" in report
    assert "Secret(***)" in report
    assert KEY_TYPED not in report
    assert KEY_TYPED not in reporter.get_traceback_text()
