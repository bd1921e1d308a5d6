"""A small client for the control routes, for tests and scripts.

`Control("http://127.0.0.1:8100")` takes the root, the base or the control address.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class ControlError(Exception):
    """The sandbox refused a control call; `status` and its words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class Control:
    """Sets the scene of a running sandbox and looks behind it."""

    def __init__(self, base: str) -> None:
        parts = urlsplit(base)
        if parts.scheme != "http" or not parts.netloc:
            raise ValueError("The address of a sandbox starts with http://.")
        self._root = f"http://{parts.netloc}/_sandbox/"

    def call(self, method: str, path: str, body: object = None) -> Any:
        """Make one control call and return the parsed answer, or ControlError."""
        request = urllib.request.Request(  # noqa: S310 - http, checked above
            self._root + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Connection": "close"},
        )
        try:
            with _OPENER.open(request, timeout=30) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            with error:
                text = error.read()
            message = json.loads(text).get("message", "") if text else ""
            raise ControlError(error.code, message) from None
        return json.loads(text) if text else None

    def health(self) -> dict[str, Any]:
        """Return {"status", "version", "clients"}."""
        answer: dict[str, Any] = self.call("GET", "health")
        return answer

    def wait_until_up(self, seconds: float = 10.0) -> None:
        """Return once the sandbox answers; TimeoutError when it does not."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                self.health()
                return
            except (OSError, ControlError):
                if time.monotonic() > deadline:
                    raise TimeoutError("The sandbox does not answer.") from None
                time.sleep(0.05)

    def add_workspace(
        self, name: str, *, keys: Sequence[object] = (), **fields: object
    ) -> dict[str, Any]:
        """Create or change a workspace; see `Backstage` for the fields."""
        body = {"name": name, "keys": list(keys), **fields}
        answer: dict[str, Any] = self.call("POST", "workspaces", body)
        return answer

    def workspaces(self) -> list[dict[str, Any]]:
        """List the workspaces with the last four characters of their keys."""
        answer: list[dict[str, Any]] = self.call("GET", "workspaces")["workspaces"]
        return answer

    def add_key(
        self, workspace: str, key: str, rights: Sequence[str] = ("read", "create")
    ) -> None:
        """Let a key in; rights are "read" and "create"."""
        body = {"workspace": workspace, "key": key, "rights": list(rights)}
        self.call("POST", "keys", body)

    def revoke_key(self, key: str) -> None:
        """Make a key answer 401 from now on."""
        self.call("POST", "keys/revoke", {"key": key})

    def set(self, **settings: object) -> dict[str, Any]:  # noqa: A003 - reads well
        """Change settings, such as latency=0.2 or rate=None; return all of them."""
        answer: dict[str, Any] = self.call("POST", "settings", settings)
        return answer

    def push_fault(
        self,
        fault: str,
        *,
        count: int | None = 1,
        params: Mapping[str, object] | None = None,
        **rule: object,
    ) -> None:
        """Queue one rule; `count` None is for ever."""
        body = {"fault": fault, "count": count, "params": dict(params or {}), **rule}
        self.call("POST", "faults", body)

    def push_faults(self, rules: Sequence[Mapping[str, object]]) -> None:
        """Queue several rules in one go."""
        self.call("POST", "faults", {"faults": [dict(rule) for rule in rules]})

    def clear_faults(self) -> None:
        self.call("DELETE", "faults")

    def faults(self) -> dict[str, Any]:
        """Return {"registry": […], "queue": […]}."""
        answer: dict[str, Any] = self.call("GET", "faults")
        return answer

    def add_client(
        self, workspace: str, client: Mapping[str, object], **more: object
    ) -> dict[str, Any]:
        """Create a client as a person in Heffl would; created_at and announce."""
        body = {"workspace": workspace, "client": dict(client), **more}
        answer: dict[str, Any] = self.call("POST", "clients", body)
        return answer

    def clients(self, workspace: str = "") -> list[dict[str, Any]]:
        """List the clients, newest first, each with the JSON received."""
        path = "clients?" + urlencode({"workspace": workspace})
        answer: list[dict[str, Any]] = self.call("GET", path)["clients"]
        return answer

    def creates_per_name(self, workspace: str = "") -> dict[str, int]:
        """Return how many clients have each name; above 1 is a duplicate."""
        path = "clients?" + urlencode({"workspace": workspace})
        answer: dict[str, int] = self.call("GET", path)["creates_per_name"]
        return answer

    def calls(self, workspace: str = "", since: int = 0) -> list[dict[str, Any]]:
        """List the calls to the API after number `since`, oldest first; see calls.Call."""
        path = "calls?" + urlencode({"workspace": workspace, "since": since})
        answer: list[dict[str, Any]] = self.call("GET", path)["calls"]
        return answer

    def clear_calls(self) -> None:
        self.call("DELETE", "calls")

    def add_webhook(self, workspace: str, url: str, **more: object) -> dict[str, Any]:
        """Register an address for client.created; return {"id", "secret"}."""
        body = {"workspace": workspace, "url": url, **more}
        answer: dict[str, Any] = self.call("POST", "webhooks", body)
        return answer

    def webhooks(self) -> list[dict[str, Any]]:
        """List the registered addresses with what they took."""
        answer: list[dict[str, Any]] = self.call("GET", "webhooks")["webhooks"]
        return answer

    def remove_webhook(self, identity: str) -> None:
        """Forget a registered address."""
        self.call("DELETE", f"webhooks/{identity}")

    def reset(self, *, workspaces: bool = False) -> None:
        """Drop clients, hooks, faults, calls; with `workspaces` those and keys too."""
        self.call("POST", "reset", {"workspaces": workspaces})
