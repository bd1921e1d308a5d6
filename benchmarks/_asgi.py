"""The portal as ASGI applications, for the comparison of web servers alone."""

from __future__ import annotations

import os
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "heffl_portal.settings")

from django.core.asgi import get_asgi_application  # noqa: E402

django_asgi = get_asgi_application()


def bridged() -> Any:
    """Return the WSGI application behind a2wsgi; bodies are read before a thread is taken."""
    from a2wsgi import WSGIMiddleware

    from heffl_portal.wsgi import application

    inner: Any = WSGIMiddleware(application, workers=16)

    async def whole(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
        given = False

        async def once() -> Any:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": body, "more_body": False}

        await inner(scope, once, send)

    return whole
