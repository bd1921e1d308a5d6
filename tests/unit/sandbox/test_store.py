"""What a data file keeps, and many threads at once."""

import stat
import threading

import pytest

from heffl_sandbox.server import start
from heffl_sandbox.store import Store, StoreError, Workspace, name_of, tail_of
from tests.unit.sandbox.conftest import KEY, create

OTHER = "heffl_user_other_key_0002"


def test_restart_keeps_everything(tmp_path):
    path = tmp_path / "heffl.sqlite3"
    fields = {"contacts": [{"key": "cf_x", "options": ["a"], "type": "Single Option"}]}
    with start(keys=[KEY], data=path, rate=None) as first:
        control = first.control
        control.add_workspace("Harbour", prefix="H", keys=[OTHER], custom_fields=fields)
        control.add_webhook("Harbour", "http://localhost:9/")
        made = create(first, {"type": "contact", "firstName": "Ann"}, key=OTHER).json
        control.revoke_key(KEY)

    with start(keys=[KEY], data=path, rate=None) as second:
        again = create(second, {"type": "contact", "firstName": "Bob"}, key=OTHER)
        kept = second.control.clients()
        hooks = second.control.webhooks()
        refused = create(second, {"name": "A"})
        breach = create(
            second, {"type": "contact", "firstName": "C", "cf_x": "b"}, key=OTHER
        )

    assert kept[-1]["id"] == made["id"]
    assert again.json["number"] == "H00002"
    assert [hook["workspace"] for hook in hooks] == ["Harbour"]
    assert refused.status == 401
    assert breach.json["message"] == "cf_x must be one of: a"


def test_data_file_is_private_and_holds_no_key(tmp_path):
    path = tmp_path / "heffl.sqlite3"
    with start(keys=[KEY], data=path, rate=None) as sandbox:
        create(sandbox, {"name": "A"})

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY.encode() not in path.read_bytes()


@pytest.mark.slow
def test_data_file_in_use_is_refused(tmp_path):
    path = tmp_path / "heffl.sqlite3"
    first = Store(path)
    try:
        with pytest.raises(StoreError, match="in use by another sandbox"):
            Store(path)
    finally:
        first.close()


def test_data_file_that_is_none_is_refused(tmp_path):
    path = tmp_path / "heffl.sqlite3"
    path.write_bytes(b"not a database, but long enough to be looked at" * 50)

    with pytest.raises(StoreError, match="cannot be used"):
        Store(path)


@pytest.mark.parametrize("place", ["missing/heffl.sqlite3", "."])
def test_data_file_that_cannot_be_written_is_refused(tmp_path, place):
    with pytest.raises(StoreError, match="cannot be written"):
        Store(tmp_path / place)


def test_numbers_have_no_gap_and_no_double_under_threads(sandbox, control):
    def work(worker):
        for number in range(15):
            create(sandbox, {"name": f"Firm {worker} {number}"})

    threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    numbers = sorted(client["number"] for client in control.clients())
    assert numbers == [f"CLT-{n:05}" for n in range(1, 121)]
    assert set(control.creates_per_name().values()) == {1}


def test_unique_names_hold_under_threads(sandbox, control):
    control.add_workspace("Test", unique_names=True)
    seen = []

    def work():
        seen.append(create(sandbox, {"type": "contact", "firstName": "Ann"}).status)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(seen) == [200] + [409] * 11


def test_failed_create_leaves_no_trace():
    store = Store()
    workspace = Workspace("wsp_1", "One", unique_names=True)
    store.save_workspace(workspace)
    body = {"type": "contact", "firstName": "Ann"}
    store.create_client(workspace, body)

    with pytest.raises(Exception, match="already exists"):
        store.create_client(workspace, body)

    after = store.create_client(workspace, {"name": "B"})
    assert after.number == "CLT-00002"
    store.close()


@pytest.mark.parametrize(
    ("received", "name"),
    [
        ({"name": " A "}, " A "),
        ({"firstName": "Ann ", "lastName": ""}, "Ann"),
        ({"firstName": "Ann", "lastName": " Lee"}, "Ann Lee"),
    ],
)
def test_name_of(received, name):
    assert name_of(received) == name


def test_tail_of_hides_short_keys():
    assert tail_of("heffl_user_abcd") == "abcd"
    assert tail_of("secret") == "****"
