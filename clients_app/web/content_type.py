"""What a request says of its body, read strictly before Django reads it with codecs.

Django looks up the charset of a Content-Type among all codecs of Python, base64 and zlib
too, and decodes with it what is no body at all: a request can then not even be made into an
object that has a page for its faults. Pages are UTF-8, so forms are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

REFUSED = "portal.refused"
"""Set in the environment of a request that says of its body what nobody understands."""
LONGEST = 300
_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}", re.ASCII)
_PARAMETER = re.compile(
    r'[ \t]*;[ \t]*(?:([\w!#$&^.+-]+)=("[^"\\]*"|[^\s";,]+))?', re.ASCII
)
_CHARSETS = {"utf-8", "utf8", "us-ascii", "ascii"}


def plain(text: str) -> str | None:
    """Return a Content-Type with nothing but its boundary; None where it says what it must not.

    Forms, and the messages of Heffl, come in no other charset than UTF-8.
    """
    text = text.strip()
    if not text:
        return ""
    kind = _TYPE.match(text) if len(text) <= LONGEST and text.isascii() else None
    if kind is None:
        return None
    said, place = kind[0], kind.end()
    while place < len(text):
        found = _PARAMETER.match(text, place)
        if found is None:
            return None
        name, value = (found[1] or "").lower(), found[2] or ""
        if name == "charset" and value.strip('"').lower() not in _CHARSETS:
            return None
        if name == "boundary":
            said += f"; boundary={value}"
        place = found.end()
    return said


def guarded(application: Application) -> Application:
    """Put the guard before a WSGI application: what it refuses has no type, and a mark."""

    def checked(
        environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        said = plain(environ.get("CONTENT_TYPE") or "")
        if said is None:
            environ[REFUSED] = True
        environ["CONTENT_TYPE"] = said or ""
        return application(environ, start_response)

    return checked
