# ruff: noqa: S608 - only names of our own go into the SQL, values never do
"""The search index of the history table: trigrams, scoped to one organisation.

SQLite keeps an FTS5 table beside the submissions, PostgreSQL a GIN index over an array of
terms; neither needs an extension or a certain locale. In both, every entry carries the
marks of search_marks.py.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.db import connections
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from clients_app.models.search_marks import Scope, sql_group, sql_marks
from clients_app.models.search_text import START, Terms

# What is searched. The number comes from its own column, so that nobody who stores one
# has to think of the search.
BODY = (
    f"'{START * 2}' || search_text || ' | ' || CASE WHEN substr(number, 1, 1) BETWEEN"
    f" '0' AND '9' THEN '{START * 2}' ELSE '' END || lower(number)"
)


def newest_hits(
    terms: Terms,
    scope: Scope,
    limit: int,
    *,
    ids: tuple[int, int],
    descending: bool = True,
    using: str,
) -> list[int]:
    """Return the ids of up to `limit` hits between two ids (inclusive), newest id first.

    Ascending with `descending=False`. Hits may carry another status of the same group.
    Reads no more of the index than it needs for that many.
    """
    connection = connections[using]
    hits = _sqlite_hits if connection.vendor == "sqlite" else _postgresql_hits
    sql, parameters = hits(terms.words, scope, limit, ids, descending)
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [int(row[0]) for row in cursor.fetchall()]


Statement = tuple[str, list[Any]]


def _sqlite_hits(
    words: Sequence[str],
    scope: Scope,
    limit: int,
    ids: tuple[int, int],
    descending: bool,
) -> Statement:
    quoted = (word.replace('"', '""') for word in [*scope.marks(), *words])
    match = " AND ".join(f'"{word}"' for word in quoted)
    return (
        "SELECT rowid FROM submission_search WHERE submission_search MATCH %s"
        " AND rowid BETWEEN %s AND %s"
        f" ORDER BY rowid {'DESC' if descending else 'ASC'} LIMIT %s",
        [match, *ids, limit],
    )


def _trigrams(word: str) -> list[str]:
    found = list(dict.fromkeys(word[i : i + 3] for i in range(len(word) - 2)))
    return found[:: len(found) // 12 + 1]


def _postgresql_hits(
    words: Sequence[str],
    scope: Scope,
    limit: int,
    ids: tuple[int, int],
    descending: bool,
) -> Statement:
    grams = [gram for word in words for gram in _trigrams(word)]
    return (
        "SELECT submission_hits(%s::text[], %s::text[], %s::text[], %s, %s, %s, %s)",
        [scope.marks(), grams, list(words), *ids, -1 if descending else 1, limit],
    )


_TABLE = "clients_app_submission"
_BLOCK = 15
_PLACES = "submission_places(organisation_id, id, status, type, source)"
_GRAMS = "submission_grams(search_text, number)"


# Walks the index in blocks of ids, so that a frequent term never costs more than a block
# or two. The sums keep the planner from mixing other indexes in; the settings, from
# reading the whole table and from compiling a query that takes a millisecond.
_POSTGRESQL_HITS = f"""
CREATE FUNCTION submission_hits(
    marks text[], grams text[], words text[], low bigint, high bigint, step integer,
    wanted bigint
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    lowest bigint; highest bigint; block bigint; places text[]; got bigint;
BEGIN
    SELECT MIN(id), MAX(id) INTO lowest, highest FROM {_TABLE};
    IF lowest IS NULL THEN RETURN; END IF;
    lowest := GREATEST(lowest, low) >> {_BLOCK};
    highest := LEAST(highest, high) >> {_BLOCK};
    block := CASE WHEN step < 0 THEN highest ELSE lowest END;
    WHILE wanted > 0 AND block BETWEEN lowest AND highest LOOP
        places := ARRAY(SELECT mark || block FROM unnest(marks) AS mark);
        RETURN QUERY SELECT id FROM {_TABLE}
            WHERE {_PLACES} @> places AND {_GRAMS} @> grams
            AND id + 0 BETWEEN low AND high
            AND (SELECT bool_and(strpos({BODY}, word) > 0) FROM unnest(words) AS word)
            ORDER BY id * step LIMIT wanted;
        GET DIAGNOSTICS got = ROW_COUNT;
        wanted := wanted - got;
        block := block + step;
    END LOOP;
END $$
"""


def _sql_body(row: str) -> str:
    return re.sub(r"\b(search_text|number)\b", rf"{row}\1", BODY)


def _sqlite_install() -> list[str]:
    columns = "organisation, status, type, source, body"
    new = f"new.id, {', '.join(sql_marks('new.', 'char', ''))}, {_sql_body('new.')}"
    old = (
        f"'delete', old.id, {', '.join(sql_marks('old.', 'char', ''))},"
        f" {_sql_body('old.')}"
    )
    add = f"INSERT INTO submission_search (rowid, {columns}) VALUES ({new});"
    remove = (
        f"INSERT INTO submission_search (submission_search, rowid, {columns})"
        f" VALUES ({old});"
    )
    changed = (
        "old.search_text IS NOT new.search_text OR old.number IS NOT new.number"
        " OR old.type IS NOT new.type"
        f" OR {sql_group('old.')} IS NOT {sql_group('new.')}"
    )
    existing = f"{', '.join(sql_marks('', 'char', ''))}, {BODY} FROM {_TABLE}"
    return [
        f"CREATE VIRTUAL TABLE submission_search USING fts5({columns}, content='',"
        " tokenize='trigram case_sensitive 1')",
        f"INSERT INTO submission_search (rowid, {columns}) SELECT id, {existing}",
        f"CREATE TRIGGER submission_search_added AFTER INSERT ON {_TABLE}"
        f" BEGIN {add} END",
        f"CREATE TRIGGER submission_search_removed AFTER DELETE ON {_TABLE}"
        f" BEGIN {remove} END",
        "CREATE TRIGGER submission_search_changed"
        f" AFTER UPDATE OF search_text, number, status, type ON {_TABLE}"
        f" WHEN {changed} BEGIN {remove} {add} END",
    ]


TRIGGERS = (
    "submission_search_added",
    "submission_search_changed",
    "submission_search_removed",
)
_SQLITE_REMOVE = [
    *(f"DROP TRIGGER IF EXISTS {name}" for name in TRIGGERS),
    "DROP TABLE IF EXISTS submission_search",
]


def _postgresql_install() -> list[str]:
    marks = ", ".join(
        f"{mark} || (id >> {_BLOCK})" for mark in sql_marks("", "chr", "::int")
    )
    return [
        # Names sort by code point, as on SQLite; beginnings of names become ranges.
        f'ALTER TABLE {_TABLE} ALTER COLUMN name_key TYPE varchar(330) COLLATE "C"',
        f'ALTER TABLE {_TABLE} ALTER COLUMN number TYPE varchar(200) COLLATE "C"',
        "CREATE FUNCTION submission_places(organisation_id bigint, id bigint,"
        " status text, type text, source text) RETURNS text[]"
        " LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $$ SELECT ARRAY[{marks}] $$",
        "CREATE FUNCTION submission_grams(search_text text, number text) RETURNS text[]"
        " LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $$ SELECT ARRAY(SELECT substr(body, i, 3) FROM (SELECT {BODY} AS body)"
        " AS told, generate_series(1, length(body) - 2) AS i) $$",
        f"CREATE INDEX submission_search ON {_TABLE} USING gin ({_PLACES}, {_GRAMS})"
        " WITH (gin_pending_list_limit = 512)",
        _POSTGRESQL_HITS,
    ]


_POSTGRESQL_REMOVE = [
    "DROP FUNCTION IF EXISTS submission_hits",
    "DROP INDEX IF EXISTS submission_search",
    "DROP FUNCTION IF EXISTS submission_places",
    "DROP FUNCTION IF EXISTS submission_grams",
]


def install(editor: BaseDatabaseSchemaEditor) -> None:
    """Make the search index anew and fill it from the submissions there are.

    On SQLite a migration that rebuilds the submission table drops its triggers; `mend`
    sees that they come back.
    """
    remove(editor)
    sqlite = editor.connection.vendor == "sqlite"
    for statement in _sqlite_install() if sqlite else _postgresql_install():
        editor.execute(statement, params=None)


def mend(using: str) -> bool:
    """Put the search index back if it is not whole. Returns whether it was not.

    Runs after every `migrate`: SQLite rebuilds a table to change it, and its triggers go
    without a word; and what was there before the index is not in it. One that no migration
    has made yet is left to that migration.
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM sqlite_master WHERE name = 'submission_search'"
            " OR tbl_name = %s AND name LIKE 'submission_search_%%'",
            [_TABLE],
        )
        found = {name for (name,) in cursor.fetchall()}
        if "submission_search" not in found:
            return False
        cursor.execute(
            f"SELECT (SELECT count(*) FROM {_TABLE}),"
            " (SELECT count(*) FROM submission_search_docsize)"
        )
        rows, entries = cursor.fetchone()
    if found >= set(TRIGGERS) and rows == entries:
        return False
    with connection.schema_editor() as editor:
        install(editor)
    return True


def remove(editor: BaseDatabaseSchemaEditor) -> None:
    """Take the search index away, as far as it is there."""
    sqlite = editor.connection.vendor == "sqlite"
    for statement in _SQLITE_REMOVE if sqlite else _POSTGRESQL_REMOVE:
        editor.execute(statement, params=None)
