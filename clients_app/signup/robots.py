"""Keeping robots off the public form without cookies, puzzles or anybody else's service.

A form token is signed, bound to one organisation and good for one signup. A proof of work
is bound to the token. Buckets (clients_app.throttle) count what a network and a page have
sent.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

import altcha
from django.core import signing
from django.utils.crypto import salted_hmac

from clients_app.models import Organisation, SignupPage
from clients_app.throttle import Limit

TOKEN_AGE = 4 * 3600.0
"""Seconds for which a form may stay open. What was typed is kept when it was longer."""
FASTEST = 2.0
"""Nobody reads and fills in a form in fewer seconds."""
MOST_PROOF = 4_000
_TOKEN = re.compile(r"[A-Za-z0-9._:-]{1,200}", re.ASCII)
_COST = 1_000
_COUNTERS = range(600, 1_200)
_LINK = re.compile(r"https?:|www\.|<\s*a\b|\[url", re.IGNORECASE)


@dataclass(frozen=True)
class FormToken:
    """What one rendering of the form was made of.

    `form` counts the organisation's questions, `consent` the wordings of the consent
    line; `nonce` (128 random bits) becomes the token of the submission.
    """

    organisation_id: int
    form: int
    consent: int
    issued_at: datetime
    nonce: str

    def age(self, now: datetime) -> float:
        """Return for how many seconds the form has been open."""
        return (now - self.issued_at).total_seconds()

    def is_current(self, page: SignupPage) -> bool:
        """Say whether the page still asks what it asked when this form was made."""
        return (self.form, self.consent) == _version(page)

    def sign(self) -> str:
        """Return the token as it stands in the page; read_token() takes it back."""
        parts = (
            *(self.organisation_id, self.form, self.consent),
            *(round(self.issued_at.timestamp() * 1000), self.nonce),
        )
        return _signer().sign(".".join(map(str, parts)))


def _signer() -> signing.Signer:
    return signing.Signer(salt="signup.form")


def _version(page: SignupPage) -> tuple[int, int]:
    return page.organisation.form_version, page.consent_version


def new_token(page: SignupPage, now: datetime) -> FormToken:
    """Return a token for a form that is about to be shown."""
    form, consent = _version(page)
    return FormToken(
        page.organisation.pk, form, consent, now, secrets.token_urlsafe(16)
    )


def read_token(text: str, organisation: Organisation) -> FormToken | None:
    """Return the token in a posted form; None for one that we did not make for it.

    How old it is, and whether it was used before, is for the caller to ask.
    """
    if not _TOKEN.fullmatch(text):
        return None
    try:
        parts = _signer().unsign(text).split(".")
        owner, form, consent, issued = map(int, parts[:4])
    except (signing.BadSignature, ValueError):
        return None
    if owner != organisation.pk:
        return None
    at = datetime.fromtimestamp(issued / 1000, tz=UTC)
    return FormToken(owner, form, consent, at, parts[4])


def challenge_for(token: FormToken, now: datetime) -> str:
    """Return the work, as JSON, that a browser proves itself with; bound to the token.

    It can be handed in as long as the form may stay open (`TOKEN_AGE`).
    """
    made = altcha.create_challenge(
        "PBKDF2/SHA-256",
        _COST,
        counter=secrets.choice(_COUNTERS),
        expires_at=int(now.timestamp() + TOKEN_AGE),
        data={"form": _place(token)},
        hmac_secret=_secret("challenge"),
        hmac_key_secret=_secret("solution"),
    )
    return json.dumps(made.to_dict(), separators=(",", ":"))


def is_proof(text: str, token: FormToken) -> bool:
    """Say whether this is the work set for exactly this token, done."""
    if not text or len(text) > MOST_PROOF or not text.isascii():
        return False
    try:
        found = altcha.verify_solution(
            text,
            _secret("challenge"),
            hmac_key_secret=_secret("solution"),
        )
        if not found.verified:
            return False
        # Signed by us, so it looks as we made it.
        given = json.loads(base64.b64decode(text))["challenge"]["parameters"]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False
    return bool(given["data"]["form"] == _place(token))


def _place(token: FormToken) -> str:
    return f"{token.organisation_id}.{token.nonce}"


def _secret(purpose: str) -> str:
    return salted_hmac(f"signup.{purpose}", "", algorithm="sha256").hexdigest()


def has_links(texts: Iterable[object]) -> bool:
    """Say whether answers that are no web addresses hold some all the same."""
    return any(isinstance(text, str) and _LINK.search(text) for text in texts)


NETWORK = Limit(window=600.0, odd=20, most=60)
"""Signups at one page from one network. An office, or a tablet at an event, is one."""
KIOSK = Limit(window=600.0, odd=300, most=300)
"""Signups through the organisation's tablets, which share its network."""
PAGE = Limit(window=600.0, odd=300, most=3_000)
"""Signups at one page from everywhere."""
ADDRESS = Limit(window=24 * 3600.0, odd=3, most=5)
"""Mails to one address, which may belong to somebody who never asked."""
