"""The control routes under /_sandbox/: set the scene, script faults, look behind it.

JSON in and out, for callers on this machine only; see `require_local`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from heffl_sandbox import __version__, faults, script
from heffl_sandbox.api import ApiError, HefflApi
from heffl_sandbox.calls import CallLog
from heffl_sandbox.rate_limit import RateLimiter
from heffl_sandbox.settings import Settings
from heffl_sandbox.store import (
    RIGHTS,
    Hook,
    Store,
    Unknown,
    Workspace,
    check_key,
    iso,
)
from heffl_sandbox.validation import read_custom_fields, read_json
from heffl_sandbox.webhooks import (
    Webhooks,
    check_secret,
    check_url,
    is_loopback,
    new_secret,
)
from heffl_sandbox.wire import Malformed, Request, Response, json_response

PREFIX = "/_sandbox/"
Body = Mapping[str, object]


def require_local(request: Request, peer: str) -> None:
    """Raise Malformed (403) unless this comes from this machine and not via a page.

    The Host header guards against a foreign name that resolves to loopback, the
    Origin and Sec-Fetch-Site headers against a web page that is open elsewhere.
    """
    host = request.header("host")
    name = host[: host.rfind("]") + 1] if host.startswith("[") else host.split(":")[0]
    origin = request.header("origin")
    if (
        not is_loopback(peer)
        or not is_loopback(name)
        or len(request.all("origin")) > 1
        or origin not in ("", f"http://{host}")
        or request.header("sec-fetch-site") in ("cross-site", "same-site")
    ):
        raise Malformed(403, "FORBIDDEN", "Only from this machine")


class Backstage:
    """Answers every path under /_sandbox/."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        limiter: RateLimiter,
        api: HefflApi,
        webhooks: Webhooks,
        queue: script.FaultQueue,
        calls: CallLog,
        set_scene: Callable[[], None],
    ) -> None:
        self._store = store
        self._settings = settings
        self._limiter = limiter
        self._api = api
        self._webhooks = webhooks
        self._queue = queue
        self._calls = calls
        self._set_scene = set_scene

    def handle(self, request: Request, peer: str) -> Response:
        """Answer one control call; refusals are {"message": …}."""
        try:
            require_local(request, peer)
            return self._dispatch(request)
        except Malformed as error:
            return json_response(error.status, {"message": error.message})
        except ApiError as error:
            return json_response(error.status, {"message": error.message})
        except Unknown as error:
            return json_response(404, {"message": str(error.args[0])})
        except ValueError as error:  # BadSetting, BadFault and our own, in plain words
            return json_response(400, {"message": str(error)})

    def _dispatch(self, request: Request) -> Response:
        name = request.path.removeprefix(PREFIX)
        if request.method == "GET":
            return self._get(name, request.arguments())
        if request.method == "POST":
            kind = request.header("content-type").lower().partition(";")[0].strip()
            if kind != "application/json":
                raise Malformed(415, "", "Content-Type must be application/json")
            body = read_json(request.body)
            if not isinstance(body, dict):
                raise ValueError("The body is an object.")
            return self._post(name, body)
        if request.method == "DELETE":
            return self._delete(name)
        raise Malformed(405, "", "Method not allowed")

    def _get(self, name: str, arguments: Mapping[str, str]) -> Response:
        readers: dict[str, Callable[[Mapping[str, str]], object]] = {
            "health": lambda _: self._health(),
            "workspaces": lambda _: {"workspaces": self._workspaces()},
            "settings": lambda _: self._settings.as_json(),
            "faults": lambda _: {
                "registry": faults.describe(),
                "queue": self._queue.as_json(),
            },
            "clients": self._clients,
            "calls": self._call_list,
            "webhooks": lambda _: {"webhooks": self._hooks()},
        }
        if name not in readers:
            raise Unknown("No such control route.")
        return json_response(200, readers[name](arguments))

    def _post(self, name: str, body: Body) -> Response:
        writers: dict[str, Callable[[Body], tuple[int, object]]] = {
            "workspaces": self._save_workspace,
            "keys": self._add_key,
            "keys/revoke": self._revoke_key,
            "settings": self._change_settings,
            "faults": self._push_faults,
            "clients": self._add_client,
            "webhooks": self._add_hook,
            "reset": self._reset,
        }
        if name not in writers:
            raise Unknown("No such control route.")
        status, answer = writers[name](body)
        return json_response(status, answer)

    def _delete(self, name: str) -> Response:
        if name == "faults":
            self._queue.clear()
        elif name == "calls":
            self._calls.clear()
        elif name.startswith("webhooks/"):
            self._store.remove_hook(name.removeprefix("webhooks/"))
            self._webhooks.forget_hooks()
        else:
            raise Unknown("No such control route.")
        return Response(204)

    def _health(self) -> object:
        clients = self._store.count()
        return {"status": "ok", "version": __version__, "clients": clients}

    # Workspaces and keys

    def _show(self, workspace: Workspace) -> dict[str, object]:
        keys = [
            {"tail": key.tail, "rights": list(key.rights), "revoked": key.revoked}
            for key in self._store.keys_of(workspace)
        ]
        return {
            "id": workspace.id,
            "name": workspace.name,
            "prefix": workspace.prefix,
            "digits": workspace.digits,
            "unique_names": workspace.unique_names,
            "unique_phones": workspace.unique_phones,
            "keys": keys,
            "clients": self._store.count(workspace),
        }

    def _workspaces(self) -> list[dict[str, object]]:
        return [self._show(workspace) for workspace in self._store.workspaces()]

    def _save_workspace(self, body: Body) -> tuple[int, object]:
        _only(body, "name prefix digits keys custom_fields unique_names unique_phones")
        name = _text(body, "name", required=True)
        try:
            workspace, status = self._store.workspace(name), 200
        except Unknown:
            identity = f"wsp_{secrets.token_hex(8)}"
            workspace, status = Workspace(identity, name), 201
        fields = workspace.custom_fields
        if "custom_fields" in body:
            fields = read_custom_fields(body["custom_fields"])
        workspace = replace(
            workspace,
            prefix=_text(body, "prefix", workspace.prefix),
            digits=_whole(body, "digits", workspace.digits, 12),
            unique_names=bool(body.get("unique_names", workspace.unique_names)),
            unique_phones=bool(body.get("unique_phones", workspace.unique_phones)),
            custom_fields=fields,
        )
        keys = [_read_key(key) for key in _list(body, "keys")]
        self._store.save_workspace(workspace)
        for key, rights in keys:
            self._store.add_key(workspace, key, rights)
        return status, self._show(workspace)

    def _add_key(self, body: Body) -> tuple[int, object]:
        _only(body, "workspace key rights")
        workspace = self._store.workspace(_text(body, "workspace", required=True))
        key, rights = _read_key({k: body[k] for k in body if k != "workspace"})
        self._store.add_key(workspace, key, rights)
        return 201, self._show(workspace)

    def _revoke_key(self, body: Body) -> tuple[int, object]:
        _only(body, "key")
        self._store.revoke_key(_text(body, "key", required=True))
        return 200, {"revoked": True}

    # Behaviour

    def _change_settings(self, body: Body) -> tuple[int, object]:
        before = (self._settings.rate, self._settings.window)
        self._settings.change(body)
        if (self._settings.rate, self._settings.window) != before:
            self._limiter.clear()
        return 200, self._settings.as_json()

    def _push_faults(self, body: Body) -> tuple[int, object]:
        several = "faults" in body
        wanted = _list(body, "faults") if several else [body]
        self._queue.push([script.read_rule(one) for one in wanted])
        return 201, {"queue": self._queue.as_json()}

    def _reset(self, body: Body) -> tuple[int, object]:
        _only(body, "workspaces")
        self._queue.clear()
        self._calls.clear()
        self._limiter.clear()
        self._store.clear(workspaces=bool(body.get("workspaces", False)))
        self._webhooks.forget_hooks()
        self._set_scene()
        return 200, self._health()

    # Clients and calls

    def _workspace_or_all(self, arguments: Mapping[str, str]) -> Workspace | None:
        name = arguments.get("workspace", "")
        return self._store.workspace(name) if name else None

    def _clients(self, arguments: Mapping[str, str]) -> object:
        workspace = self._workspace_or_all(arguments)
        names = {one.id: one.name for one in self._store.workspaces()}
        clients = self._store.clients(workspace)
        return {
            "total": len(clients),
            "creates_per_name": self._store.creates_per_name(workspace),
            "clients": [
                {
                    "id": client.id,
                    "number": client.number,
                    "workspace": names.get(client.workspace_id, ""),
                    "type": client.type,
                    "name": client.name,
                    "createdAt": iso(client.created_at),
                    "received": client.received,
                }
                for client in clients
            ],
        }

    def _add_client(self, body: Body) -> tuple[int, object]:
        """Create a client as a person in Heffl would, at a moment of choice."""
        _only(body, "workspace client created_at announce")
        workspace = self._store.workspace(_text(body, "workspace", required=True))
        moment = None
        if body.get("created_at") is not None:
            moment = _moment(body["created_at"])
        client = self._api.create(
            workspace,
            body.get("client"),
            created_at=moment,
            announce=bool(body.get("announce", True)),
        )
        return 201, {"id": client.id, "number": client.number, "name": client.name}

    def _call_list(self, arguments: Mapping[str, str]) -> object:
        since = arguments.get("since", "0")
        if not (since.isascii() and since.isdigit() and len(since) < 16):
            raise ValueError("since is the number of a call.")
        workspace = self._workspace_or_all(arguments)
        calls = self._calls.list(
            since=int(since), workspace=workspace.name if workspace else ""
        )
        return {"calls": calls}

    # Hooks

    def _hooks(self) -> list[object]:
        names = {one.id: one.name for one in self._store.workspaces()}
        shown: list[object] = []
        for hook in self._store.hooks():
            sent, failed = self._webhooks.counts(hook)
            shown.append(
                {
                    "id": hook.id,
                    "workspace": names.get(hook.workspace_id, ""),
                    "url": hook.url,
                    "envelope": hook.envelope,
                    "delivered": sent,
                    "failed_tries": failed,
                }
            )
        return shown

    def _add_hook(self, body: Body) -> tuple[int, object]:
        _only(body, "workspace url secret envelope")
        workspace = self._store.workspace(_text(body, "workspace", required=True))
        envelope = _text(body, "envelope", "payload")
        if envelope not in ("payload", "data"):
            raise ValueError("envelope is payload or data.")
        url = _text(body, "url", required=True)
        secret = _text(body, "secret", new_secret())
        check_url(url)
        check_secret(secret)
        identity = f"whk_{secrets.token_hex(8)}"
        self._store.add_hook(Hook(identity, workspace.id, url, secret, envelope))
        self._webhooks.forget_hooks()
        return 201, {"id": identity, "secret": secret}


def _moment(value: object) -> float:
    try:
        return datetime.fromisoformat(str(value)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError("created_at is an ISO 8601 date and time.") from None


def _only(body: Body, names: str) -> None:
    unknown = set(body) - set(names.split())
    if unknown:
        raise ValueError(f"There is no {min(unknown)!r} here.")


def _text(body: Body, name: str, default: str = "", *, required: bool = False) -> str:
    value = body.get(name, default)
    if not isinstance(value, str) or (required and not value.strip()):
        raise ValueError(f"{name} is a text.")
    return value


def _whole(body: Body, name: str, default: int, most: int) -> int:
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"{name} is a whole number between 1 and {most}.")
    return value


def _list(body: Body, name: str) -> Sequence[object]:
    value = body.get(name, [])
    if not isinstance(value, list):
        raise ValueError(f"{name} is a list.")
    return value


def _read_key(value: object) -> tuple[str, tuple[str, ...]]:
    if isinstance(value, str):
        value = {"key": value}
    if not isinstance(value, dict) or not set(value) <= {"key", "rights"}:
        raise ValueError('A key is a text or {"key", "rights"}.')
    key = _text(value, "key", required=True)
    check_key(key)
    rights = value.get("rights", list(RIGHTS))
    if not isinstance(rights, list) or any(right not in RIGHTS for right in rights):
        raise ValueError(f"rights is a list of: {', '.join(RIGHTS)}.")
    return key, tuple(str(right) for right in rights)
