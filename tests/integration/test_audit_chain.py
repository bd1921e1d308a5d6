"""The audit trail: the database refuses changes, and what gets past it is found."""

import contextlib
import threading

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction
from django.utils import timezone

from clients_app import audit
from clients_app.audit import chain
from clients_app.crypto import KeyRing, new_entry
from clients_app.models import AuditEvent, AuditSeal
from clients_app.models.audit_guard import functions, guard_statements, triggers


@pytest.fixture
def trail(organisation):
    for number in range(6):
        audit.record(f"test.{number}", organisation=organisation, detail={"n": number})
    assert chain.seal_due(everything=True) == 6
    for number in range(6, 10):
        audit.record(f"test.{number}", organisation=organisation)
    chain.seal_due(everything=True)
    return list(AuditEvent.objects.order_by("id"))


EVENT = (
    "INSERT INTO clients_app_auditevent"
    " (id, at, actor_label, action, object_type, object_id, detail)"
    " VALUES (%s, '2026-01-01 00:00:00+00:00', '', 'key.removed', '', '', '{}')"
)
SEAL = (
    "INSERT INTO clients_app_auditseal"
    " (position, at, last_event, entries, digest, kid, mac)"
    " VALUES (%s, '2026-01-01 00:00:00+00:00', %s, '[]', '', 'test', '')"
)


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def verify_says(capsys):
    """Return what `audit verify` complains of, a line each; "" when it exits with 0."""
    with contextlib.suppress(SystemExit):
        call_command("audit", "verify")
    return capsys.readouterr().err


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
    unguarded(EVENT, gap.pk)

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
    run(*drops)

    told = verify_says(capsys)
    for name in triggers(connection.vendor):
        assert f"trigger {name} is missing" in told
    run(*makes)
    assert verify_says(capsys) == ""


@pytest.mark.parametrize("name", triggers(connection.vendor))
def test_an_emptied_trigger_is_named(trail, capsys, name):
    sql = triggers(connection.vendor)[name]
    table = sql.partition(" ON ")[2].split()[0]
    if connection.vendor == "sqlite":
        emptied = f"{sql.partition(' BEGIN ')[0]} BEGIN SELECT 1; END"
        run(f"DROP TRIGGER {name}", emptied)
    else:
        run(
            "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NEW; END $$",
            f"DROP TRIGGER {name} ON {table}",
            f"{sql.partition(' EXECUTE ')[0]} EXECUTE FUNCTION pass()",
        )

    assert f"trigger {name} was altered" in verify_says(capsys)


def test_a_foreign_trigger_that_swallows_events_is_named(trail, capsys):
    if connection.vendor == "sqlite":
        run(
            "CREATE TRIGGER quiet BEFORE INSERT ON clients_app_auditevent"
            " BEGIN SELECT RAISE(IGNORE); END"
        )
    else:
        run(
            "CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql"
            " AS $$ BEGIN RETURN NULL; END $$",
            "CREATE TRIGGER quiet BEFORE INSERT ON clients_app_auditevent"
            " FOR EACH ROW EXECUTE FUNCTION pass()",
        )

    assert "trigger quiet is not the portal's" in verify_says(capsys)


only_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite has nothing of the kind"
)


@only_postgresql
@pytest.mark.parametrize("name", functions("postgresql"))
@pytest.mark.parametrize("body", ["RETURN NEW;", "RETURN NULL;", ""])
def test_an_emptied_function_is_named(trail, capsys, name, body):
    run(
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql"
        f" AS $$ BEGIN {body} END $$"
    )

    assert f"function {name} was altered" in verify_says(capsys)


@only_postgresql
@pytest.mark.parametrize("how", ["DISABLE TRIGGER", "ENABLE REPLICA TRIGGER"])
@pytest.mark.parametrize("name", triggers("postgresql"))
def test_a_trigger_that_is_switched_off_is_named(trail, capsys, name, how):
    table = triggers("postgresql")[name].partition(" ON ")[2].split()[0]
    run(f"ALTER TABLE {table} {how} {name}")

    assert f"trigger {name} is disabled" in verify_says(capsys)


@only_postgresql
def test_what_goes_round_the_triggers_is_named(trail, capsys):
    run(
        "CREATE RULE quiet AS ON INSERT TO clients_app_auditevent DO INSTEAD NOTHING",
        "ALTER TABLE clients_app_auditseal ENABLE ROW LEVEL SECURITY",
        "SET LOCAL session_replication_role = replica",
    )

    told = verify_says(capsys)

    assert "rule quiet is not the portal's" in told
    assert "clients_app_auditseal (row security) is not the portal's" in told
    assert "session_replication_role" in told


def statements_out_of_order(trail):
    last, seals = trail[-1].pk, AuditSeal.objects.count()
    free = -7 if connection.vendor == "sqlite" else -1
    return {
        "id below all": (EVENT, [free]),
        "id 0": (EVENT, [0]),
        "id far ahead": (EVENT, [last + 1_000_000]),
        "id once more": (EVENT, [trail[3].pk]),
        "last id once more": (EVENT, [last]),
        "seal before all": (SEAL, [0, last]),
        "seal once more": (SEAL, [seals, last]),
        "seal far ahead": (SEAL, [seals + 2, last + 1]),
        "seal of nothing": (SEAL, [seals + 1, last + 5]),
        "seal of what is sealed": (SEAL, [seals + 1, last]),
    }


@pytest.mark.parametrize("how", ["INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE"])
@pytest.mark.parametrize("which", range(10))
def test_the_database_takes_new_rows_at_the_end_only(trail, how, which):
    if connection.vendor == "postgresql" and how != "INSERT":
        pytest.skip("PostgreSQL has no such word")
    statement, values = [*statements_out_of_order(trail).values()][which]
    before = [list(each.objects.values()) for each in (AuditEvent, AuditSeal)]

    with (
        pytest.raises(DatabaseError),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.replace("INSERT", how, 1), values)

    assert [list(each.objects.values()) for each in (AuditEvent, AuditSeal)] == before
    audit.record("test.later", organisation=None)
    assert chain.seal_due(everything=True) == 1
    assert chain.verify().broken == ""


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite's own row ids")
@pytest.mark.parametrize("rowid", [-3, 1, 2, 50])
def test_a_seal_is_not_replaced_by_its_row_id(trail, rowid):
    audit.record("test.more", organisation=None)
    newest = AuditEvent.objects.order_by("-id").first().pk
    statement = SEAL.replace("(position", "(rowid, position").replace("(%s", "(%s, %s")
    fits = rowid == 50  # at the end, as its position is
    before = AuditSeal.objects.count()

    for how in ("INSERT", "INSERT OR REPLACE"):
        with (
            contextlib.nullcontext() if fits else pytest.raises(DatabaseError),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement.replace("INSERT", how, 1), [rowid, 3, newest])
        if fits:
            break

    assert AuditSeal.objects.count() == before + fits


def test_what_lies_before_the_first_is_named(trail, capsys):
    unguarded(EVENT, 0)
    unguarded(EVENT, -4711)

    told = verify_says(capsys)

    assert "event 0 was slipped in before the first" in told
    assert "event -4711 was slipped in before the first" in told


def test_what_lies_between_two_seals_is_named(trail):
    entries = AuditSeal.objects.get(position=2).entries
    assert entries[0][0] == trail[6].pk
    AuditEvent.objects.bulk_create(
        [AuditEvent(action="aside"), AuditEvent(action="sealed")]
    )
    aside, sealed = AuditEvent.objects.order_by("id")[10:]
    unguarded("DELETE FROM clients_app_auditevent WHERE id = %s", aside.pk)
    assert chain.seal_due(everything=True) == 1

    unguarded(EVENT, aside.pk)

    assert chain.verify().broken == f"event {aside.pk} was slipped in (seal 3)"


def test_a_seal_before_the_first_is_named(trail):
    unguarded(SEAL, 0, trail[0].pk)

    assert chain.verify().broken == "seal 0 was slipped in"


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL keeps its types")
@pytest.mark.parametrize("column", ["at", "detail", "organisation_id"])
@pytest.mark.parametrize("value", ["nonsense", b"\xff\xfe", -1])
def test_an_event_that_can_no_longer_be_read_is_named(trail, column, value):
    run("PRAGMA ignore_check_constraints = ON")
    unguarded(
        f"UPDATE clients_app_auditevent SET {column} = %s WHERE id = %s",
        value,
        trail[4].pk,
    )
    run("PRAGMA ignore_check_constraints = OFF")

    assert chain.verify().broken == f"event {trail[4].pk} was altered (seal 1)"


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
