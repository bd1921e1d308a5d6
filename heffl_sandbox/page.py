"""The page "What Heffl has" and its stylesheet: plain HTML, everything escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

from heffl_sandbox.calls import CallLog
from heffl_sandbox.faults import describe
from heffl_sandbox.script import FaultQueue
from heffl_sandbox.store import Client, Store, Workspace, iso
from heffl_sandbox.wire import Request, Response

ROWS = 100
_LAST_CALLS = 20
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}

STYLE = """\
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5b6675; --line: #dde2e8;
  --paper: #ffffff; --ground: #f5f6f8; --mark: #0b5cad; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6eaf0; --soft: #9aa6b5; --line: #333c48; --paper: #1b212a;
    --ground: #12161c; --mark: #7db8f5; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
header, main { max-width: 1120px; margin: 0 auto; padding: 0 16px; }
header { padding-top: 32px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 20px; margin: 0; overflow-wrap: anywhere; }
p { margin: 0; }
.soft { color: var(--soft); font-size: 14px; }
section { background: var(--paper); border: 1px solid var(--line);
  border-radius: 8px; margin: 24px 0; }
section > div { padding: 16px; }
table { width: 100%; border-collapse: collapse; font-size: 15px; }
th { text-align: left; font-weight: 600; font-size: 13px; color: var(--soft); }
th, td { padding: 8px 16px; border-top: 1px solid var(--line); vertical-align: top; }
td { overflow-wrap: anywhere; }
.number, .code { font-variant-numeric: tabular-nums; white-space: nowrap; }
.number { font-weight: 600; }
summary { cursor: pointer; color: var(--mark); font-size: 14px; line-height: 24px; }
section > details { padding: 0 0 16px; }
section > details > summary { padding: 0 16px; }
summary:focus-visible, a:focus-visible { outline: 2px solid var(--mark);
  outline-offset: 2px; }
pre { margin: 8px 0 0; padding: 12px; background: var(--ground); border-radius: 6px;
  font-size: 13px; white-space: pre-wrap; overflow-wrap: anywhere; }
a { color: var(--mark); }
nav { padding: 12px 16px; border-top: 1px solid var(--line); display: flex; gap: 24px; }
@media (max-width: 640px) {
  header { padding-top: 20px; }
  h1 { font-size: 24px; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden;
    clip-path: inset(50%); }
  tr { display: block; border-top: 1px solid var(--line); padding: 8px 16px; }
  td { display: block; border: 0; padding: 2px 0; }
}
"""


def style() -> Response:
    """Answer /style.css."""
    return Response(200, STYLE.encode(), "text/css; charset=utf-8", dict(_HEADERS))


def render(
    request: Request, store: Store, calls: CallLog, queue: FaultQueue
) -> Response:
    """Answer / with the workspaces, one page of their clients, and the last calls."""
    number = _page_number(request.arguments().get("page", "1"))
    parts = [_workspace(store, one, number) for one in store.workspaces()]
    parts.append(_calls(calls.list(newest=_LAST_CALLS)))
    parts.append(_faults(queue))
    clients = _clients(store.count())
    body = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<title>What Heffl has</title><link rel="stylesheet" href="/style.css">'
        "</head><body><header><h1>What Heffl has</h1>"
        f'<p class="soft">The local stand-in for Heffl. {clients} in all.</p>'
        f"</header><main>{''.join(parts)}</main></body></html>"
    )
    return Response(200, body.encode(), "text/html; charset=utf-8", dict(_HEADERS))


def _clients(total: int) -> str:
    return "1 client" if total == 1 else f"{total} clients"


def _page_number(text: str) -> int:
    usable = text.isascii() and text.isdigit() and len(text) < 7
    return max(1, int(text)) if usable else 1


def _workspace(store: Store, workspace: Workspace, number: int) -> str:
    total = store.count(workspace)
    clients = store.clients(workspace, limit=ROWS, offset=ROWS * (number - 1))
    keys = [
        f"…{key.tail}{' (revoked)' if key.revoked else ''}"
        for key in store.keys_of(workspace)
    ]
    about = f"{_clients(total)} · keys ending in {', '.join(keys) or 'none'}"
    if clients:
        rows = "".join(_client(client) for client in clients)
        table = _table(("Number", "Name", "Type", "Created", "Received"), rows)
    else:
        words = "No clients on this page." if total else "No clients yet."
        table = f'<div class="soft">{words}</div>'
    return (
        f"<section><div><h2>{escape(workspace.name)}</h2>"
        f'<p class="soft">{escape(about)}</p></div>{table}'
        f"{_pages(number, total)}</section>"
    )


def _table(names: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _client(client: Client) -> str:
    received = json.dumps(client.received, ensure_ascii=False, indent=2)
    created = iso(client.created_at)[:19].replace("T", " ") + " UTC"
    return (
        f'<tr><td class="number">{escape(client.number)}</td>'
        f"<td>{escape(client.name)}</td><td>{escape(client.type)}</td>"
        f'<td class="soft">{escape(created)}</td>'
        f"<td><details><summary>JSON</summary><pre>{escape(received)}</pre>"
        "</details></td></tr>"
    )


def _pages(number: int, total: int) -> str:
    links = []
    if number > 1:
        links.append(f'<a href="/?page={number - 1}">Newer</a>')
    if number * ROWS < total:
        links.append(f'<a href="/?page={number + 1}">Older</a>')
    return f"<nav>{''.join(links)}</nav>" if links else ""


def _calls(calls: Sequence[Mapping[str, object]]) -> str:
    if not calls:
        table = '<div class="soft">No calls yet.</div>'
    else:
        table = _table(
            ("Call", "Status", "Key", "Fault"),
            "".join(_call(call) for call in reversed(calls)),
        )
    return f"<section><div><h2>Last calls</h2></div>{table}</section>"


def _call(call: Mapping[str, object]) -> str:
    status = call["status"] or "no answer"
    key = f"…{call['key']}" if call["key"] else ""
    asked = f"{call['method']} {call['path']}"
    return (
        f"<tr><td>{escape(asked)}</td>"
        f'<td class="code">{escape(str(status))}</td>'
        f"<td>{escape(key)}</td><td>{escape(str(call['fault']))}</td></tr>"
    )


def _faults(queue: FaultQueue) -> str:
    waiting = len(queue.as_json())
    words = "1 rule waits" if waiting == 1 else f"{waiting} rules wait"
    rows = "".join(
        f'<tr><td class="code">{escape(str(fault["name"]))}</td>'
        f"<td>{escape(str(fault['summary']))}</td></tr>"
        for fault in describe()
    )
    table = _table(("Name", "What happens"), rows)
    return (
        f'<section><div><h2>Faults</h2><p class="soft">{words} in the script.</p>'
        "</div><details><summary>All faults that can be scripted</summary>"
        f"{table}</details></section>"
    )
