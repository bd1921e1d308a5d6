"""Where a `next` may lead: to a path of this site. The one judge of it, for all pages."""

from __future__ import annotations

import re

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme

LONGEST = 2_000
_PATH = re.compile(r"/[^\x00-\x20\x7f\\]*")


def own_address(request: HttpRequest, asked: str) -> str:
    """Return the path that was asked for, "" for anything that is none of this site's.

    A name of a route, an address with a host and one that cannot be read are none.
    """
    if len(asked) > LONGEST or not _PATH.fullmatch(asked):
        return ""
    hosts, secure = {request.get_host()}, request.is_secure()
    try:
        asked.encode()
        own = url_has_allowed_host_and_scheme(asked, hosts, require_https=secure)
    except ValueError:
        return ""
    return asked if own and not asked.startswith("//") else ""
