"""Attacks on signing in: locking people out, guessing, mail to strangers, leaked passwords.

Each network is an address of the loopback range of its own. Hours pass by moving what the
portal has counted back in time, in its database.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from tests.attack.portal import PATIENCE, Finding, Portal, csrf_token

HOUR = 3600
LOGIN, RESET = "/accounts/login/", "/accounts/password/reset/"
LEAKED = ("Mailcreated5240", "Welcome12345")
PASS = """
from django.db.models import F
from clients_app.models import SignInPlace, SignupBucket
SignInPlace.objects.update(free_at=F("free_at") - {0}, tried_at=F("tried_at") - {0})
SignupBucket.objects.update(empty_at=F("empty_at") - {0})
"""


class _From(HTTPAdapter):
    """Connects from one address of this machine."""

    def __init__(self, network: str) -> None:
        self._network = network
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> Any:
        kwargs["source_address"] = (self._network, 0)
        return super().init_poolmanager(*args, **kwargs)


@functools.cache
def _csrf(url: str) -> tuple[str, str]:
    """Return a cookie and the token of a form that goes with it; any browser may use them."""
    browser = requests.Session()
    page = browser.get(url + LOGIN, timeout=PATIENCE)
    return browser.cookies["csrf"], csrf_token(page.text)


def _send(
    portal: Portal, network: str, path: str, data: dict[str, str]
) -> requests.Response:
    cookie, token = _csrf(portal.url)
    browser = requests.Session()
    browser.mount("http://", _From(network))
    return browser.post(
        portal.url + path,
        data | {"csrfmiddlewaretoken": token},
        cookies={"csrf": cookie},
        headers={"Referer": portal.url + path},
        timeout=PATIENCE,
        allow_redirects=False,
    )


def _try(
    portal: Portal, address: str, password: str, network: str
) -> requests.Response:
    typed = {"login": address, "password": password}
    return _send(portal, network, LOGIN, typed)


def _wrong(portal: Portal, address: str, network: str) -> requests.Response:
    return _try(portal, address, "wrong password", network)


def _later(portal: Portal, seconds: int) -> None:
    done = portal.manage("shell", "-c", PASS.format(seconds))
    if done.returncode:
        raise RuntimeError(done.stderr)


def _letters(portal: Portal, address: str) -> int:
    """Count the mails that went to an address."""
    folder: Path = portal.folder / "mail"
    return sum(
        each.read_text(errors="replace").count(f"\nTo: {address}")
        for each in folder.glob("*")
    )


def attacks(portal: Portal) -> Iterator[Finding]:
    """Yield what came of each attack."""
    yield _lock_out(portal)
    yield from _one_network(portal)
    yield _many_networks(portal)
    yield _strangers(portal)
    yield _mailbox(portal)
    yield _leaked(portal)


def _lock_out(portal: Portal) -> Finding:
    address, password = portal.people["frontdesk"]
    for _ in range(12):
        _wrong(portal, address, "127.0.0.66")
    answer = _try(portal, address, password, "127.0.0.7")
    got_in = answer.status_code == 302
    return Finding(
        attack="12 wrong passwords for a colleague's address, from another network",
        before="locked out for five minutes, the right password too",
        after="the right password gets in" if got_in else f"{answer.status_code}",
        held=got_in and _letters(portal, address) == 1,
    )


def _one_network(portal: Portal) -> Iterator[Finding]:
    """Guess for an hour, as fast as the portal lets."""
    address, _password = portal.people["reviewer"]
    passed, looked_at, waits = 0, 0, list[int]()
    while passed < HOUR:
        answer = _wrong(portal, address, "127.0.0.66")
        if answer.status_code == 429:
            waits.append(int(answer.headers["Retry-After"]))
            _later(portal, waits[-1])
            passed += waits[-1]
        else:
            looked_at += 1
    yield Finding(
        attack="guesses at one address, from one network, in an hour",
        before="60",
        after=str(looked_at),
        held=looked_at <= 12,
    )
    yield Finding(
        attack="waits that a guesser is told, in seconds",
        before="300, always",
        after=", ".join(map(str, waits)),
        held=all(
            second > first for first, second in zip(waits, waits[1:], strict=False)
        ),
    )


def _many_networks(portal: Portal) -> Finding:
    address, password = portal.people["admin"]
    _try(portal, address, password, "127.0.0.7")
    told: list[int] = []

    def guess(part: int) -> None:
        for number in range(28):
            answer = _wrong(portal, address, f"127.0.{part + 1}.{number + 1}")
            told.append(answer.status_code)

    threads = [threading.Thread(target=guess, args=(part,)) for part in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    looked_at = told.count(200)
    own = _try(portal, address, password, "127.0.0.7").status_code
    return Finding(
        attack=f"{len(told)} guesses at one address, each from another network",
        before="5 looked at, and the person locked out",
        after=f"{looked_at} looked at; the person {'gets in' if own == 302 else 'is locked out'}",
        held=looked_at <= 110 and own == 302 and len(told) == 112,
    )


def _strangers(portal: Portal) -> Finding:
    for number in range(10):
        _send(
            portal,
            f"127.0.5.{number + 1}",
            RESET,
            {"email": "stranger@attacked.example"},
        )
    mailed = _letters(portal, "stranger@attacked.example")
    return Finding(
        attack="a new password asked for ten times for somebody who has no account",
        before='5 mails a minute, "sign up" in each',
        after=f"{mailed} mails",
        held=mailed == 0,
    )


def _mailbox(portal: Portal) -> Finding:
    address, _password = portal.people["owner"]
    before = _letters(portal, address)
    for number in range(20):
        _send(portal, f"127.0.6.{number + 1}", RESET, {"email": address})
    mailed = _letters(portal, address) - before
    return Finding(
        attack="a new password asked for 20 times for one person, from 20 networks",
        before="5 mails a minute, 300 an hour",
        after=f"{mailed} mails in the hour",
        held=mailed == 5,
    )


def _leaked(portal: Portal) -> Finding:
    taken = 0
    for number, password in enumerate(LEAKED):
        done = portal.manage(
            *("add_member", portal.slug, f"leaked{number}@attacked.example"),
            *("--role", "frontdesk"),
            PORTAL_MEMBER_PASSWORD=password,
        )
        taken += done.returncode == 0
    return Finding(
        attack=f"{len(LEAKED)} leaked passwords chosen",
        before="2 taken",
        after=f"{taken} taken",
        held=taken == 0,
    )
