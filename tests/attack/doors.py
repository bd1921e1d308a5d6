"""The doors that every other attack begins at: who gets in at all, and who does not."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from tests.attack.portal import PATIENCE, ROLES, Finding, Portal

PAGES = ("clients/", "review/", "settings/heffl/", "clients/export.csv")


def attacks(portal: Portal) -> Iterator[Finding]:
    """Ask for an organisation's pages without a session; a first answer for each role."""
    for role in ROLES:
        portal.session(role)  # raises when a person who may come in does not
    answers = [
        requests.get(
            f"{portal.url}/o/{portal.slug}/{page}",
            allow_redirects=False,
            timeout=PATIENCE,
        ).headers.get("Location", "")
        for page in PAGES
    ]
    led = sum(answer.startswith("/accounts/login/") for answer in answers)
    yield Finding(
        attack="an organisation's pages without a session",
        before=f"{len(PAGES)} of {len(PAGES)} lead to the sign-in",
        after=f"{led} of {len(PAGES)} lead to the sign-in",
        held=led == len(PAGES),
    )
