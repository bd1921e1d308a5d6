"""A backup of an earlier version, restored over a newer database and into an empty one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scripts import postgresql
from tests.attack.portal import Finding, Portal
from tests.databases import MIGRATIONS, Place, build, tables

BEFORE = {
    "SQLite": "the newer one was overwritten, not held, and nothing said",
    "PostgreSQL": "tables of both, the audit's guards gone, not held, and nothing said",
}


def attacks(portal: Portal) -> Iterator[Finding]:
    """Restore over a newer schema, and then into an empty database, on each engine."""
    yield _on("SQLite", portal, Place(portal.folder))
    with postgresql.found_or_made() as (server, _why_not):
        if server is not None:
            place = Place(portal.folder, server)
            try:
                yield _on("PostgreSQL", portal, place)
            finally:
                place.remove()


def _on(engine: str, portal: Portal, place: Place) -> Finding:
    earlier, newer, empty = (place.url(name) for name in ("earlier", "newer", "empty"))
    for url, migration in ((earlier, MIGRATIONS[0]), (newer, MIGRATIONS[-1])):
        place.make(url)
        build(url, migration, portal.environment)
    folder = portal.folder / engine
    done = portal.manage("backup", str(folder), DATABASE_URL=earlier)
    copy = Path(done.stdout.splitlines()[-1])
    return _over(engine, portal, copy, newer, empty)


def _over(engine: str, portal: Portal, copy: Path, newer: str, empty: str) -> Finding:
    before = tables(newer)
    over = portal.manage("restore", str(copy), DATABASE_URL=newer)
    unchanged = tables(newer) == before
    into = portal.manage("restore", str(copy), DATABASE_URL=empty)
    found = tables(empty) if into.returncode == 0 else {}
    open_ = [row for row in found.get("clients_app_submission", []) if "QUEUED" in row]
    held = any("restored" in row for row in found.get("clients_app_hold", []))
    whole = set(found) == set(before) and held and not open_
    return Finding(
        attack=f"a backup of an older schema restored over a newer one, {engine}",
        before=BEFORE[engine],
        after=(
            f"{'refused' if over.returncode == 1 else 'taken'}, "
            f"{'nothing' if unchanged else 'something'} changed; into an empty one: "
            f"{len(found)} of {len(before)} tables, {'held' if held else 'not held'}"
        ),
        held=over.returncode == 1 and unchanged and whole,
    )
