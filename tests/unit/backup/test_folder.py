"""The directory of backups: private, never somebody else's, and only its own are removed."""

from __future__ import annotations

import os
import stat
from datetime import UTC, datetime, timedelta

import pytest

from clients_app.backup import BackupError, folder, manifest
from clients_app.backup.manifest import Contents

NOW = datetime(2026, 5, 3, 10, 0, tzinfo=UTC)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def backup(directory, number, database="portal"):
    path = directory / folder.name_for(NOW + timedelta(days=number), "postgresql")
    path.write_bytes(b"x")
    manifest.seal(path, Contents("postgresql", database, [], {}), "1", "")
    return path


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o277])
def test_a_directory_is_made_private_under_any_umask(tmp_path, umask):
    before = os.umask(umask)
    try:
        assert folder.make_private(tmp_path / "new") == ""
    finally:
        os.umask(before)

    assert mode(tmp_path / "new") == 0o700


def test_an_open_directory_of_files_is_closed_and_that_is_told(tmp_path):
    directory = tmp_path / "backups"
    directory.mkdir()
    directory.chmod(0o755)
    (directory / "notes.txt").write_text("")

    assert "0755" in folder.make_private(directory)
    assert mode(directory) == 0o700
    assert folder.make_private(directory) == ""


def test_a_directory_that_others_use_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o755)
    (tmp_path / "sub").mkdir()

    with pytest.raises(BackupError, match="0755"):
        folder.make_private(tmp_path)
    assert mode(tmp_path) == 0o755


def test_a_directory_for_everybody_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o1777)

    with pytest.raises(BackupError, match="1777"):
        folder.make_private(tmp_path)
    assert mode(tmp_path) == 0o1777


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(BackupError, match="no directory"):
        folder.make_private(tmp_path / "file")


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o277])
def test_a_file_is_private_while_it_is_written_and_after(tmp_path, umask):
    before = os.umask(umask)
    try:
        with folder.partial(tmp_path / "portal") as (path, _handle):
            assert mode(path) == 0o600
            assert path.name.startswith(".")
            folder.publish(path, tmp_path / "portal")
    finally:
        os.umask(before)

    assert [each.name for each in tmp_path.iterdir()] == ["portal"]
    assert mode(tmp_path / "portal") == 0o600


def test_what_was_not_published_is_gone(tmp_path):
    with folder.partial(tmp_path / "p") as (path, _handle):
        path.with_name(f"{path.name}-journal").write_text("")

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_goes_and_what_another_writes_stays(tmp_path):
    dead = tmp_path / f".{folder.name_for(NOW, 'sqlite')}.partial"
    foreign = tmp_path / ".report.partial"
    for path in (dead, foreign):
        path.write_text("")
    alive = tmp_path / folder.name_for(NOW + timedelta(1), "sqlite")

    with (
        folder.partial(alive) as (written, _),
        folder.partial(tmp_path / folder.name_for(NOW + timedelta(2), "sqlite")),
    ):
        assert written.exists()
        assert not dead.exists()

    assert [each.name for each in tmp_path.iterdir()] == [foreign.name]


@pytest.mark.parametrize("keep", [1, 2, 3, 9])
def test_the_newest_stay_and_those_removed_are_named(tmp_path, keep):
    made = [backup(tmp_path, number) for number in range(4)]

    removed = folder.remove_oldest(tmp_path, keep, made[-1], "portal")

    assert removed == made[: max(0, 4 - keep)]
    assert sorted(tmp_path.iterdir()) == made[-keep:]


def test_the_new_one_stays_though_the_clock_went_back(tmp_path):
    newer = [backup(tmp_path, number) for number in (7, 8)]
    made = backup(tmp_path, 1)

    folder.remove_oldest(tmp_path, 2, made, "portal")

    assert sorted(tmp_path.iterdir()) == sorted([made, newer[1]])


def test_nothing_of_others_is_removed(tmp_path):
    others = [backup(tmp_path, 0, database="other")]
    for name in (
        "notes.txt",
        "portal-2026.dump",
        "portal-20200101T000000.000000Z.dump",
    ):
        (tmp_path / name).write_text("mine")
        others.append(tmp_path / name)
    (tmp_path / "portal-20200102T000000.000000Z.dump").symlink_to(others[0])
    (tmp_path / "portal-20200103T000000.000000Z.dump").mkdir()
    before = set(tmp_path.iterdir())
    made = backup(tmp_path, 1)

    assert folder.remove_oldest(tmp_path, 1, made, "portal") == []
    assert set(tmp_path.iterdir()) == {*before, made}
