"""Is this webhook genuine and recent? Pure: bytes and headers in, an answer out.

Heffl signs as the Standard Webhooks specification says; the library of that name checks,
five minutes either way. Its own faults on hostile headers become the one refusal here.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

PREFIX = "whsec_"
SHORTEST, LONGEST = 16, 128
MAX_ID = 200
MAX_TEXT, MAX_SIGNATURES = 1_000, 2_000
"""Characters of what somebody pastes, and of the header that holds the signatures."""
HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_ID = re.compile(r"[\x21-\x7e]{1,200}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}", re.ASCII)


class SecretFormatError(ValueError):
    """What was given cannot be a signing secret."""


class NotSigned(Exception):
    """A header is missing or malformed: this was not sent by a webhook sender."""


class NotGenuine(Exception):
    """No secret fits the signature, or the message is too old or too new."""


@dataclass(frozen=True)
class Genuine:
    """What a genuine message says about itself, and which secret (by place) signed it."""

    id: str
    sent_at: datetime
    secret: int


def clean_secret(text: str) -> str:
    """Return a pasted secret, `whsec_` and base64. Raises SecretFormatError."""
    secret = "".join(text.strip()[: MAX_TEXT + 1].split())
    if len(secret) > MAX_TEXT:
        raise SecretFormatError
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX) + "==", validate=False)
        plain = re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", secret.removeprefix(PREFIX))
    except (binascii.Error, ValueError):
        raise SecretFormatError from None
    if not plain or not SHORTEST <= len(key) <= LONGEST:
        raise SecretFormatError
    return PREFIX + secret.removeprefix(PREFIX)


def check(secrets: Iterable[str], headers: Mapping[str, str], body: bytes) -> Genuine:
    """Return what a message says about itself. Raises NotSigned or NotGenuine.

    `headers` by lower-case name. Each secret is tried, so that one may replace another.
    """
    given = {name: headers.get(name, "") for name in HEADERS}
    if not _ID.fullmatch(given["webhook-id"]):
        raise NotSigned
    if not 0 < len(given["webhook-signature"]) <= MAX_SIGNATURES:
        raise NotSigned
    if not _TIMESTAMP.fullmatch(given["webhook-timestamp"]):
        raise NotSigned
    for place, secret in enumerate(secrets):
        if _fits(secret, given, body):
            sent_at = datetime.fromtimestamp(int(given["webhook-timestamp"]), UTC)
            return Genuine(given["webhook-id"], sent_at, place)
    raise NotGenuine


def _fits(secret: str, headers: dict[str, str], body: bytes) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except Exception:  # noqa: BLE001 - the library lets what a hostile header causes through
        return False
    return True
