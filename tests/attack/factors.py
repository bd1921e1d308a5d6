"""Somebody who knows a password and nothing else, or who can write to the database."""

from __future__ import annotations

from collections.abc import Iterator

import requests

from tests.attack.portal import PATIENCE, Finding, Portal, totp_code

SEED = "JBSWY3DPEHPK3PXP"
LOGIN, PROVE = "/accounts/login/", "/accounts/2fa/authenticate/"
SWITCH_OFF = "/accounts/2fa/totp/deactivate/"
ENROL = """
from allauth.mfa.totp.internal.auth import TOTP
from clients_app.models import User
TOTP.activate(User.objects.get(email="{email}"), "JBSWY3DPEHPK3PXP")
"""
PASTE = """
from allauth.mfa.models import Authenticator
from clients_app.models import User
data = Authenticator.objects.get(user__email="{mine}", type="totp").data
victim = User.objects.get(email="{theirs}")
Authenticator.objects.filter(user=victim, type="totp").update(data=data)
"""
AGE = """
from django.contrib.sessions.backends.db import SessionStore
session = SessionStore("{key}")
for record in session["account_authentication_methods"]:
    record["at"] -= 301
session.save()
"""


def attacks(portal: Portal) -> Iterator[Finding]:
    """Try a parked session, a factor switched off by password, and a seal pasted over."""
    yield _parked(portal)
    yield _switched_off(portal)
    yield _pasted(portal)


def _shell(portal: Portal, script: str) -> None:
    done = portal.manage("shell", "--verbosity", "0", "-c", script)
    if done.returncode:
        raise RuntimeError(done.stderr)


def _with_password(portal: Portal, role: str) -> requests.Session:
    session = requests.Session()
    email, password = portal.people[role]
    portal.post(session, LOGIN, {"login": email, "password": password})
    return session


def _parked(portal: Portal) -> Finding:
    """A session that waits at the enrolment while the owner enrols in another one."""
    parked = _with_password(portal, "owner")
    portal.session("owner")
    organisation = f"/o/{portal.slug}/"
    pages = [
        *(organisation + each for each in ("clients/", "review/", "audit/")),
        "/accounts/2fa/",
        "/accounts/password/change/",
        "/accounts/sessions/",
    ]
    opened = 0
    for page in pages:
        answer = parked.get(portal.url + page, timeout=PATIENCE)
        opened += answer.status_code == 200 and answer.url == portal.url + page
    return Finding(
        attack="a session with the password alone, after the owner set up a second factor elsewhere",
        before="opens 6 of 6 pages",
        after=f"opens {opened} of {len(pages)} pages",
        held=opened == 0,
    )


def _switched_off(portal: Portal) -> Finding:
    """A session left open in which the password is typed again, but no code."""
    email, password = portal.people["reviewer"]
    _shell(portal, ENROL.format(email=email))
    session = _with_password(portal, "reviewer")
    answer = portal.post(session, PROVE, {"code": totp_code(SEED)})
    if answer.url.endswith(PROVE):  # the half minute of the code was just over
        portal.post(session, PROVE, {"code": totp_code(SEED)})
    key = session.cookies.get("session") or ""
    _shell(portal, AGE.format(key=key))
    portal.post(session, "/accounts/reauthenticate/", {"password": password})
    portal.post(session, SWITCH_OFF, {})
    again = _with_password(portal, "reviewer")
    off = (
        "/2fa/authenticate/" not in again.get(portal.url + PROVE, timeout=PATIENCE).url
    )
    return Finding(
        attack="a second factor switched off with the password alone",
        before="switched off",
        after="switched off" if off else "the factor is asked for",
        held=not off,
    )


def _pasted(portal: Portal) -> Finding:
    """The sealed secret of one person in the row of another, as the database allows it."""
    mine, theirs = portal.people["reviewer"][0], portal.people["frontdesk"][0]
    for email in (mine, theirs):
        portal.manage("shell", "--verbosity", "0", "-c", ENROL.format(email=email))
    _shell(portal, PASTE.format(mine=mine, theirs=theirs))
    session = _with_password(portal, "frontdesk")
    answer = portal.post(session, PROVE, {"code": totp_code(SEED)})
    inside = f"/o/{portal.slug}/" in answer.url
    return Finding(
        attack="a sealed second factor pasted into another person's row",
        before="opens: signed in",
        after="opens: signed in" if inside else f"does not open: {answer.status_code}",
        held=not inside,
    )
