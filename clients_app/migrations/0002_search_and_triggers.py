"""What models cannot say: the search index, the audit trail's guards, the cache's table.

The SQL stands here as it was at the first release, and is no longer changed. The index and
the guards are also made anew later, by clients_app.models.search_index and .audit_guard;
tests/integration/test_migrations.py holds that both make the same. Who changes them there
adds a migration that brings the databases along.
"""

from django.apps.registry import Apps as StateApps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

SUBMISSIONS = "clients_app_submission"
AUDIT = ("clients_app_auditevent", "clients_app_auditseal")
REFUSAL = "the audit trail is append-only"

# A private-use character, twice, stands where a name or a number begins.
START = "\uf8ff\uf8ff"
BODY = (
    f"'{START}' || {{row}}search_text || ' | ' || CASE WHEN substr({{row}}number, 1, 1)"
    f" BETWEEN '0' AND '9' THEN '{START}' ELSE '' END || lower({{row}}number)"
)
GROUP = (
    "CASE {row}status WHEN 'QUEUED' THEN 'WAITING' WHEN 'SENDING' THEN 'WAITING'"
    " WHEN 'UNCERTAIN' THEN 'WAITING' ELSE {row}status END"
)
# One mark: the character for what it says, then the organisation in two of base 6,000.
MARK = (
    "{char}(CASE ({said}) WHEN 'any' THEN 63648 WHEN 'PENDING' THEN 63649"
    " WHEN 'WAITING' THEN 63650 WHEN 'CREATED' THEN 63651 WHEN 'NEEDS_FIX' THEN 63652"
    " WHEN 'REVIEW' THEN 63653 WHEN 'REJECTED' THEN 63654 WHEN 'DROPPED' THEN 63655"
    " WHEN 'company' THEN 63656 WHEN 'contact' THEN 63657 WHEN 'frontdesk' THEN 63658"
    " WHEN 'signup' THEN 63659 WHEN 'import' THEN 63660 END)"
    " || {char}(57344 + ({row}organisation_id / 6000 % 6000){cast})"
    " || {char}(57344 + ({row}organisation_id % 6000){cast})"
)


def marks(row: str, char: str, cast: str = "", block: str = "") -> str:
    """Return the four marks of a row as SQL: any, status group, type and source."""
    said = ("'any'", GROUP.format(row=row), f"{row}type", f"{row}source")
    return ", ".join(
        MARK.format(said=each, row=row, char=char, cast=cast) + block for each in said
    )


COLUMNS = "organisation, status, type, source, body"
ADD = (
    f"INSERT INTO submission_search (rowid, {COLUMNS})"
    f" VALUES (new.id, {marks('new.', 'char')}, {BODY.format(row='new.')});"
)
REMOVE = (
    f"INSERT INTO submission_search (submission_search, rowid, {COLUMNS})"
    f" VALUES ('delete', old.id, {marks('old.', 'char')}, {BODY.format(row='old.')});"
)
SQLITE_SEARCH = [
    f"CREATE VIRTUAL TABLE submission_search USING fts5({COLUMNS}, content='',"
    " tokenize='trigram case_sensitive 1')",
    f"CREATE TRIGGER submission_search_added AFTER INSERT ON {SUBMISSIONS}"
    f" BEGIN {ADD} END",
    f"CREATE TRIGGER submission_search_removed AFTER DELETE ON {SUBMISSIONS}"
    f" BEGIN {REMOVE} END",
    "CREATE TRIGGER submission_search_changed"
    f" AFTER UPDATE OF search_text, number, status, type ON {SUBMISSIONS}"
    " WHEN old.search_text IS NOT new.search_text OR old.number IS NOT new.number"
    " OR old.type IS NOT new.type"
    f" OR {GROUP.format(row='old.')} IS NOT {GROUP.format(row='new.')}"
    f" BEGIN {REMOVE} {ADD} END",
]

PLACES = "submission_places(organisation_id, id, status, type, source)"
GRAMS = "submission_grams(search_text, number)"
POSTGRESQL_SEARCH = [
    # Names sort by code point, as on SQLite; beginnings of names become ranges.
    f'ALTER TABLE {SUBMISSIONS} ALTER COLUMN name_key TYPE varchar(330) COLLATE "C"',
    f'ALTER TABLE {SUBMISSIONS} ALTER COLUMN number TYPE varchar(200) COLLATE "C"',
    "CREATE FUNCTION submission_places(organisation_id bigint, id bigint,"
    " status text, type text, source text) RETURNS text[]"
    " LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    f" AS $$ SELECT ARRAY[{marks('', 'chr', '::int', ' || (id >> 15)')}] $$",
    "CREATE FUNCTION submission_grams(search_text text, number text) RETURNS text[]"
    " LANGUAGE sql IMMUTABLE PARALLEL SAFE"
    " AS $$ SELECT ARRAY(SELECT substr(body, i, 3) FROM"
    f" (SELECT {BODY.format(row='')} AS body)"
    " AS told, generate_series(1, length(body) - 2) AS i) $$",
    f"CREATE INDEX submission_search ON {SUBMISSIONS} USING gin ({PLACES}, {GRAMS})"
    " WITH (gin_pending_list_limit = 512)",
    f"""
CREATE FUNCTION submission_hits(
    marks text[], grams text[], words text[], low bigint, high bigint, step integer,
    wanted bigint
) RETURNS SETOF bigint LANGUAGE plpgsql STABLE
SET jit = off SET enable_seqscan = off AS $$
DECLARE
    lowest bigint; highest bigint; block bigint; places text[]; got bigint;
BEGIN
    SELECT MIN(id), MAX(id) INTO lowest, highest FROM {SUBMISSIONS};
    IF lowest IS NULL THEN RETURN; END IF;
    lowest := GREATEST(lowest, low) >> 15;
    highest := LEAST(highest, high) >> 15;
    block := CASE WHEN step < 0 THEN highest ELSE lowest END;
    WHILE wanted > 0 AND block BETWEEN lowest AND highest LOOP
        places := ARRAY(SELECT mark || block FROM unnest(marks) AS mark);
        RETURN QUERY SELECT id FROM {SUBMISSIONS}
            WHERE {PLACES} @> places AND {GRAMS} @> grams
            AND id + 0 BETWEEN low AND high
            AND (SELECT bool_and(strpos({BODY.format(row="")}, word) > 0) FROM unnest(words) AS word)
            ORDER BY id * step LIMIT wanted;
        GET DIAGNOSTICS got = ROW_COUNT;
        wanted := wanted - got;
        block := block + step;
    END LOOP;
END $$
""",
]

SQLITE_GUARDS = [
    f"CREATE TRIGGER {table}_no_{deed} BEFORE {deed.upper()} ON {table} FOR EACH ROW"
    f" BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
    for table in AUDIT
    for deed in ("update", "delete")
]
POSTGRESQL_GUARDS = [
    "CREATE FUNCTION audit_is_append_only() RETURNS trigger AS"
    f" $$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$ LANGUAGE plpgsql",
    *(
        f"CREATE TRIGGER {table}_no_{deed} BEFORE {deed.upper()} ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only()"
        for table in AUDIT
        for deed in ("update", "delete", "truncate")
    ),
]


def cache_table(moment: str) -> list[str]:
    """Return the table of the throttles' cache, as `createcachetable` makes it."""
    return [
        'CREATE TABLE "portal_cache" (\n'
        '    "cache_key" varchar(255) NOT NULL PRIMARY KEY,\n'
        '    "value" text NOT NULL,\n'
        f'    "expires" {moment} NOT NULL\n'
        ")",
        'CREATE INDEX "portal_cache_expires" ON "portal_cache" ("expires")',
    ]


MADE = {
    "sqlite": cache_table("datetime") + SQLITE_SEARCH + SQLITE_GUARDS,
    "postgresql": (
        cache_table("timestamp with time zone") + POSTGRESQL_SEARCH + POSTGRESQL_GUARDS
    ),
}
TAKEN_AWAY = {
    "sqlite": [
        *(f"DROP TRIGGER {t}_no_{deed}" for t in AUDIT for deed in ("update", "delete")),
        *(
            f"DROP TRIGGER submission_search_{deed}"
            for deed in ("added", "removed", "changed")
        ),
        "DROP TABLE submission_search",
        "DROP TABLE portal_cache",
    ],
    "postgresql": [
        "DROP FUNCTION audit_is_append_only CASCADE",
        "DROP FUNCTION submission_hits",
        "DROP INDEX submission_search",
        "DROP FUNCTION submission_places",
        "DROP FUNCTION submission_grams",
        "DROP TABLE portal_cache",
    ],
}


def make(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in MADE[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


def take_away(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    for statement in TAKEN_AWAY[schema_editor.connection.vendor]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    replaces = [
        ("clients_app", "0002_cache_table"),
        ("clients_app", "0003_search"),
        ("clients_app", "0007_search_again"),
        ("clients_app", "0012_fill_client_keys"),
    ]
    dependencies = [("clients_app", "0001_tables")]
    operations = [migrations.RunPython(make, take_away)]
