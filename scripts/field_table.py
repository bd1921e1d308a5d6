"""Prints the field table of docs/heffl-api.md from the contract."""

from __future__ import annotations

import sys
from pathlib import Path

from clients_app.heffl.contract import FIELDS, ClientType, FieldSpec

PAGE = Path(__file__).resolve().parent.parent / "docs" / "heffl-api.md"
START, END = "<!-- fields -->\n", "<!-- /fields -->"


def _use(spec: FieldSpec, client_type: ClientType) -> str:
    if client_type not in spec.allowed_for:
        return "–"
    return "required" if client_type in spec.required_for else "optional"


def table() -> str:
    """Return the contract's fields as a Markdown table."""
    lines = [
        "| key | input | kind | company | contact |",
        "| --- | --- | --- | --- | --- |",
    ]
    for spec in FIELDS:
        uses = " | ".join(_use(spec, client_type) for client_type in ClientType)
        path = ".".join(spec.api_path)
        lines.append(f"| `{path}` | `{spec.name}` | {spec.kind} | {uses} |")
    return "\n".join(lines) + "\n"


def filled(page: str) -> str:
    """Return the page with the table of the contract between its marks."""
    before, _, rest = page.partition(START)
    return before + START + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
    sys.stdout.write(table())
