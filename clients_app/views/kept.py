"""Nothing typed is lost when a sign-in runs out: the form sent too late is kept, sealed, in
this browser's session, and sent once the same person has signed in again.

Whether it came from our own page has been checked by then: the middleware against forgery
looks at every form before any of this runs. Works without scripts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.sessions.models import Session
from django.core.signing import BadSignature, Signer
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app.accounts import sessions
from clients_app.crypto import KeyRing, SealError, Secret
from clients_app.models import User

KEPT = "kept_form"
PURPOSE = "kept_form"
KEPT_FOR = 3600
"""Seconds within which the person has to sign in again."""
MOST = 200_000
"""Characters of one kept form; a client of many long answers has a tenth of that."""
LONGEST_MARK = 200
_signer = Signer(salt="typed-by")


def mark_of(user: User) -> str:
    """Return what a page carries to say whose form it is; nobody else can make it."""
    return _signer.sign(str(user.pk))


def owner_of(mark: str) -> str:
    """Return the key of the person a form's mark was made for, "" for no mark of ours."""
    if len(mark) > LONGEST_MARK:
        return ""
    try:
        return _signer.unsign(mark)
    except BadSignature:
        return ""


def seconds_left(request: HttpRequest) -> int | None:
    """Return in how many seconds this sign-in runs out; None when nothing tells."""
    found = Session.objects.filter(session_key=request.session.session_key)
    ends = found.values_list("expire_date", flat=True).first()
    if not ends:
        return None
    unused = (ends - timezone.now()).total_seconds()
    return sessions.seconds_left(request, within=unused)


def kept_over_sign_in(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Keep a form that a signed-out person sends, and hand it to the view afterwards.

    Goes around members_only(), which leads to the sign-in page and back to this address.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, slug: str, *args: Any, **kwargs: Any) -> Any:
        if not request.user.is_authenticated:
            if request.method == "POST":
                _keep(request, slug)
        elif request.method == "GET" and KEPT in request.session:
            _bring_back(request, slug)
        return view(request, slug, *args, **kwargs)

    return wrapper


def _ring() -> KeyRing:
    ring: KeyRing = settings.PORTAL_KEYRING
    return ring


def _keep(request: HttpRequest, slug: str) -> None:
    owner = owner_of(request.POST.get("typed_by", ""))
    typed = sum(len(one) for _name, values in request.POST.lists() for one in values)
    if not owner or typed > MOST:
        return
    posted = request.POST.urlencode()
    if len(posted) > MOST:
        return
    sealed = _ring().seal(
        Secret(posted), purpose=PURPOSE, organisation=slug, row=f"{owner}{request.path}"
    )
    request.session[KEPT] = [int(time.time()), owner, request.path, sealed]
    messages.warning(
        request,
        _(
            "Your sign-in had run out. What you typed is kept for an hour and sent "
            "when you have signed in again."
        ),
    )


def _bring_back(request: HttpRequest, slug: str) -> None:
    """Turn this request into the form that was kept, if it is this person's, and here."""
    kept_at, owner, path, sealed = request.session[KEPT]
    if owner != str(request.user.pk) or path != request.path:
        return
    del request.session[KEPT]
    if time.time() - kept_at > KEPT_FOR:
        return
    try:
        posted = _ring().open(
            sealed, purpose=PURPOSE, organisation=slug, row=f"{owner}{path}"
        )
    except SealError:
        return
    request.method = "POST"
    request.POST = QueryDict(posted.reveal())
