"""Values that programs stumble over, by where they stand: in a field, a date, a cursor."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

NESTED = 3_000
"""Brackets within brackets: more than Python's own stack would bear."""
TEXTS = (
    *("", " ", "\x00", "a\x00b", "\ud800", "x\udfffy", "\udcff\udcfe", "\udcc3("),
    *("٣٤٥", "²", "１２", "𝟙𝟚", "-1", "0", "1", "-0", "+1", "1_000", "0x10", "1e999"),
    *("9" * 10, "9" * 19, "9" * 40, "9" * 5_000, "-" + "9" * 5_000, "0." + "3" * 400),
    *("NaN", "Infinity", "-Infinity", "true", "null", "None", "[]", "{}", "[[]]"),
    *("'", '"', "\\", "';--", "%", "%s%s%n", "%(x)s", "{0}", "{x}", "{{ 7 }}", "${7}"),
    *("<script>alert(1)</script>", "../../etc/passwd", "a\r\nX-Injected: 1", "\n", "\t"),
    *("\u202eabc", "\ufeff", "\u200b", "e\u0301" * 150, "\u0301\u0323" * 150, "ﬀ", "İ"),
    *("ß" * 300, "ﷺ" * 40, "𐍈" * 90, "👩‍👩‍👧", "\x7f", "\x1b[0m", "=1+1", "a;=1+1"),
    *("x" * 61, "x" * 255, "x" * 331, "x" * 5_000, "@" * 300, "a@b", "a@[", "@", "a@b.c" * 90),
    *("mailto:" + "@" * 200, "http://[", "https://[::1", "http://a:99999/", "//a:b@c:x/"),
    *("data:,x", "javascript:1", "+971" + "0" * 40, "+", "00", "tel:", "AE", "ae", "ZZ"),
    *("en", "ar", "de", "xx-" + "y" * 40, "on", "off", "company", "contact", "switch"),
    *("again", "remove", "current", "next", "PENDING", "CREATED", "waiting", "done"),
)  # fmt: skip
DATES = (
    *("0000-00-00", "0001-01-01", "9999-12-31", "9998-12-31", "99999-01-01", "1969-12-31"),
    *("2026-02-30", "2026-13-01", "2026-1-1", "20/11/2026", "٢٠٢٦-١١-٢٠", "٢٠/١١/٢٠٢٦"),
    *("2026-11-20T00:00:00", "2026-W01-1", "20261120", "-2026-01-01", "+2026-01-01"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "today", "1", "1e9", "²"),
)  # fmt: skip
WAYS = (
    *("//[", "//[::1", "http://[", "https:[", "x", "x:y", "admin:index", "home", "///"),
    *("/\\evil.example", "\\\\evil", "//evil.example", "http:///evil", "javascript:1"),
    *("/o/%00/", "/%ff", "/\ud800", "?next=//[", "#", ".", "..", "/" + "a" * 4_000, "/\n"),
    *("http://[::ffff:1.2.3.4%25x]/", "http://a]/", "//＠evil.example/", "//\u2100/"),
)  # fmt: skip
UUIDS = (
    *("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"),
    *("0" * 32, "{0}", "urn:uuid:0", "٠" * 32, "00000000-0000-0000-0000-00000000000g"),
)  # fmt: skip
CODECS = (
    *("base64", "rot13", "hex", "zlib", "bz2", "quopri", "uu", "idna", "punycode"),
    *("utf-7", "utf-16", "utf-16-le", "utf-32", "utf-8-sig", "unicode_escape", "mbcs"),
    *("raw_unicode_escape", "undefined", "latin-1", "cp037", "big5", "ascii", "UTF8"),
    *("nosuch", "", "x" * 300, "utf-8\x00", "../utf-8", "encodings.utf_8", "utf\u00a08"),
)  # fmt: skip
NAMES = (
    *("q", "status", "type", "source", "campaign", "from", "to", "sort", "cursor", "tab"),
    *("next", "lang", "key", "name", "country", "reference", "chosen", "one", "action"),
    *("page", "p", "o", "e", "all", "_to_field", "_popup", "_changelist_filters", "term"),
    *("app_label", "model_name", "field_name", "email__contains", "pk__in", "id__isnull"),
    *("organisation__memberships__user__password__startswith", "status__exact", "foo__bar"),
    *("created_at__year", "created_at__gte", "review", "asked", "typed_by", "revision"),
    *("uuid", "id", "members", "organisation", "user", "process", "code", "credential"),
    *("__proto__", "a[b]", "a[]", "", "\x00", "\ud800", "x" * 300, "csrfmiddlewaretoken"),
)  # fmt: skip


def text(rng: random.Random) -> str:
    """Return a value that some field may not bear."""
    return rng.choice(TEXTS)


def json_value(rng: random.Random, depth: int = 2) -> Any:
    """Return a value that JSON can say, of any type."""
    simple: list[Any] = [
        *(None, True, False, 0, 1, -1, 2**31, 2**62, 2**63, 2**64, -(2**63), 10**300),
        *(0.5, -0.0, 1e308, float("nan"), float("inf"), "", "x", "\x00", "\ud800"),
        *("created_at", "1", [], {}, [[]], {"x": {}}, "x" * 500, [0] * 300),
        *([], {}, [[]], {"x": {}}, ["created_at"], {"": []}),
    ]
    if depth and rng.random() < 0.3:
        inner = json_value(rng, depth - 1)
        return rng.choice(
            [[inner], {"x": inner}, [inner, inner], {"": inner, "\x00": 1}]
        )
    return rng.choice(simple)


def bent(rng: random.Random, value: Any) -> Any:
    """Return a JSON value with one thing in it replaced, dropped or doubled."""
    if isinstance(value, dict) and value and rng.random() < 0.8:
        name = rng.choice(sorted(value))
        rest = {key: inner for key, inner in value.items() if key != name}
        odd = rng.random()
        if odd < 0.2:
            return rest
        if odd < 0.3:
            return rest | {text(rng): value[name]}
        return rest | {name: bent(rng, value[name])}
    if isinstance(value, list) and value and rng.random() < 0.8:
        place = rng.randrange(len(value))
        odd = rng.random()
        if odd < 0.15:
            return value[:place] + value[place + 1 :]
        if odd < 0.3:
            return [*value, value[place]]
        return [*value[:place], bent(rng, value[place]), *value[place + 1 :]]
    return json_value(rng)


def json_text(rng: random.Random, value: Any) -> str:
    """Return a JSON value as text, now and then with what no JSON text may hold."""
    told = json.dumps(value, ensure_ascii=rng.random() < 0.7)
    odd = rng.random()
    if odd < 0.08:
        return "[" * NESTED + "]" * NESTED
    if odd < 0.14:
        return '{"a":' * NESTED + "1" + "}" * NESTED
    if odd < 0.20:
        return told.replace("1", "9" * 5_000, 1) if "1" in told else "9" * 5_000
    if odd < 0.26:
        return told[: rng.randrange(len(told) + 1)]
    if odd < 0.30:
        return rng.choice(["\ufeff", "\x00", "\udcff", ")]}'\n"]) + told
    return told


_PLACES = ("created_at", "name_key", "number", "decided_at", "at", "id", "pk", "status")


def cursor(rng: random.Random) -> str:
    """Return a place in a list as an address names it, or nearly."""
    place: list[Any] = [
        rng.choice(_PLACES),
        rng.choice([0, 1_700_000_000_000_000, 2**57 - 1, 2**57, -1, "x", "a\x00"]),
        rng.choice([0, 1, 5, 2**62 - 1, 2**62, -1]),
        rng.choice([0, 1]),
    ]
    odd = rng.random()
    if odd < 0.6:
        place[rng.randrange(4)] = json_value(rng)
    elif odd < 0.7:
        place = bent(rng, place)
    told = json_text(rng, place) if odd > 0.5 else json.dumps(place)
    whole = base64.urlsafe_b64encode(told.encode("utf-8", "surrogatepass")).decode()
    spoiled = rng.random()
    if spoiled < 0.1:
        return whole[: rng.randrange(len(whole) + 1)]
    if spoiled < 0.15:
        return whole + "=" * rng.randrange(9)
    if spoiled < 0.2:
        return whole * 40
    return whole.rstrip("=") if spoiled < 0.7 else whole


def changed(rng: random.Random, value: str) -> str:
    """Return a text with a few characters changed: a token that no longer fits."""
    if not value:
        return text(rng)
    place = rng.randrange(len(value))
    piece = rng.choice(["", "x", "\x00", ":", ".", "-", "٣", "=", "\ud800", value])
    return value[:place] + piece + value[place + rng.randrange(3) :]


def _apt(rng: random.Random, name: str) -> str | None:
    """Return a value of the kind that a field of this name is about, if it is about one."""
    if name == "cursor":
        return cursor(rng)
    if name in ("next", "redirect_to", "url"):
        return rng.choice(WAYS)
    if name in ("from", "to") or "date" in name or "created" in name:
        return rng.choice(DATES)
    if name in ("credential", "altcha"):
        told = json_text(rng, bent(rng, _CREDENTIAL))
        wrapped = base64.b64encode(told.encode("utf-8", "surrogatepass")).decode()
        return told if name == "credential" else wrapped
    return None


def for_field(rng: random.Random, name: str, value: str) -> str:
    """Return what to put into a field of this name in place of `value`."""
    odd, apt = rng.random(), _apt(rng, name)
    if apt is not None and odd < 0.75:
        return apt
    is_token = any(word in name for word in ("token", "key", "uuid"))
    if value and odd < (0.9 if is_token else 0.3):
        return changed(rng, value)
    if odd < 0.4:
        return json_text(rng, json_value(rng))
    return rng.choice(DATES) if odd < 0.45 else text(rng)


_CREDENTIAL: dict[str, Any] = {
    "id": "AAAA",
    "rawId": "AAAA",
    "type": "public-key",
    "authenticatorAttachment": "platform",
    "clientExtensionResults": {"credProps": {"rk": True}},
    "response": {
        "clientDataJSON": "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0In0",
        "attestationObject": "o2NmbXRkbm9uZQ",
        "authenticatorData": "AAAA",
        "signature": "AAAA",
        "userHandle": "MQ",
        "transports": ["internal"],
    },
    "challenge": {"parameters": {"salt": "00", "cost": 1, "data": {"form": "1.x"}}},
    "solution": {"counter": 1, "derivedKey": "00", "time": 1},
}
