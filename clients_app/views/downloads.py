"""What is handed out as a file: under a name of our own, never shown as a page."""

from __future__ import annotations

from typing import TypeVar

from django.http.response import HttpResponseBase

Answer = TypeVar("Answer", bound=HttpResponseBase)


def as_file(response: Answer, name: str) -> Answer:
    """Return the answer as a file of this name, whatever a browser makes of what is in it."""
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response
