"""The key ring: seals API keys and other secrets to what they belong to.

A sealed value opens only with the same master key, purpose, organisation and row; anything
else fails, it never yields garbage or the ciphertext. The only `import cryptography`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = "v1"
KEY_BYTES = 32
NONCE_BYTES = 12
_KID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class KeyRingError(ValueError):
    """The key ring itself is unusable. The text names key ids, never a key."""


class SealError(Exception):
    """A sealed value cannot be opened here. The text names the key id, never a value."""


class Secret:
    """A value that does not show itself: not printed, formatted, copied or pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value. Call this as late as possible, and keep no name for it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "Secret(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is never pickled or copied")


def _binding(*parts: str) -> bytes:
    """Return the parts, each with its length before it, so that none can lend to another."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _unbase64(text: str) -> bytes:
    return base64.b64decode(text, altchars=b"-_", validate=True)


def _packed(blob: bytes) -> str:
    return base64.urlsafe_b64encode(blob).decode().rstrip("=")


@dataclass(frozen=True, repr=False)
class KeyRing:
    """Master keys by id. The first seals; every one opens what bears its id."""

    keys: Mapping[str, bytes]

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self.keys)})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key ring is never pickled or copied")

    @classmethod
    def parse(cls, text: str) -> KeyRing:
        """Read `id:base64,id:base64`, each key 32 bytes.

        Raises KeyRingError that names the id at fault.
        """
        keys: dict[str, bytes] = {}
        entries = [entry.strip() for entry in re.split(r"[,\n]", text) if entry.strip()]
        if not entries:
            raise KeyRingError(
                "PORTAL_KEYRING is empty; docs/operations.md says how to make the first key"
            )
        for place, entry in enumerate(entries, start=1):
            kid, colon, encoded = entry.partition(":")
            if not colon or not _KID.fullmatch(kid):
                raise KeyRingError(
                    f"PORTAL_KEYRING entry {place} does not look like id:base64"
                )
            if kid in keys:
                raise KeyRingError(f"PORTAL_KEYRING key '{kid}' stands there twice")
            padded = encoded.strip().replace("+", "-").replace("/", "_")
            try:
                master = _unbase64(padded + "=" * (-len(padded) % 4))
            except (binascii.Error, ValueError):
                raise KeyRingError(
                    f"PORTAL_KEYRING key '{kid}' is not base64"
                ) from None
            if len(master) != KEY_BYTES:
                raise KeyRingError(
                    f"PORTAL_KEYRING key '{kid}' is {len(master)} bytes, must be {KEY_BYTES}"
                )
            same = [known for known, held in keys.items() if held == master]
            if same:
                raise KeyRingError(
                    f"PORTAL_KEYRING keys '{same[0]}' and '{kid}' are the same key"
                )
            keys[kid] = master
        return cls(keys)

    @property
    def sealing_kid(self) -> str:
        """Return the id of the key that seals: the first."""
        return next(iter(self.keys))

    def _derived(self, kid: str, purpose: str) -> bytes:
        master = self.keys.get(kid)
        if master is None:
            raise SealError(f"The key ring has no key '{kid}'")
        info = _binding("heffl-portal", VERSION, purpose)
        return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=info).derive(
            master
        )

    def seal(self, value: Secret, *, purpose: str, organisation: str, row: str) -> str:
        """Return `v1.<kid>.<base64url(nonce, ciphertext, tag)>`, bound to its place."""
        kid = self.sealing_kid
        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._derived(kid, purpose)).encrypt(
            nonce,
            value.reveal().encode(),
            _binding(VERSION, kid, purpose, organisation, row),
        )
        return f"{VERSION}.{kid}.{_packed(nonce + sealed)}"

    def open(self, token: str, *, purpose: str, organisation: str, row: str) -> Secret:
        """Return the secret in a sealed value.

        Raises SealError when the value is malformed, its key is not on the ring, or it
        was sealed for another purpose, organisation or row.
        """
        kid = kid_of(token)
        binding = _binding(VERSION, kid, purpose, organisation, row)
        secret = self._opened(token, kid, purpose, binding)
        if secret is None:
            raise SealError(f"A value sealed with key '{kid}' does not open here")
        return secret

    def _opened(
        self, token: str, kid: str, purpose: str, binding: bytes
    ) -> Secret | None:
        """Return the secret, or None. No frame of an error then holds key or value."""
        derived = self._derived(kid, purpose)
        packed = token.split(".", 2)[2]
        try:
            blob = _unbase64(packed + "=" * (-len(packed) % 4))
            if _packed(blob) != packed:  # another spelling of the same bytes
                return None
            nonce, sealed = blob[:NONCE_BYTES], blob[NONCE_BYTES:]
            return Secret(AESGCM(derived).decrypt(nonce, sealed, binding).decode())
        except (InvalidTag, ValueError):
            return None

    def fingerprints(self, value: Secret) -> dict[str, str]:
        """Return, by key id, a stable mark of a secret (64 hex digits), first key first.

        Equal secrets have equal marks; without the ring a mark tells nothing.
        """
        return {kid: self._mark(kid, value) for kid in self.keys}

    def _mark(self, kid: str, value: Secret) -> str:
        master = self._derived(kid, "fingerprint")
        return hmac.new(master, value.reveal().encode(), hashlib.sha256).hexdigest()

    def fingerprint(self, value: Secret) -> str:
        """Return the mark made with the ring's first key, the one to store."""
        return self.fingerprints(value)[self.sealing_kid]

    def mac(self, text: str, *, purpose: str) -> tuple[str, str]:
        """Return the first key's id and its HMAC-SHA256 of a text (64 hex digits).

        One that was made for another `purpose` does not hold.
        """
        kid = self.sealing_kid
        key = self._derived(kid, f"mac {purpose}")
        return kid, hmac.new(key, text.encode(), hashlib.sha256).hexdigest()

    def mac_holds(self, text: str, kid: str, mac: str, *, purpose: str) -> bool:
        """Say whether a MAC was made from this text with the ring's key of that id.

        False, too, when the ring has no such key.
        """
        if kid not in self.keys:
            return False
        key = self._derived(kid, f"mac {purpose}")
        made = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return hmac.compare_digest(made, mac)


def kid_of(token: str) -> str:
    """Return the id of the key that sealed a value. Raises SealError when malformed."""
    parts = token.split(".")
    if len(parts) != 3 or parts[0] != VERSION or not _KID.fullmatch(parts[1]):
        raise SealError("A stored value does not look sealed")
    return parts[1]


def count_kids(tokens: Iterable[str]) -> dict[str, int]:
    """Count sealed values by the id of the key that sealed them ("?" = malformed)."""
    counts: dict[str, int] = {}
    for token in tokens:
        try:
            kid = kid_of(token)
        except SealError:
            kid = "?"
        counts[kid] = counts.get(kid, 0) + 1
    return counts


def new_entry(kid: str) -> str:
    """Return a fresh ring entry `id:base64`. Raises KeyRingError for a malformed id."""
    if not _KID.fullmatch(kid):
        raise KeyRingError("A key id is 1 to 32 letters, digits, - or _")
    return f"{kid}:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"
