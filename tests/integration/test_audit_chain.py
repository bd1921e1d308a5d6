"""The audit trail: the database refuses changes, and what gets past it is found."""

import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from clients_app import audit
from clients_app.audit import chain
from clients_app.crypto import KeyRing, new_entry
from clients_app.models import AuditEvent, AuditSeal
from clients_app.models.audit_guard import guard_statements, trigger_names


@pytest.fixture
def trail(organisation):
    for number in range(6):
        audit.record(f"test.{number}", organisation=organisation, detail={"n": number})
    assert chain.seal_due(everything=True) == 6
    for number in range(6, 10):
        audit.record(f"test.{number}", organisation=organisation)
    chain.seal_due(everything=True)
    return list(AuditEvent.objects.order_by("id"))


def unguarded(statement, *values):
    """Change the trail as somebody would who may drop the triggers."""
    drops, makes = guard_statements(connection.vendor)
    with connection.cursor() as cursor:
        for each in drops:
            cursor.execute(each)
        cursor.execute(statement, values)
        for each in makes:
            cursor.execute(each)


DEEDS = [
    "UPDATE {table} SET at = at",
    "DELETE FROM {table}",
    "TRUNCATE {table}",
]


@pytest.mark.parametrize("table", ["clients_app_auditevent", "clients_app_auditseal"])
@pytest.mark.parametrize("deed", DEEDS)
def test_the_database_refuses_to_change_or_remove_what_is_written(trail, table, deed):
    if "TRUNCATE" in deed and connection.vendor == "sqlite":
        deed = "DELETE FROM {table} WHERE 1 = 1"
    before = list(AuditEvent.objects.order_by("id").values())

    with (
        pytest.raises(DatabaseError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(deed.format(table=table))

    assert list(AuditEvent.objects.order_by("id").values()) == before


def test_a_queryset_is_refused_too(trail):
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.update(action="nothing")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEvent.objects.all().delete()


def test_an_untouched_trail_holds(trail, capsys):
    call_command("audit", "verify")

    assert "10 events under 2 seals hold; 0 wait" in capsys.readouterr().out


TAMPERING = {
    "altered": ("UPDATE clients_app_auditevent SET actor_id = 4711 WHERE id = %s", "event {0} was altered"),
    "removed": ("DELETE FROM clients_app_auditevent WHERE id = %s", "event {0} is gone"),
    "other time": ("UPDATE clients_app_auditevent SET at = '2020-01-01 00:00:00+00:00' WHERE id = %s", "event {0} was altered"),
}  # fmt: skip


@pytest.mark.asvs("16.3.3")
@pytest.mark.parametrize("how", TAMPERING)
@pytest.mark.parametrize("which", [0, 4, 9])
def test_tampering_is_found_and_named(trail, capsys, how, which):
    statement, words = TAMPERING[how]
    event = trail[which].pk
    unguarded(statement, event)

    with pytest.raises(SystemExit) as stopped:
        call_command("audit", "verify")

    assert stopped.value.code == 1
    assert words.format(event) in capsys.readouterr().err


def test_an_event_slipped_in_among_sealed_ones_is_found(trail):
    gap = trail[3]
    unguarded("DELETE FROM clients_app_auditevent WHERE id = %s", gap.pk)
    AuditEvent(pk=gap.pk, at=gap.at, action="something.else").save(force_insert=True)

    assert chain.verify().broken.startswith(f"event {gap.pk} was altered")


def test_a_removed_seal_is_found(trail):
    unguarded("DELETE FROM clients_app_auditseal WHERE position = %s", 1)

    assert chain.verify().broken == "seal 1 is gone"


def test_a_chain_made_anew_without_the_ring_is_found(trail, settings):
    """Whoever can write to the database but has no key ring cannot cover their tracks."""
    unguarded(
        "UPDATE clients_app_auditevent SET actor_id = 9 WHERE id = %s", trail[2].pk
    )
    seal = AuditSeal.objects.get(position=1)
    events = AuditEvent.objects.filter(id__lte=seal.last_event).order_by("id")
    entries = [[row.pk, chain.digest_of(row)] for row in events]
    digest = chain._link("", 1, entries)
    drops, makes = guard_statements(connection.vendor)
    with connection.cursor() as cursor:
        for each in drops:
            cursor.execute(each)
        AuditSeal.objects.filter(position=1).update(entries=entries, digest=digest)
        for each in makes:
            cursor.execute(each)

    assert chain.verify().broken == "seal 1 was not made with this key ring"


def test_a_chain_cut_off_at_its_end_is_found_with_a_seal_from_the_log(trail, capsys):
    head = chain.verify().head
    unguarded("DELETE FROM clients_app_auditseal WHERE position = %s", 2)
    for event in trail[6:]:
        unguarded("DELETE FROM clients_app_auditevent WHERE id = %s", event.pk)

    assert chain.verify().broken == ""
    assert chain.verify(expect=head).broken == "seal 2 is gone: the chain ends at 1"
    with pytest.raises(CommandError):
        call_command("audit", "verify", "--expect", "nonsense")


def test_missing_guards_are_named(trail, capsys):
    drops, makes = guard_statements(connection.vendor)
    with connection.cursor() as cursor:
        for each in drops:
            cursor.execute(each)

    assert chain.missing_guards() == sorted(trigger_names(connection))
    with pytest.raises(SystemExit):
        call_command("audit", "verify")
    with connection.cursor() as cursor:
        for each in makes:
            cursor.execute(each)


def test_a_new_ring_key_seals_on_and_an_old_one_may_go(trail, organisation, settings):
    old = settings.PORTAL_KEYRING.keys["test"]
    newer = KeyRing.parse(new_entry("newer"))
    settings.PORTAL_KEYRING = newer
    assert "which the ring lacks" in chain.verify().broken
    settings.PORTAL_KEYRING = KeyRing({**newer.keys, "test": old})
    audit.record("test.more", organisation=organisation)
    chain.seal_due(everything=True)

    settings.PORTAL_KEYRING = newer

    assert chain.verify().broken == ""


def test_few_fresh_events_wait_for_company(organisation):
    audit.record("test", organisation=organisation)

    assert chain.seal_due() == 0
    assert chain.seal_due(timezone.now() + chain.AGE) == 1
    assert chain.seal_due() == 0


@pytest.mark.django_db(transaction=True)
def test_many_writers_and_sealers_leave_one_chain_that_holds():
    stop = threading.Event()

    def write():
        for number in range(40):
            with transaction.atomic():
                audit.record("test.write", organisation=None, detail={"n": number})
        connections.close_all()

    def seal():
        while not stop.is_set():
            chain.seal_due(everything=True)
        connections.close_all()

    writers = [threading.Thread(target=write) for _ in range(4)]
    sealers = [threading.Thread(target=seal) for _ in range(2)]
    for thread in writers + sealers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sealers:
        thread.join()
    chain.seal_due(everything=True)

    verdict = chain.verify()
    assert (verdict.broken, verdict.events, verdict.unsealed) == ("", 160, 0)
