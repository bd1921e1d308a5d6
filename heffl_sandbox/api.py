"""The routes of Heffl itself, v1 and v2: who may call, what is asked, the answer."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from heffl_sandbox.calls import Call
from heffl_sandbox.rate_limit import Budget, RateLimiter
from heffl_sandbox.settings import Settings
from heffl_sandbox.store import Client, Conflict, Key, Store, Workspace, iso
from heffl_sandbox.validation import Issue, UnreadableBody, read_json, validate
from heffl_sandbox.webhooks import Webhooks
from heffl_sandbox.wire import Malformed, Request, Response, json_response

PREFIX = "/api/"
_CREATED_KEYS = ("id", "number", "name", "type", "createdAt", "firstName", "lastName")
_OPTIONAL_KEYS = ("firstName", "lastName", "email", "phone", "website")


class ApiError(Exception):
    """A refusal; `issues` go into the wrapped shape."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        issues: Sequence[Issue] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.issues = tuple(issues)
        self.headers = dict(headers or {})


@dataclass(frozen=True, slots=True)
class _Caller:
    workspace: Workspace
    request: Request
    call: Call | None


def item(client: Client) -> dict[str, object]:
    """Show a client as the lists and the single read of v1 do."""
    shown: dict[str, object] = {
        "id": client.id,
        "number": client.number,
        "name": client.name,
        "type": client.type,
        "createdAt": iso(client.created_at),
    }
    shown.update({key: client.received.get(key) for key in _OPTIONAL_KEYS})
    return shown


def custom_values(client: Client) -> dict[str, object]:
    """Return the cf_ keys that came with a client."""
    received = client.received.items()
    return {key: value for key, value in received if key.startswith("cf_")}


class HefflApi:
    """Answers every path under /api/ from the store."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        limiter: RateLimiter,
        webhooks: Webhooks,
    ) -> None:
        self._store = store
        self._settings = settings
        self._limiter = limiter
        self._webhooks = webhooks

    def handle(self, request: Request, call: Call | None = None) -> Response:
        """Answer one request; refusals come back as answers, too."""
        budget: Budget | None = None
        try:
            handler, right = self._route(request)
            key = self.key_of(request)
            if key is None or key.revoked:
                raise ApiError(401, "UNAUTHORIZED", "Invalid or missing API key")
            budget = self._limiter.take(key.digest)
            self._require_budget(budget)
            if right not in key.rights:
                raise ApiError(403, "FORBIDDEN", "This API key may not do that")
            response = handler(_Caller(key.workspace, request, call))
        except (ApiError, Malformed) as error:
            response = self.error(request.path, error)
        if budget is not None:
            response.headers.update(budget.headers())
        return response

    def key_of(self, request: Request) -> Key | None:
        """Return the known key that a request carries, revoked or not."""
        value = request.header("x-api-key")
        return self._store.find_key(value) if value else None

    def error(self, path: str, error: ApiError | Malformed) -> Response:
        """Word a refusal in the shape of the API generation that was asked."""
        code, issues = error.code, getattr(error, "issues", ())
        headers: Mapping[str, str] = getattr(error, "headers", {})
        if path.startswith("/api/v2") or self._settings.error_shape == "v2":
            if code == "BAD_REQUEST" and issues:
                code = "VALIDATION_ERROR"
            shown = [{"field": one.field, "message": one.message} for one in issues]
            inner = {
                "code": code,
                "message": error.message,
                "details": {"issues": shown},
            }
            return json_response(error.status, {"error": inner}, headers)
        body = {"code": code, "message": error.message}
        return json_response(error.status, body, headers)

    def create(
        self,
        workspace: Workspace,
        body: object,
        *,
        created_at: float | None = None,
        announce: bool = True,
    ) -> Client:
        """Check a parsed body by the rules and keep it; ApiError when refused."""
        issues = validate(body, workspace.custom_fields)
        if issues or not isinstance(body, dict):
            raise ApiError(400, "BAD_REQUEST", issues[0].message, issues)
        lag = self._settings.list_lag
        try:
            client = self._store.create_client(
                workspace, body, created_at=created_at, list_lag=lag
            )
        except Conflict as error:
            status = self._settings.conflict_status
            code = "CONFLICT" if status == 409 else "BAD_REQUEST"
            issue = Issue(error.field, error.message)
            raise ApiError(status, code, error.message, [issue]) from None
        if announce:
            self._webhooks.announce(workspace.id, item(client))
        return client

    def _route(self, request: Request) -> tuple[Callable[[_Caller], Response], str]:
        path = request.path
        routes = self._routes(path)
        if not routes:
            raise ApiError(404, "NOT_FOUND", "No such endpoint")
        if request.method not in routes:
            allow = {"Allow": ", ".join(routes)}
            raise ApiError(
                405, "METHOD_NOT_SUPPORTED", "Method not allowed", headers=allow
            )
        return routes[request.method]

    def _routes(
        self, path: str
    ) -> dict[str, tuple[Callable[[_Caller], Response], str]]:
        if path == "/api/v1/clients":
            return {
                "GET": (self._list, "read"),
                "POST": (self._create, "create"),
            }
        if path.startswith("/api/v1/clients/") and path.count("/") == 4:
            return {"GET": (self._read, "read")}
        if path in ("/api/v2/contacts", "/api/v2/companies"):
            return {"GET": (self._search, "read")}
        if path == "/api/v2/custom-fields":
            return {"GET": (self._custom_fields, "read")}
        return {}

    def _require_budget(self, budget: Budget | None) -> None:
        if budget is None or budget.allowed:
            return
        headers = {}
        if self._settings.retry_after:
            headers["Retry-After"] = str(budget.reset)
        raise ApiError(429, "TOO_MANY_REQUESTS", "Rate limit exceeded", headers=headers)

    def _create(self, caller: _Caller) -> Response:
        content_type = caller.request.header("content-type")
        kind, _, rest = content_type.lower().partition(";")
        charset = rest.strip().removeprefix("charset=").strip('"')
        if kind.strip() != "application/json" or charset not in ("", "utf-8"):
            raise ApiError(
                415, "UNSUPPORTED_MEDIA_TYPE", "Content-Type must be application/json"
            )
        try:
            body = read_json(caller.request.body)
        except UnreadableBody as error:
            raise ApiError(400, "BAD_REQUEST", str(error)) from None
        client = self.create(caller.workspace, body)
        if caller.call is not None:
            caller.call.client_id = client.id
        shown = item(client)
        if not self._settings.extra_keys:
            shown = {key: shown[key] for key in _CREATED_KEYS}
        else:
            shown["customFields"] = custom_values(client)
        return json_response(200, shown)

    def _read(self, caller: _Caller) -> Response:
        identity = caller.request.path.rsplit("/", 1)[1]
        client = self._store.client(caller.workspace, identity)
        if client is None:
            raise ApiError(404, "NOT_FOUND", "Client not found")
        return json_response(200, item(client))

    def _list(self, caller: _Caller) -> Response:
        arguments = caller.request.arguments()
        search = arguments.get("search", "") if self._settings.search_v1 else ""
        if "pageNo" in arguments or "pageSize" in arguments:
            return self._numbered_page(caller, arguments, search)
        limit = _whole(arguments, "limit", 20, 100)
        clients, cursor = self._page(caller, "", search, arguments, limit)
        page = {
            "items": [item(client) for client in clients],
            "nextCursor": cursor,
            "hasMore": cursor is not None,
        }
        return json_response(200, page)

    def _numbered_page(
        self, caller: _Caller, arguments: Mapping[str, str], search: str
    ) -> Response:
        size = _whole(arguments, "pageSize", 20, 100)
        number = _whole(arguments, "pageNo", 1, 1_000_000)
        clients = self._store.clients(
            caller.workspace,
            search=search,
            limit=size,
            offset=size * (number - 1),
            lagging=True,
        )
        total = self._store.count(caller.workspace, search=search, lagging=True)
        meta = {
            "count": len(clients),
            "total": total,
            "pageNo": number,
            "pageSize": size,
        }
        items = [item(client) for client in clients]
        return json_response(200, {"items": items, "meta": meta})

    def _search(self, caller: _Caller) -> Response:
        arguments = caller.request.arguments()
        if arguments.get("orderBy", "createdAt") != "createdAt":
            raise _bad_argument("orderBy", "orderBy must be createdAt")
        if arguments.get("orderDir", "desc") not in ("asc", "desc"):
            raise _bad_argument("orderDir", "orderDir must be asc or desc")
        size = _whole(arguments, "pageSize", 20, 100)
        kind = "contact" if caller.request.path.endswith("contacts") else "company"
        clients, cursor = self._page(
            caller, kind, arguments.get("search", ""), arguments, size
        )
        data = [item(client) | custom_values(client) for client in clients]
        meta = {"nextCursor": cursor, "hasMore": cursor is not None}
        return json_response(200, {"data": data, "meta": meta})

    def _page(
        self,
        caller: _Caller,
        kind: str,
        search: str,
        arguments: Mapping[str, str],
        limit: int,
    ) -> tuple[list[Client], str | None]:
        cursor = arguments.get("cursor", "")
        clients = self._store.clients(
            caller.workspace,
            kind=kind,
            search=search,
            after=_read_cursor(cursor) if cursor else None,
            oldest_first=arguments.get("orderDir") == "asc",
            limit=limit + 1,
            lagging=True,
        )
        if len(clients) <= limit:
            return clients, None
        return clients[:limit], _write_cursor(clients[limit - 1])

    def _custom_fields(self, caller: _Caller) -> Response:
        entity = caller.request.arguments().get("entity", "")
        if entity not in ("contacts", "companies"):
            raise _bad_argument("entity", "entity must be contacts or companies")
        data = [
            {
                "key": field.key,
                "label": field.label,
                "type": field.type,
                "required": field.required,
                "unique": field.unique,
                "helperText": field.helper_text,
                "allowedValues": list(field.options),
            }
            for field in caller.workspace.custom_fields.get(entity, ())
        ]
        meta = {"nextCursor": None, "hasMore": False}
        return json_response(200, {"data": data, "meta": meta})


def _bad_argument(name: str, message: str) -> ApiError:
    return ApiError(400, "BAD_REQUEST", message, [Issue(name, message)])


def _whole(arguments: Mapping[str, str], name: str, default: int, most: int) -> int:
    text = arguments.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise _bad_argument(name, f"{name} must be a whole number")
    if not 1 <= int(text) <= most:
        raise _bad_argument(name, f"{name} must be between 1 and {most}")
    return int(text)


def _write_cursor(client: Client) -> str:
    return base64.urlsafe_b64encode(
        f"{client.created_at!r} {client.seq}".encode()
    ).decode()


def _read_cursor(cursor: str) -> tuple[float, int]:
    try:
        moment, seq = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        return float(moment), int(seq)
    except (ValueError, binascii.Error):
        raise _bad_argument("cursor", "Invalid cursor") from None
