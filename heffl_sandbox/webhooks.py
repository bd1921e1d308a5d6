"""Reports `client.created` to registered addresses, signed as Standard Webhooks says.

One background thread, loopback addresses only, a few tries per report.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import heapq
import hmac
import http.client
import ipaddress
import json
import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from heffl_sandbox.store import Hook, Store, iso

RETRY_AFTER = (0.5, 2.0, 8.0)
_TIMEOUT = 5.0
_MAX_WAITING = 10_000


def sign(secret: str, identity: str, timestamp: int, body: bytes) -> str:
    """Return the webhook-signature header for a "whsec_…" secret."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{identity}.{timestamp}.".encode() + body
    digest = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def new_secret() -> str:
    """Make a fresh signing secret: "whsec_" and 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def check_secret(secret: str) -> None:
    """Raise ValueError, in plain words, unless the secret can be used."""
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (ValueError, binascii.Error):
        key = b""
    if not secret.startswith("whsec_") or len(key) < 16:
        raise ValueError("A secret is whsec_ and at least 16 bytes in base64.")


def check_url(url: str) -> None:
    """Raise ValueError, in plain words, unless this is http to a loopback address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    _ = parts.port  # a bad port raises ValueError here
    if parts.scheme != "http" or not is_loopback(host):
        raise ValueError("A webhook goes to http:// on a loopback address only.")


def is_loopback(host: str) -> bool:
    """Say whether a host name or address is this machine's loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(order=True, slots=True)
class _Report:
    due: float
    tries: int = field(compare=False)
    hook: Hook = field(compare=False)
    identity: str = field(compare=False)
    body: bytes = field(compare=False)


class Webhooks:
    """The queue of reports and the thread that sends them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._wake = threading.Condition()
        self._waiting: list[_Report] = []
        self._stopped = False
        self._thread: threading.Thread | None = None
        self._hooks: dict[str, list[Hook]] | None = None
        self._sent: dict[str, int] = {}
        self._failed: dict[str, int] = {}

    def forget_hooks(self) -> None:
        """Read the registered addresses afresh at the next creation."""
        with self._wake:
            self._hooks = None

    def counts(self, hook: Hook) -> tuple[int, int]:
        """Return how many reports an address took and how many tries failed."""
        with self._wake:
            return self._sent.get(hook.id, 0), self._failed.get(hook.id, 0)

    def announce(self, workspace_id: str, client: Mapping[str, object]) -> None:
        """Queue a `client.created` report to every address of the workspace."""
        with self._wake:
            for hook in self._hooks_of(workspace_id):
                if len(self._waiting) < _MAX_WAITING:
                    heapq.heappush(self._waiting, _report(hook, client))
            if self._waiting:
                self._start()
                self._wake.notify()

    def _hooks_of(self, workspace_id: str) -> list[Hook]:
        if self._hooks is None:
            self._hooks = {}
            for hook in self._store.hooks():
                self._hooks.setdefault(hook.workspace_id, []).append(hook)
        return self._hooks.get(workspace_id, [])

    def _start(self) -> None:
        if self._thread is None and not self._stopped:
            self._thread = threading.Thread(
                target=self._run, name="webhooks", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Stop after the report under way; waiting ones are dropped."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(_TIMEOUT + 1)

    def _run(self) -> None:
        while (report := self._next()) is not None:
            delivered = _post(report)
            with self._wake:
                counts = self._sent if delivered else self._failed
                counts[report.hook.id] = counts.get(report.hook.id, 0) + 1
                if not delivered and report.tries < len(RETRY_AFTER):
                    report.due = time.monotonic() + RETRY_AFTER[report.tries]
                    report.tries += 1
                    heapq.heappush(self._waiting, report)

    def _next(self) -> _Report | None:
        with self._wake:
            while not self._stopped:
                now = time.monotonic()
                if self._waiting and self._waiting[0].due <= now:
                    return heapq.heappop(self._waiting)
                due = self._waiting[0].due - now if self._waiting else None
                self._wake.wait(due)
        return None


def _report(hook: Hook, client: Mapping[str, object]) -> _Report:
    event = {
        "event": "client.created",
        "timestamp": iso(time.time()),
        hook.envelope: client,
    }
    body = json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()
    identity = f"msg_{secrets.token_hex(12)}"
    return _Report(time.monotonic(), 0, hook, identity, body)


def _post(report: _Report) -> bool:
    parts = urlsplit(report.hook.url)
    timestamp = int(time.time())
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "heffl-sandbox",
        "webhook-id": report.identity,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            report.hook.secret, report.identity, timestamp, report.body
        ),
    }
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=_TIMEOUT
    )
    with contextlib.closing(connection):
        try:
            connection.request("POST", path, report.body, headers)
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException, ValueError):
            return False
