"""/healthz says that the process lives; /readyz that it can do its work."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from clients_app.crypto import SealError, kid_of
from clients_app.models import ApiCredential, Status, Submission


@require_safe
def health_alive(request: HttpRequest) -> HttpResponse:
    """Answer 200, "ok" and the version, while the process can answer at all."""
    text = f"ok\nheffl-portal {settings.VERSION}\n"
    return HttpResponse(text, content_type="text/plain")


def _keyring_state() -> str:
    kids = set(settings.PORTAL_KEYRING.keys)
    used = set()
    for token in ApiCredential.objects.held().values_list("ciphertext", flat=True):
        try:
            used.add(kid_of(token))
        except SealError:
            return "a stored key is malformed"
    missing = sorted(used - kids)
    return f"key {', '.join(missing)} is missing" if missing else "ok"


@require_safe
def health_ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 when database, migrations and key ring are in order, else 503.

    `oldest_waiting_seconds` is the age of the oldest client not yet sent, or 0.
    """
    body: dict[str, Any] = {"database": "ok", "migrations": "ok", "keyring": "ok"}
    body["oldest_waiting_seconds"] = 0
    try:
        connection.ensure_connection()
        executor = MigrationExecutor(connection)
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            body["migrations"] = "not applied; run `python manage.py migrate`"
        else:
            body["keyring"] = _keyring_state()
            oldest = (
                Submission.objects.filter(status=Status.QUEUED)
                .order_by("queued_at")
                .values_list("queued_at", flat=True)
                .first()
            )
            if oldest:
                age = (timezone.now() - oldest).total_seconds()
                body["oldest_waiting_seconds"] = max(0, round(age))
    except DatabaseError:
        body["database"] = "unreachable"
    ready = all(body[part] == "ok" for part in ("database", "migrations", "keyring"))
    body["status"] = "ready" if ready else "not ready"
    return JsonResponse(body, status=200 if ready else 503)
