"""What a backup tells of itself: nothing that is not whole is taken for one."""

from __future__ import annotations

import io

import pytest

from clients_app.backup import BackupError, manifest
from clients_app.backup.manifest import Contents

CONTENTS = Contents(
    "sqlite", "/var/a.sqlite3", [("clients_app", "0001_tables")], {"a": 2, "b": 0}
)
DATABASE = b"SQLite format 3\0" + bytes(range(256)) * 8


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(DATABASE)
    manifest.seal(path, CONTENTS, "1.2.3", "2026-05-03T10:00:00+00:00")
    return path


def test_a_file_tells_what_is_in_it_and_gives_it_back(sealed):
    told = manifest.check(sealed)
    copy = io.BytesIO()
    manifest.copy_database(sealed, told, copy)

    assert told.contents == CONTENTS
    assert (told.version, told.size) == ("1.2.3", len(DATABASE))
    assert copy.getvalue() == DATABASE


def test_every_altered_byte_is_noticed(sealed):
    whole = sealed.read_bytes()
    unnoticed = []
    for place in range(len(whole)):
        sealed.write_bytes(
            whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        )
        try:
            manifest.check(sealed)
        except BackupError:
            continue
        unnoticed.append(place)

    assert unnoticed == []


def test_every_shortened_file_is_noticed(sealed):
    whole = sealed.read_bytes()
    unnoticed = []
    for length in range(len(whole)):
        sealed.write_bytes(whole[:length])
        try:
            manifest.check(sealed)
        except BackupError:
            continue
        unnoticed.append(length)

    assert unnoticed == []


@pytest.mark.parametrize(
    "change",
    [
        lambda whole: whole + b"\n",
        lambda whole: b"x" + whole,
        lambda whole: whole[100:],
        lambda whole: whole + whole,
    ],
    ids=["longer", "shifted", "beheaded", "doubled"],
)
def test_a_file_that_something_was_added_to_is_noticed(sealed, change):
    sealed.write_bytes(change(sealed.read_bytes()))

    with pytest.raises(BackupError, match="damaged|was not made"):
        manifest.check(sealed)


@pytest.mark.parametrize(
    "told",
    [b"", b"{}", b"[]", b"null", b'{"contents": 1}', b"\xff", b'{"contents": {}}'],
)
def test_an_end_that_tells_nonsense_is_refused(tmp_path, told):
    path = tmp_path / "a"
    footer = f"\nheffl-portal-backup 1 {len(told):08x} {'0' * 64}\n".encode()
    path.write_bytes(b"x" + told + footer)

    with pytest.raises(BackupError, match="was not made"):
        manifest.read(path)
