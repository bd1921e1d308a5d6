"""/healthz says that the process lives; /readyz that it can do its work."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from clients_app import health
from clients_app.database import outage
from clients_app.models import Status, Submission

log = logging.getLogger("portal.health")
_well: dict[str, bool] = {}


@require_safe
def health_alive(request: HttpRequest) -> HttpResponse:
    """Answer 200, "ok" and the version, while the process can answer at all."""
    text = f"ok\nheffl-portal {settings.VERSION}\n"
    return HttpResponse(text, content_type="text/plain; charset=utf-8")


@require_safe
def health_ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when all parts in clients_app.health are in order, else 503.

    `oldest_waiting_seconds` is the age of the oldest client not yet sent, or 0;
    `warnings` are about what another process should do.
    """
    body: dict[str, Any] = {**health.state()}
    ready = all(words == health.OK for words in body.values())
    _log_changes(body)
    body |= {"oldest_waiting_seconds": 0, "warnings": []}
    if body["database"] == body["migrations"] == health.OK:
        try:
            body["oldest_waiting_seconds"] = _oldest_waiting()
            body["warnings"] = health.warnings()
        except (DatabaseError, InterfaceError) as error:
            log.error("database away", extra=outage.told(error))
            body["database"], ready = "unreachable", False
    body["status"] = "ready" if ready else "not ready"
    return JsonResponse(body, status=200 if ready else 503)


def _oldest_waiting() -> int:
    queued = Submission.objects.filter(status=Status.QUEUED).order_by("queued_at")
    oldest = queued.values_list("queued_at", flat=True).first()
    age = (timezone.now() - oldest).total_seconds() if oldest else 0
    return max(0, round(age))


def _log_changes(parts: dict[str, str]) -> None:
    """Say in the log when a part fails or is in order again, once."""
    for part, words in parts.items():
        well = words == health.OK
        if _well.get(part, True) != well:
            extra = {"action": part, "reason": words}
            log.log(
                logging.INFO if well else logging.ERROR,
                "ready again" if well else "not ready",
                extra=extra,
            )
            _well[part] = well
