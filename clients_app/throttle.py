"""How often something may happen: buckets in the database, and whose they are.

A bucket counts exactly, with any number of processes, and nobody waits at it: there is room
or there is none. No address of anybody is stored, only keyed hashes.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import F
from django.utils.crypto import salted_hmac

from clients_app.models import SignupBucket
from clients_app.models.normal_form import normal_form

LONGEST_ADDRESS = 254
ONE_MAILBOX = {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
"""Domains that deliver to one mailbox however many dots its name is written with."""


def network_of(meta: Mapping[str, object], proxies: int) -> str:
    """Return the network a request came from: an IPv4 address, an IPv6 /64, or "".

    `meta` is request.META; `proxies` says how many proxies of our own stand in front:
    what the visitor wrote into X-Forwarded-For before theirs is not believed.
    """
    address = str(meta.get("REMOTE_ADDR") or "")
    if proxies:
        listed = str(meta.get("HTTP_X_FORWARDED_FOR") or "").split(",")
        passed = [each for each in listed if each.strip()]
        if len(passed) >= proxies:
            address = passed[-proxies]
    try:
        known = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((int(known) >> 64 << 64, 64)))


def mailbox_of(address: str) -> str:
    """Return what an e-mail address and its other spellings have in common.

    Whoever limits mails to somebody counts this: `Ann+news@Gmail.com` and
    `a.n.n@googlemail.com` arrive in the same place. What is no address comes back folded.
    """
    sound = address[:LONGEST_ADDRESS].encode(errors="replace").decode()
    folded = normal_form("NFKC", sound).casefold().strip()
    name, _at, domain = folded.rpartition("@")
    domain = domain.rstrip(".")
    with suppress(UnicodeError):
        domain = domain.encode("idna").decode("ascii")
    if name.startswith('"') and name.endswith('"'):
        name = name[1:-1].replace("\\", "")
    name = name.partition("+")[0] or name
    if one := ONE_MAILBOX.get(domain):
        return f"{name.replace('.', '')}@{one}"
    return f"{name}@{domain}"


@dataclass(frozen=True)
class Limit:
    """A bucket of `most` that empties in `window` seconds; more than `odd` is unusual."""

    window: float
    odd: int
    most: int

    @property
    def step(self) -> float:
        """Return the seconds in which room for one more appears."""
        return self.window / self.most


def mark_of(*parts: object) -> str:
    """Return the name of a bucket: a keyed hash of whose it is, as 64 hex digits."""
    text = "\x00".join(map(str, parts))
    return salted_hmac("signup.bucket", text, algorithm="sha256").hexdigest()


def is_full(mark: str, limit: Limit, now: datetime) -> bool:
    """Say whether a bucket has no room. A look only: it takes no lock."""
    full = now.timestamp() + limit.window - limit.step * 0.99
    return SignupBucket.objects.filter(mark=mark, empty_at__gt=full).exists()


_TAKE = """
INSERT INTO clients_app_signupbucket AS bucket (mark, empty_at) VALUES (%s, %s)
ON CONFLICT (mark) DO UPDATE SET empty_at = %s + CASE
    WHEN bucket.empty_at > %s THEN bucket.empty_at ELSE %s END
WHERE bucket.empty_at <= %s RETURNING empty_at
"""


def take(mark: str, limit: Limit, now: datetime) -> int | None:
    """Put one more into a bucket; return how many it holds now, None if there was no room.

    One statement decides, so that no two can share the last place. Call it in a
    transaction: the row stays locked until that ends, and rolling back gives it back.
    """
    moment, step = now.timestamp(), limit.step
    room = moment + limit.window - step * 0.99
    given: list[str | float]
    given = [mark, moment + step, step, moment, moment, room]
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, given)
        row = cursor.fetchone()
    return round((row[0] - moment) / step + 0.49) if row else None


def give_back(mark: str, limit: Limit) -> None:
    """Take one out of a bucket again: what was counted was none of what it is to limit."""
    SignupBucket.objects.filter(mark=mark).update(empty_at=F("empty_at") - limit.step)


def seconds_left(mark: str, limit: Limit, now: datetime) -> int:
    """Return after how many seconds a bucket has room again, at least 1."""
    full = SignupBucket.objects.filter(mark=mark).values_list("empty_at", flat=True)
    room = now.timestamp() + limit.window - limit.step * 0.99
    return max(1, math.ceil((full.first() or 0) - room))


def forget_empty(now: datetime) -> int:
    """Remove the buckets that hold nothing any more; return how many."""
    empty = SignupBucket.objects.filter(empty_at__lt=now.timestamp() - 60)
    return empty.delete()[0] if empty.exists() else 0
