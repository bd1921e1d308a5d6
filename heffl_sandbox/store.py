"""What this Heffl has: workspaces, their keys and hooks, and the clients.

One SQLite connection behind one lock, in a file or in memory. A create is on disk
before it is answered. Keys are kept as a hash and their last four characters.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from heffl_sandbox.validation import CustomField

RIGHTS = ("read", "create")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS workspace (
    id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL,
    digits INTEGER NOT NULL, unique_names INTEGER NOT NULL,
    unique_phones INTEGER NOT NULL, custom_fields TEXT NOT NULL,
    last_number INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS api_key (
    digest TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, tail TEXT NOT NULL,
    rights TEXT NOT NULL, revoked INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS client (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
    workspace_id TEXT NOT NULL, number TEXT NOT NULL, type TEXT NOT NULL,
    name TEXT NOT NULL, name_key TEXT NOT NULL, phone_key TEXT NOT NULL,
    search_key TEXT NOT NULL, created_at REAL NOT NULL, seen_from REAL NOT NULL,
    received TEXT NOT NULL, UNIQUE (workspace_id, number));
CREATE INDEX IF NOT EXISTS client_newest ON client (workspace_id, created_at, seq);
CREATE INDEX IF NOT EXISTS client_name ON client (workspace_id, type, name_key);
CREATE TABLE IF NOT EXISTS unique_value (
    workspace_id TEXT NOT NULL, entity TEXT NOT NULL, key TEXT NOT NULL,
    value TEXT NOT NULL, PRIMARY KEY (workspace_id, entity, key, value));
CREATE TABLE IF NOT EXISTS webhook (
    id TEXT PRIMARY KEY, workspace_id TEXT NOT NULL, url TEXT NOT NULL,
    secret TEXT NOT NULL, envelope TEXT NOT NULL);
"""


class StoreError(Exception):
    """The data file cannot be used; the message says why in one sentence."""


class Unknown(LookupError):
    """No such workspace, key or hook."""


class Conflict(Exception):
    """The workspace refuses a second client like this one."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Workspace:
    """One customer of Heffl; numbers are `prefix` and a counter of `digits`."""

    id: str
    name: str
    prefix: str = "CLT-"
    digits: int = 5
    unique_names: bool = False
    unique_phones: bool = False
    custom_fields: Mapping[str, tuple[CustomField, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Key:
    """An API key as it is remembered: its hash, never itself."""

    digest: str
    tail: str
    workspace: Workspace
    rights: tuple[str, ...]
    revoked: bool


@dataclass(frozen=True, slots=True)
class Client:
    """A created client; `created_at` is seconds since 1970, `received` the body."""

    seq: int
    id: str
    workspace_id: str
    number: str
    type: str
    name: str
    created_at: float
    received: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Hook:
    """Where `client.created` goes; `envelope` is the key that holds the client."""

    id: str
    workspace_id: str
    url: str
    secret: str
    envelope: str


def digest_of(key: str) -> str:
    """Return the hash under which a key is kept: SHA-256 as 64 hex digits."""
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def check_key(key: str) -> None:
    """Raise ValueError, in plain words, unless this can travel in a header."""
    if not key or not (key.isascii() and key.isprintable()) or key != key.strip():
        raise ValueError("A key is printable ASCII without blanks around it.")


def tail_of(key: str) -> str:
    """Return the last four characters; "****" for a key of fewer than twelve."""
    return key[-4:] if len(key) >= 12 else "****"


def iso(moment: float) -> str:
    """Write seconds since 1970 as ISO 8601 in UTC with milliseconds and a Z."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def name_of(received: Mapping[str, object]) -> str:
    """Return the name of a client: given, or made from first and last name, or ""."""
    given = str(received.get("name") or "").strip()
    if given:
        return str(received["name"])
    parts = (received.get("firstName"), received.get("lastName"))
    return " ".join(str(part).strip() for part in parts if part)


def _folded(text: object) -> str:
    return " ".join(str(text or "").casefold().split())


def _digits(text: object) -> str:
    return "".join(character for character in str(text or "") if character.isdigit())


_COLUMNS = "seq, id, workspace_id, number, type, name, created_at, received"


def _client(row: tuple[int, str, str, str, str, str, float, str]) -> Client:
    seq, identity, workspace_id, number, kind, name, created_at, received = row
    return Client(
        seq,
        identity,
        workspace_id,
        number,
        kind,
        name,
        created_at,
        json.loads(received),
    )


class Store:
    """All data of one sandbox; safe to use from many threads."""

    def __init__(self, path: str | Path | None = None) -> None:
        self._lock = threading.RLock()
        self._db = _open(path)
        self._workspaces: dict[str, Workspace] = {}
        self._keys: dict[str, Key] = {}
        self._load()

    def close(self) -> None:
        """Close the file. Nothing else may be asked of the store afterwards."""
        with self._lock:
            self._db.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _load(self) -> None:
        with self._lock:
            self._workspaces = {
                row[0]: _workspace(row)
                for row in self._db.execute(
                    "SELECT id, name, prefix, digits, unique_names, unique_phones,"
                    " custom_fields FROM workspace"
                )
            }
            rows = self._db.execute(
                "SELECT digest, tail, workspace_id, rights, revoked FROM api_key"
            )
            self._keys = {
                digest: Key(
                    digest,
                    tail,
                    self._workspaces[workspace_id],
                    tuple(rights.split()),
                    bool(revoked),
                )
                for digest, tail, workspace_id, rights, revoked in rows
            }

    # Workspaces and keys

    def save_workspace(self, workspace: Workspace) -> None:
        """Create the workspace or change the one with this id."""
        fields = {
            entity: [asdict(one) for one in defined]
            for entity, defined in workspace.custom_fields.items()
        }
        with self._transaction() as db:
            db.execute(
                "INSERT INTO workspace (id, name, prefix, digits, unique_names,"
                " unique_phones, custom_fields) VALUES (?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET name = excluded.name,"
                " prefix = excluded.prefix, digits = excluded.digits,"
                " unique_names = excluded.unique_names,"
                " unique_phones = excluded.unique_phones,"
                " custom_fields = excluded.custom_fields",
                (
                    workspace.id,
                    workspace.name,
                    workspace.prefix,
                    workspace.digits,
                    workspace.unique_names,
                    workspace.unique_phones,
                    json.dumps(fields),
                ),
            )
        self._load()

    def workspaces(self) -> list[Workspace]:
        """Return every workspace in the order of making."""
        with self._lock:
            return list(self._workspaces.values())

    def workspace(self, name: str) -> Workspace:
        """Find a workspace by id or name; Unknown when there is none."""
        for workspace in self.workspaces():
            if name in (workspace.id, workspace.name):
                return workspace
        raise Unknown(f"There is no workspace {name!r}.")

    def add_key(
        self, workspace: Workspace, key: str, rights: Sequence[str] = RIGHTS
    ) -> None:
        """Let `key` into the workspace; a revoked one works again."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO api_key (digest, workspace_id, tail, rights)"
                " VALUES (?, ?, ?, ?)",
                (digest_of(key), workspace.id, tail_of(key), " ".join(rights)),
            )
        self._load()

    def revoke_key(self, key: str) -> None:
        """Make `key` answer 401 from now on; Unknown when it never worked."""
        with self._transaction() as db:
            changed = db.execute(
                "UPDATE api_key SET revoked = 1 WHERE digest = ?", (digest_of(key),)
            )
            if not changed.rowcount:
                raise Unknown("There is no such key.")
        self._load()

    def find_key(self, key: str) -> Key | None:
        """Return what is known of a key, also when it is revoked."""
        return self._keys.get(digest_of(key))

    def keys_of(self, workspace: Workspace) -> list[Key]:
        """Return the keys of a workspace, revoked ones too."""
        with self._lock:
            keys = list(self._keys.values())
        return [key for key in keys if key.workspace.id == workspace.id]

    # Clients

    def create_client(
        self,
        workspace: Workspace,
        received: Mapping[str, object],
        *,
        created_at: float | None = None,
        list_lag: float = 0.0,
    ) -> Client:
        """Give a checked body an id and a number; durable on return, or Conflict."""
        moment = time.time() if created_at is None else created_at
        kind = str(received.get("type", "company"))
        name = name_of(received)
        identity = f"clt_{secrets.token_hex(12)}"
        with self._transaction() as db:
            self._refuse_doubles(workspace, kind, name, received)
            number = self._next_number(workspace)
            row = db.execute(
                "INSERT INTO client (id, workspace_id, number, type, name, name_key,"
                " phone_key, search_key, created_at, seen_from, received)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    identity,
                    workspace.id,
                    number,
                    kind,
                    name,
                    _folded(name),
                    _digits(received.get("phone")),
                    _search_key(name, received),
                    moment,
                    time.time() + list_lag,
                    json.dumps(received, ensure_ascii=False),
                ),
            )
        seq = row.lastrowid or 0
        return Client(seq, identity, workspace.id, number, kind, name, moment, received)

    def _next_number(self, workspace: Workspace) -> str:
        (counter,) = self._db.execute(
            "UPDATE workspace SET last_number = last_number + 1 WHERE id = ?"
            " RETURNING last_number",
            (workspace.id,),
        ).fetchone()
        return f"{workspace.prefix}{counter:0{workspace.digits}d}"

    def _refuse_doubles(
        self,
        workspace: Workspace,
        kind: str,
        name: str,
        received: Mapping[str, object],
    ) -> None:
        if kind == "contact" and workspace.unique_names:
            self._refuse_double(workspace, "name_key", "name", _folded(name))
        phone = _digits(received.get("phone"))
        if kind == "contact" and workspace.unique_phones and phone:
            self._refuse_double(workspace, "phone_key", "phone", phone)
        entity = "contacts" if kind == "contact" else "companies"
        for defined in workspace.custom_fields.get(entity, ()):
            value = received.get(defined.key)
            if defined.unique and value not in (None, ""):
                self._claim_value(workspace, entity, defined.key, value)

    def _refuse_double(
        self, workspace: Workspace, column: str, field: str, value: str
    ) -> None:
        queries = {
            "name_key": "SELECT 1 FROM client WHERE workspace_id = ?"
            " AND type = 'contact' AND name_key = ? LIMIT 1",
            "phone_key": "SELECT 1 FROM client WHERE workspace_id = ?"
            " AND type = 'contact' AND phone_key = ? LIMIT 1",
        }
        if self._db.execute(queries[column], (workspace.id, value)).fetchone():
            raise Conflict(field, f"A contact with this {field} already exists")

    def _claim_value(
        self, workspace: Workspace, entity: str, key: str, value: object
    ) -> None:
        text = json.dumps(value, sort_keys=True)
        try:
            self._db.execute(
                "INSERT INTO unique_value VALUES (?, ?, ?, ?)",
                (workspace.id, entity, key, text),
            )
        except sqlite3.IntegrityError:
            raise Conflict(key, f"{key} must be unique") from None

    def client(self, workspace: Workspace, identity: str) -> Client | None:
        """Find one client of the workspace by its id; None when it has none such."""
        with self._lock:
            row = self._db.execute(
                f"SELECT {_COLUMNS} FROM client"  # noqa: S608 - constant column names
                " WHERE workspace_id = ? AND id = ?",
                (workspace.id, identity),
            ).fetchone()
        return _client(row) if row else None

    def clients(
        self,
        workspace: Workspace | None = None,
        *,
        kind: str = "",
        search: str = "",
        after: tuple[float, int] | None = None,
        oldest_first: bool = False,
        limit: int = -1,
        offset: int = 0,
        lagging: bool = False,
    ) -> list[Client]:
        """List clients, newest first; `after` is (created_at, seq) of the last seen.

        `lagging` leaves out those which their `list_lag` still hides.
        """
        where, values = _where(workspace, kind, search, lagging=lagging)
        if after is not None:
            where += f" AND (created_at, seq) {'>' if oldest_first else '<'} (?, ?)"
            values += after
        order = "ASC" if oldest_first else "DESC"
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_COLUMNS} FROM client WHERE {where}"  # noqa: S608 - constants
                f" ORDER BY created_at {order}, seq {order} LIMIT ? OFFSET ?",
                (*values, limit, offset),
            ).fetchall()
        return [_client(row) for row in rows]

    def count(
        self,
        workspace: Workspace | None = None,
        *,
        kind: str = "",
        search: str = "",
        lagging: bool = False,
    ) -> int:
        """Count what `clients` would list without a limit."""
        where, values = _where(workspace, kind, search, lagging=lagging)
        with self._lock:
            (total,) = self._db.execute(
                f"SELECT count(*) FROM client WHERE {where}",  # noqa: S608 - constants
                values,
            ).fetchone()
        return int(total)

    def creates_per_name(self, workspace: Workspace | None) -> dict[str, int]:
        """Count the creates of each client name, for finding duplicates."""
        where, values = _where(workspace, "", "")
        with self._lock:
            rows = self._db.execute(
                f"SELECT name, count(*) FROM client WHERE {where}"  # noqa: S608
                " GROUP BY name ORDER BY min(seq)",
                values,
            ).fetchall()
        return {str(name): int(number) for name, number in rows}

    # Hooks

    def add_hook(self, hook: Hook) -> None:
        """Remember where to report creations."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO webhook VALUES (?, ?, ?, ?, ?)",
                (hook.id, hook.workspace_id, hook.url, hook.secret, hook.envelope),
            )

    def remove_hook(self, identity: str) -> None:
        """Forget a hook; Unknown when there is none with this id."""
        with self._transaction() as db:
            gone = db.execute("DELETE FROM webhook WHERE id = ?", (identity,))
            if not gone.rowcount:
                raise Unknown("There is no such webhook.")

    def hooks(self, workspace_id: str = "") -> list[Hook]:
        """List the hooks of one workspace, or of all ("")."""
        with self._lock:
            rows = self._db.execute(
                "SELECT id, workspace_id, url, secret, envelope FROM webhook"
                " WHERE ? IN ('', workspace_id) ORDER BY rowid",
                (workspace_id,),
            ).fetchall()
        return [Hook(*row) for row in rows]

    def clear(self, *, workspaces: bool = False) -> None:
        """Forget clients, hooks and counters; with `workspaces` those and keys too."""
        with self._transaction() as db:
            db.execute("DELETE FROM client")
            db.execute("DELETE FROM unique_value")
            db.execute("DELETE FROM webhook")
            db.execute("UPDATE workspace SET last_number = 0")
            if workspaces:
                db.execute("DELETE FROM api_key")
                db.execute("DELETE FROM workspace")
        self._load()


def _open(path: str | Path | None) -> sqlite3.Connection:
    try:
        if path is not None:
            # The first opening fixes the mode: nobody else on the machine reads it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        db = sqlite3.connect(
            path or ":memory:", isolation_level=None, check_same_thread=False, timeout=2
        )
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StoreError(f"The data file {path} cannot be written: {reason}.") from None
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.executescript(_SCHEMA)
    except sqlite3.Error as error:
        db.close()
        if "locked" in str(error):
            message = f"The data file {path} is in use by another sandbox."
        else:
            message = f"The data file {path} cannot be used: {error}."
        raise StoreError(message) from None
    return db


def _workspace(row: Sequence[object]) -> Workspace:
    identity, name, prefix, digits, names, phones, fields = row
    defined = json.loads(str(fields))
    return Workspace(
        id=str(identity),
        name=str(name),
        prefix=str(prefix),
        digits=int(str(digits)),
        unique_names=bool(names),
        unique_phones=bool(phones),
        custom_fields={
            entity: tuple(
                CustomField(**{**one, "options": tuple(one["options"])}) for one in many
            )
            for entity, many in defined.items()
        },
    )


def _search_key(name: str, received: Mapping[str, object]) -> str:
    phone = received.get("phone")
    parts = (name, received.get("email"), phone, _digits(phone))
    return "\n".join(_folded(part) for part in parts)


def _where(
    workspace: Workspace | None, kind: str, search: str, *, lagging: bool = False
) -> tuple[str, tuple[object, ...]]:
    where = "1 = 1"
    values: tuple[object, ...] = ()
    if workspace is not None:
        where += " AND workspace_id = ?"
        values += (workspace.id,)
    if kind:
        where += " AND type = ?"
        values += (kind,)
    if search.strip():
        where += " AND instr(search_key, ?) > 0"
        values += (_folded(search),)
    if lagging:
        where += " AND seen_from <= ?"
        values += (time.time(),)
    return where, values
