"""Where Heffl reports to. Every answer is a bare status: nothing is told to strangers."""

from __future__ import annotations

import logging

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from clients_app import webhooks
from clients_app.models import Organisation

log = logging.getLogger("portal.web")


def _refused(
    organisation: Organisation | None, status: int, reason: str
) -> HttpResponse:
    known = organisation.pk if organisation else None
    log.warning("webhook refused", extra={"organisation": known, "reason": reason})
    return HttpResponse(status=status)


@csrf_exempt
@require_POST
def webhook_receive(request: HttpRequest, slug: str) -> HttpResponse:
    """Take in one message of Heffl: 200, or 400, 401, 413 with nothing changed.

    Without HTTPS, where there is some, 403: nobody is led on to the other address.
    A sender's retry of a message that is known already is 200; the very same message
    again is 400. Who cannot sign is not told whether there is such an organisation, or
    whether it expects messages: the answers are the same.
    """
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        return _refused(None, 403, "without_https")
    organisation = Organisation.objects.filter(slug=slug).first()
    try:
        length = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        return _refused(organisation, 400, "length")
    if length > webhooks.MAX_BODY:
        return _refused(organisation, 413, "too_big")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        webhooks.receive(organisation, headers, request.read(webhooks.MAX_BODY))
    except webhooks.NotGenuine:
        return _refused(organisation, 401, "not_genuine")
    except webhooks.NotSigned:
        return _refused(organisation, 400, "not_signed")
    except webhooks.Malformed:
        return _refused(organisation, 400, "malformed")
    except webhooks.Replayed:
        return _refused(organisation, 400, "replayed")
    return HttpResponse(status=200)
