"""The listener: accepts connections, reads requests, hands them to the routes.

Bounded threads, deadlines on every read, and no way for a peer to bring it down.
`start` runs one inside this process, for tests and scripts.
"""

from __future__ import annotations

import contextlib
import secrets
import selectors
import socket
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from heffl_sandbox import api, backstage, page
from heffl_sandbox.calls import Call, CallLog
from heffl_sandbox.control import Control
from heffl_sandbox.faults import Exchange, Stage
from heffl_sandbox.rate_limit import RateLimiter
from heffl_sandbox.script import FaultQueue, Rule
from heffl_sandbox.settings import Settings, parse_rate
from heffl_sandbox.store import Key, Store, Unknown, Workspace, check_key
from heffl_sandbox.webhooks import Webhooks
from heffl_sandbox.wire import (
    Connection,
    Gone,
    Malformed,
    Request,
    Response,
    json_response,
    parse_head,
)

DEFAULT_KEY = "heffl_user_sandbox_4f7a"
MAX_THREADS = 64
_CROWDED = 40  # from here on connections are not kept open between requests
_MAX_HELD = 48  # faults that keep a thread waiting; the rest stays free for others
_IDLE_SECONDS = 15.0


class Sandbox:
    """One running stand-in; made by `start`, ended by `stop`."""

    def __init__(
        self,
        listener: socket.socket,
        store: Store,
        settings: Settings,
        workspace: str,
        keys: Sequence[str],
    ) -> None:
        host, port = listener.getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        self.root_url = f"http://{shown}:{port}"
        self.base_url = f"{self.root_url}/api/v1"
        self.control_url = f"{self.root_url}/_sandbox"
        self.port = int(port)
        self._listener = listener
        self._store = store
        self._workspace = workspace
        self._keys = tuple(keys)
        self._settings = settings
        self._limiter = RateLimiter(settings)
        self._webhooks = Webhooks(store)
        self._queue = FaultQueue()
        self._calls = CallLog()
        self._api = api.HefflApi(store, settings, self._limiter, self._webhooks)
        self._backstage = backstage.Backstage(
            store,
            settings,
            self._limiter,
            self._api,
            self._webhooks,
            self._queue,
            self._calls,
            self._set_scene,
        )
        self._stopping = threading.Event()
        self._free = threading.BoundedSemaphore(MAX_THREADS)
        self._holds = threading.Semaphore(_MAX_HELD)
        self._open: dict[Connection, threading.Thread] = {}
        self._open_lock = threading.Lock()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._acceptor = threading.Thread(
            target=self._accept, name="sandbox-accept", daemon=True
        )
        self._set_scene()
        self._acceptor.start()

    @property
    def control(self) -> Control:
        """Return the scripting client for this sandbox."""
        return Control(self.root_url)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Close every connection, end every thread, close the data file."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._wake_writer.send(b"x")
        self._acceptor.join()
        with self._open_lock:
            running = dict(self._open)
        for connection in running:
            connection.abort()
        for thread in running.values():
            thread.join(5)
        self._webhooks.stop()
        self._store.close()
        for each in (self._listener, self._wake_reader, self._wake_writer):
            each.close()

    def _set_scene(self) -> None:
        """Make the workspace and the keys that the sandbox was started with."""
        try:
            workspace = self._store.workspace(self._workspace)
        except Unknown:
            workspace = Workspace(f"wsp_{secrets.token_hex(8)}", self._workspace)
            self._store.save_workspace(workspace)
        for key in self._keys:
            if self._store.find_key(key) is None:
                self._store.add_key(workspace, key)

    # Connections

    def _accept(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_reader, selectors.EVENT_READ)
            while not self._stopping.is_set():
                selector.select()
                if self._free.acquire(timeout=0.2):
                    self._accept_one()

    def _accept_one(self) -> None:
        try:
            sock, address = self._listener.accept()
        except OSError:  # gone again already, or no file handle left
            self._free.release()
            self._stopping.wait(0.01)
            return
        sock.setblocking(True)
        connection = Connection(sock, str(address[0]))
        thread = threading.Thread(target=self._serve, args=[connection], daemon=True)
        with self._open_lock:
            self._open[connection] = thread
        try:
            thread.start()
        except RuntimeError:  # the machine has no thread left
            self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        connection.finish()
        with self._open_lock:
            self._open.pop(connection, None)
        self._free.release()

    def _serve(self, connection: Connection) -> None:
        try:
            while not self._stopping.is_set() and connection.wait(_IDLE_SECONDS):
                if not self._exchange(connection):
                    break
        except Gone:
            pass
        except Exception:  # noqa: BLE001, S110 - no peer may bring the sandbox down
            pass
        finally:
            self._forget(connection)

    # One request

    def _exchange(self, connection: Connection) -> bool:
        """Serve one request; return whether the connection stays open."""
        call = Call(time.monotonic(), time.time())
        connection.bytes_in = 0
        try:
            return self._read_and_answer(connection, call)
        finally:
            call.bytes_in = connection.bytes_in
            call.end()

    def _read_and_answer(self, connection: Connection, call: Call) -> bool:
        rule = self._look_ahead(connection, call)
        if rule and rule.fault.stage is Stage.BEFORE_READING:
            self._play(connection, rule, None, call)
            return False
        request: Request | None = None
        try:
            request = parse_head(connection.read_head())
            if rule and rule.fault.stage is Stage.AFTER_HEADERS:
                self._note(connection, call, request)
                self._play(connection, rule, request, call)
                return False
            connection.read_body(request)
        except Malformed as error:
            self._refuse(connection, request, call, error)
            return False
        self._note(connection, call, request)
        if rule:
            self._play(connection, rule, request, call)
            return False
        response = self._respond(request, connection.peer, call)
        keep = request.keep_alive and len(self._open) < _CROWDED
        keep = keep and not self._stopping.is_set()
        call.status = response.status
        bodiless = request.method == "HEAD"
        connection.answer(response, keep_alive=keep, bodiless=bodiless)
        return keep

    def _refuse(
        self,
        connection: Connection,
        request: Request | None,
        call: Call,
        error: Malformed,
    ) -> None:
        if request is not None:
            self._note(connection, call, request)
        else:
            self._calls.keep(call)
        call.status = error.status
        connection.answer(self._api.error(call.path, error))
        connection.finish(drain=True)

    def _look_ahead(self, connection: Connection, call: Call) -> Rule | None:
        """Choose a fault from the unread head, when any is in the script."""
        if not self._queue.waiting():
            return None
        try:
            request = parse_head(connection.peek_head())
        except Malformed:
            return None
        if not request.path.startswith(api.PREFIX):
            return None
        key = self._api.key_of(request)
        if key is not None and self._limiter.would_refuse(key.digest):
            return None
        names = {key.workspace.id, key.workspace.name} if key else set()
        rule = self._queue.take(
            request.method, request.path, names, key.digest if key else "-"
        )
        if rule:
            self._note(connection, call, request)
            call.fault = rule.fault.name
        return rule

    def _note(self, connection: Connection, call: Call, request: Request) -> None:
        call.bytes_in = connection.bytes_in
        call.method, call.path, call.query = request.method, request.path, request.query
        key: Key | None = self._api.key_of(request)
        if key is not None:
            call.key, call.workspace = key.tail, key.workspace.name
        if request.path.startswith(api.PREFIX):
            self._calls.keep(call)

    def _play(
        self, connection: Connection, rule: Rule, request: Request | None, call: Call
    ) -> None:
        def answer() -> Response | None:
            if request is None:
                return None
            self._stopping.wait(self._settings.latency)
            if rule.creates or request.method != "POST":
                return self._api.handle(request, call)
            key = self._api.key_of(request)
            if key is not None:
                self._limiter.take(key.digest)
            return None

        def report(status: int) -> None:
            call.status = status

        exchange = Exchange(
            connection, rule.params, answer, report, self._stopping, self._holds
        )
        with contextlib.suppress(Gone):
            rule.fault.play(exchange)

    def _respond(self, request: Request, peer: str, call: Call) -> Response:
        try:
            if request.path.startswith(api.PREFIX):
                self._stopping.wait(self._settings.latency)
                return self._api.handle(request, call)
            if request.path.startswith(backstage.PREFIX):
                return self._backstage.handle(request, peer)
            return self._page(request, peer)
        except Exception as error:  # noqa: BLE001 - a bug here is a 500, not an end
            problem = {
                "code": "INTERNAL_SERVER_ERROR",
                "message": f"The sandbox failed: {type(error).__name__}",
            }
            return json_response(500, problem)

    def _page(self, request: Request, peer: str) -> Response:
        try:
            backstage.require_local(request, peer)
            if request.path not in ("/", "/style.css"):
                raise Malformed(404, "NOT_FOUND", "No such page")
            if request.method not in ("GET", "HEAD"):
                raise Malformed(405, "METHOD_NOT_SUPPORTED", "Method not allowed")
            if request.path == "/style.css":
                return page.style()
            return page.render(request, self._store, self._calls, self._queue)
        except Malformed as error:
            return self._api.error(request.path, error)


def start(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    data: str | Path | None = None,
    keys: Sequence[str] = (DEFAULT_KEY,),
    workspace: str = "Sandbox",
    rate: str | None = "60/60",
    window: str = "sliding",
    latency: float = 0.0,
) -> Sandbox:
    """Start a sandbox in threads of this process and return it, listening.

    `port` 0 picks a free one; `rate` None means no limit; `latency` is seconds.
    Raises OSError (port in use), StoreError (data file) or ValueError (the rest).
    """
    if not 0 <= port <= 65535:
        raise ValueError("The port lies between 0 and 65535.")
    for key in keys:
        check_key(key)
    settings = Settings(rate=parse_rate(rate))
    settings.change({"window": window, "latency": latency})
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=512)
    try:
        listener.setblocking(False)
        return Sandbox(listener, Store(data), settings, workspace, keys)
    except BaseException:
        listener.close()
        raise
