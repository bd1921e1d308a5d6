"""How large a request may be, and which pages take files; everywhere else none is stored.

Who sends a file must be known by then: it is parsed after session and role were looked at,
and kept in memory. No page writes what was sent to the temporary directory.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, Never, ParamSpec

from django.conf import settings
from django.core.exceptions import TooManyFilesSent
from django.core.files.uploadhandler import (
    FileUploadHandler,
    MemoryFileUploadHandler,
)
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve
from django.views.decorators.csrf import csrf_protect

from clients_app.models import Membership

P = ParamSpec("P")
MemberView = Callable[Concatenate[HttpRequest, Membership, P], HttpResponseBase]
AROUND = 64 * 1024
"""What a form with a file has besides the file."""
ANYBODY = ("/s/", "/accounts/", "/invitation/", "/webhooks/")
FROM_ANYBODY = 128 * 1024
"""What a form may have below those: whoever sends it need not have signed in."""


class UnexpectedFile(TooManyFilesSent):
    """A form came with a file to a page that takes none."""


class NoFiles(FileUploadHandler):
    """Django's handler of files, unless a page takes some: refuses them unread."""

    def new_file(self, *args: Any, **kwargs: Any) -> Never:
        """Raise UnexpectedFile."""
        raise UnexpectedFile("a file was sent to a page that takes none")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep nothing."""

    def file_complete(self, file_size: int) -> None:
        """Return no file."""


class InMemory(MemoryFileUploadHandler):
    """Keeps files in memory: the whole request was held to its bound before."""

    def handle_raw_input(self, *args: Any, **kwargs: Any) -> None:
        """Take part whatever the length; Django would leave the larger to a disk."""
        self.activated = True


def takes_files(
    most: int,
) -> Callable[[MemberView[P]], Callable[..., HttpResponseBase]]:
    """Let a view take files of up to `most` bytes in all. Belongs below members_only().

    The form's token is looked at here, and not before: that parses the body.
    """

    def decorate(view: MemberView[P]) -> Callable[..., HttpResponseBase]:
        checked = csrf_protect(view)

        @wraps(view)
        def wrapper(
            request: HttpRequest, member: Membership, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            request.upload_handlers = [InMemory(request)]
            return checked(request, member, *args, **kwargs)

        wrapper.csrf_exempt = True  # type: ignore[attr-defined]  # by what comes first
        wrapper.most_bytes = most + AROUND  # type: ignore[attr-defined]
        return wrapper

    return decorate


def bound_of(view: Callable[..., Any], path: str) -> int:
    """Return how many bytes a request to a view, at this path, may have."""
    if path.startswith(ANYBODY):
        return FROM_ANYBODY
    return getattr(view, "most_bytes", 0) or settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def bound_at(path: str) -> int:
    """Return how many bytes a request to a path may have: for a web server."""
    try:
        return bound_of(resolve(path).func, path)
    except Resolver404:
        return FROM_ANYBODY


def is_too_large(request: HttpRequest, view: Callable[..., Any]) -> bool:
    """Say whether a request announces more than a view takes, or a length that is none."""
    length = request.META.get("CONTENT_LENGTH") or "0"
    return not (length.isascii() and length.isdigit()) or (
        len(length) > 12 or int(length) > bound_of(view, request.path_info)
    )
