"""Makes a request of a seed and a number: a real one, bent in some places."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.fuzz import values
from tests.fuzz.asked import FRAMINGS, Asked, Pair

ROLES = (
    "owner",
    "admin",
    "reviewer",
    "frontdesk",
    "stranger",
    "operator",
    "holder",
    "",
)
FRESH = 40
"""So many signed tokens of the signup page, and as many proofs, are ready each time."""
OFTEN = 0.85


@dataclass(frozen=True)
class Seed:
    """A request that the portal's own pages make, and who is served at it."""

    role: str
    route: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    kind: str = ""
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def asked(self, number: int) -> Asked:
        """Return the request as it is made by an honest browser."""
        return Asked(
            number=number,
            role=self.role,
            route=self.route,
            method=self.method,
            path=self.path,
            query=[list(pair) for pair in self.query],
            kind=self.kind,
            form=[list(pair) for pair in self.form],
            files=[list(pair) for pair in self.files],
            body=self.body,
        )


READ = ("cursor", "next", "credential", "altcha")
"""Fields whose values have a form of their own: what reads them is where faults lie."""
RICHEST = 12


def by_route(seeds: Sequence[Seed]) -> list[list[Seed]]:
    """Return the seeds of each route and method together, so that none is drowned.

    Those that hold something to be read apart are together once more.
    """
    found: dict[tuple[str, str, str], list[Seed]] = {}
    for seed in seeds:
        names = {name for name, _value in (*seed.query, *seed.form)}
        read = next((name for name in READ if name in names), "")
        found.setdefault((seed.route, seed.method, read), []).append(seed)
    return [found[name] for name in sorted(found)]


@dataclass
class Bender:
    """Makes requests out of seeds, all of them settled by `seed` and their number."""

    seeds: Sequence[Seed]
    seed: str
    _groups: list[list[Seed]] = field(init=False)
    _weights: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._groups = by_route(self.seeds)
        fields = [
            max(len(seed.query) + len(seed.form) for seed in group)
            for group in self._groups
        ]
        self._weights = [min(RICHEST, 1 + amount) for amount in fields]

    def asked(self, number: int) -> Asked:
        """Return the request of a number: the first of each group are as they are."""
        rng = random.Random(f"{self.seed}:{number}")
        plain = number < len(self._groups)
        if plain:
            group = self._groups[number]
        else:
            group = rng.choices(self._groups, self._weights)[0]
        asked = copy.deepcopy(group[rng.randrange(len(group))].asked(number))
        _freshen(rng, asked)
        if plain or rng.random() < 0.05:
            return asked
        if rng.random() > OFTEN:
            # Who gives up a factor or a sign-in here is of no use to what comes after.
            own = asked.route.startswith("accounts/")
            asked.role = rng.choice(("stranger", "") if own else ROLES)
        if _aim(rng, asked) and rng.random() < 0.5:
            return asked
        for _each in range(rng.choice([1, 1, 1, 2, 2, 3, 4])):
            bend = rng.choices(_BENDS, _WEIGHTS)[0]
            bend(rng, asked)
            asked.bent.append(bend.__name__)
        return asked


def _aim(rng: random.Random, asked: Asked) -> bool:
    """Change what is read apart, if there is any, more often than chance would."""
    aims = [pair for pair in (*asked.query, *asked.form) if pair[0] in READ]
    if not aims or rng.random() > 0.6:
        return False
    pair = rng.choice(aims)
    pair[1] = values.for_field(rng, pair[0], pair[1])
    asked.bent.append(f"_aim {pair[0]}")
    return True


def _freshen(rng: random.Random, asked: Asked) -> None:
    """Give a form the token that has not been used, as opening the page anew would."""
    if asked.method == "POST" and "logout" in asked.route and rng.random() < 0.95:
        asked.role = ""  # who is signed out sees little of what comes after
    for pair in asked.form:
        if pair[0] == "submission_token":
            public = asked.route.startswith("s/")
            nth = rng.randrange(FRESH)
            fresh = f"{rng.getrandbits(128):032x}"
            pair[1] = f"⟦signup_token.{nth}⟧" if public else fresh
            for other in asked.form:
                if other[0] == "altcha" and public:
                    other[1] = f"⟦proof.{nth}⟧"


def _bend_query(rng: random.Random, asked: Asked) -> None:
    """Change, add, double or drop a parameter of the address."""
    _bend_pairs(rng, asked.query, most=60)


def _bend_form(rng: random.Random, asked: Asked) -> None:
    """Change, add, double or drop a field of the form."""
    if asked.kind in ("json", "signed", "raw"):
        _bend_body(rng, asked)
        return
    if not asked.kind:
        asked.kind, asked.method = "urlencoded", "POST"
        asked.form = [["csrfmiddlewaretoken", "⟦csrf⟧"]]
    _bend_pairs(rng, asked.form, most=500)


def _bend_pairs(rng: random.Random, pairs: list[Pair], *, most: int) -> None:
    odd = rng.random()
    mine = [pair for pair in pairs if pair[0] != "csrfmiddlewaretoken"]
    if mine and odd < 0.6:
        for pair in rng.sample(mine, min(len(mine), rng.choice([1, 1, 1, 2, 5]))):
            pair[1] = values.for_field(rng, pair[0], pair[1])
    elif odd < 0.8 or not mine:
        name = rng.choice(values.NAMES)
        pairs.append([name, values.for_field(rng, name, "")])
    elif odd < 0.86:
        pairs.append([rng.choice(mine)[0], values.text(rng)])
    elif odd < 0.92:
        pairs.remove(rng.choice(mine))
    elif odd < 0.96:
        pair = rng.choice(mine)
        pair[0] = rng.choice([pair[0] + "[]", pair[0] + ".x", f"x[{pair[0]}]", "-"])
    else:
        pairs += [[rng.choice(mine)[0], str(one)] for one in range(most)]


def _bend_tail(rng: random.Random, asked: Asked) -> None:
    """Add to the address what is no list of parameters."""
    tails = ("&&&", "%", "%zz", "&=", "=&=", "?a=1?b", "&a=%ff%fe", "&q=\udcff", "%00")
    asked.tail += rng.choice([*tails, "&x" * 1_200, "&a=" + "%e2%80" * 200, ";a=1"])


def _bend_path(rng: random.Random, asked: Asked) -> None:
    """Change a piece of the path."""
    pieces = asked.path.split("/")
    place = rng.randrange(1, len(pieces)) if len(pieces) > 1 else 0
    odd = (
        *("%00", "%ff", "%c3%28", "..", ".", "%2e%2e", "%2f", "x" * 300, "x" * 3_000),
        *(
            "%F0%9F%98%80",
            "%E2%80%AE",
            "-",
            "_",
            "0",
            "-1",
            "9" * 30,
            "٣",
            "%D9%A3",
            "",
        ),
        *(
            "1e3",
            "a:b",
            "a@b",
            "%0d%0aX:1",
            "\\",
            "%5c",
            "*",
            "~",
            "+",
            "%20",
            "\udcff",
        ),
        *("nul", "CON", "index.php", ".git", "\u2100"),
    )
    choice = rng.random()
    if choice < 0.5:
        pieces[place] = rng.choice([*odd, *values.UUIDS])
    elif choice < 0.7:
        pieces[place] = values.changed(rng, pieces[place]).replace("/", "")
    elif choice < 0.8:
        pieces.insert(place, rng.choice(odd))
    elif choice < 0.9:
        del pieces[place]
    else:
        pieces.append(rng.choice(odd))
    asked.path = (
        "/".join(pieces).replace(" ", "%20").replace("\n", "").replace("\r", "")
    )
    asked.route = ""


def _bend_method(rng: random.Random, asked: Asked) -> None:
    """Ask with another method."""
    methods = "GET HEAD POST PUT PATCH DELETE OPTIONS TRACE PROPFIND get A QUERY BREW"
    asked.method = rng.choice(methods.split())


def _bend_kind(rng: random.Random, asked: Asked) -> None:
    """Write the same form in another way, or say that it is written so."""
    odd = rng.random()
    if odd < 0.5:
        asked.kind = rng.choice(["multipart", "urlencoded"])
        asked.method = "POST"
        if asked.kind == "multipart":
            _bend_files(rng, asked)
    elif odd < 0.75:
        pairs: dict[str, Any] = {pair[0]: pair[1] for pair in asked.form}
        asked.body = values.json_text(rng, values.bent(rng, pairs))
        asked.kind, asked.method = "json", "POST"
        asked.headers.append(["X-CSRFToken", "⟦csrf⟧"])
    else:
        types = (
            *("text/plain", "text/xml", "multipart/form-data", "multipart/mixed", ";"),
            *("multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 300),
            *("multipart/form-data; boundary=\udcff", 'multipart/form-data; boundary="'),
            *("application/x-www-form-urlencoded; charset=utf-16", "a/b; charset*=x''y"),
            *("text/plain; x*=nosuch''%41", "text/plain; x*0*=idna''%ff; x*1=b", "/", "="),
            *("multipart/form-data; boundary*=utf-16''%ff", "a/b" + "; x=y" * 400, '"' * 90),
        )  # fmt: skip
        asked.headers.append(["Content-Type", rng.choice(types)])


def _bend_charset(rng: random.Random, asked: Asked) -> None:
    """Say that the body, or the address, is in another charset."""
    codec = rng.choice(values.CODECS)
    main = {
        "multipart": "multipart/form-data; boundary=fuzz7f3a",
        "json": "application/json",
        "": "text/plain",
    }.get(asked.kind, "application/x-www-form-urlencoded")
    form = rng.choice(
        ["{0}; charset={1}", '{0}; charset="{1}"', "{0}; charset*={1}''x"]
    )
    asked.headers.append(["Content-Type", form.format(main, codec)])
    if rng.random() < 0.5 and not asked.query:
        asked.query.append([rng.choice(values.NAMES), values.text(rng)])


def _bend_files(rng: random.Random, asked: Asked) -> None:
    """Add parts with files, or with headers that are none."""
    asked.kind, asked.method = "multipart", "POST"
    name = rng.choice(["file", "logo", "x", "", *(pair[0] for pair in asked.form[:9])])
    disposition = f'Content-Disposition: form-data; name="{name}"'
    heads = (
        f'{disposition}; filename="a.csv"\r\nContent-Type: text/csv',
        f'{disposition}; filename="../../a.csv"',
        f'{disposition}; filename="\udcff\x00.xlsx"',
        f"{disposition}; filename*={rng.choice(values.CODECS)}''%41.csv",
        f"Content-Disposition: form-data; name*={rng.choice(values.CODECS)}''%ff%41",
        f'{disposition}; filename="a"\r\nContent-Type: text/csv; charset=base64',
        f"{disposition}\r\nContent-Transfer-Encoding: base64",
        f'{disposition}; filename="a.png"\r\nContent-Transfer-Encoding: base64',
        f'{disposition}; filename="a.png"\r\nContent-Length: {"9" * 400}',
        f"{disposition}\r\nX: {'y' * 2_000}",
        'Content-Disposition: form-data; filename="nameless"',
        "Content-Disposition: form-data; name=\udcff",
        "Content-Disposition: attachment; name*0=a; name*2=c",
        "Content-Disposition",
        "",
    )
    bodies = (
        *("name,email\nA,b@c.de\n", "", "\x00" * 50, "\udcff\udcfeN\x00a\x00", "a;b;c\n" * 50),
        *("PK\x03\x04" + "x" * 40, "\udc89PNG\r\n\x1a\n" + "\x00" * 30, "GIF89a", "<svg/>"),
        *("name\n" + '"' * 99, "%PDF", "QUJD=", "A===", "\ufeffname\nx\n", "," * 2_000, "\n" * 500),
    )  # fmt: skip
    for _each in range(rng.choice([1, 1, 1, 2, 7])):
        asked.files.append([rng.choice(heads), rng.choice(bodies)])
    if rng.random() < 0.15:
        asked.bent.append("no end")


def _bend_body(rng: random.Random, asked: Asked) -> None:
    """Change a body that is JSON, or replace one by JSON."""
    if not asked.kind:
        asked.kind, asked.method = "json", "POST"
    if asked.kind not in ("json", "signed", "raw"):
        return
    try:
        told = json.loads(asked.body or "{}")
    except (ValueError, RecursionError):
        told = {}
    asked.body = values.json_text(rng, values.bent(rng, told))
    if rng.random() < 0.05:
        asked.body = rng.choice(["", "\udcff\udcfe", "x" * 70_000, "[" * 60_000])


def _bend_header(rng: random.Random, asked: Asked) -> None:
    """Add headers, or replace those that a browser sends."""
    for _each in range(rng.choice([1, 1, 2, 3])):
        name = rng.choice(sorted(_HEADERS))
        asked.headers.append([name, rng.choice(_HEADERS[name])])


_SITES = (
    *("null", "", "http://[", "https://evil.example", "//[", "http://⟦host⟧", "x" * 4_000),
    *("http://⟦host⟧:99999", "http://\udcff", "http://a]b", "data:", "http://127.0.0.1:x"),
)  # fmt: skip
_HEADERS: dict[str, tuple[str, ...]] = {
    "Host": (
        *("", "evil.example", "[", "[::1", "[::1]:x", "127.0.0.1:99999", "a..b", "\udcff"),
        *("localhost.", "127.0.0.1:0", "a@b", "x" * 4_000, "127.0.0.1\t", "⟦host⟧:", "%00"),
        *("localhost:٣", "xn--\udcc3", "_", "127.0.0.1, evil"),
    ),
    "Origin": _SITES,
    "Referer": _SITES,
    "Accept": ("", "*/*;q=x", "text/html;q=" + "9" * 400, "application/json", ";,;", "\udcff", "a/b," * 900),
    "Accept-Language": ("ar", "ar;q=x", "*", "x" * 600, "en;q=0.9999999999", "\udcff", "ar-" * 90, "en,;q=" * 400),
    "Accept-Encoding": ("br", "gzip;q=x", "identity;q=0,*;q=0", "zstd", "\udcff", "gzip;" * 900, "br;q=1e999"),
    "Cookie": (
        *("session=", "session=x; session=y", "csrf=x", "csrf=\udcff", "a=b" * 900, ";;;=;"),
        *('language="', "language=" + "x" * 900, "language=../..", "session=\x00", "messages=x"),
        *('session="a\\073b"', "csrf=" + "a" * 64, "__Host-session=x", "=", "sessionid=\ud800"),
        *("messages=W1siX19qc29uX21lc3NhZ2UiLDAsMjUsIngiXV0:1:x", "language=ar"),
    ),
    "Range": ("bytes=0-0", "bytes=-1", "bytes=9-1", "bytes=" + "9" * 99 + "-", "bytes=0-0,1-1", "lines=1", "bytes=²-"),
    "If-None-Match": ("*", 'W/"x"', '"', "\udcff", '"a",' * 900),
    "If-Modified-Since": ("x", "Thu, 01 Jan 0000 00:00:00 GMT", "Thu, 31 Dec 99999 00:00:00 GMT", "Fri, 99 Feb 2026 99:99:99 GMT"),
    "If-Unmodified-Since": ("x", "Thu, 01 Jan 1970 00:00:00 GMT"),
    "If-Match": ("*", '"x"', "x"),
    "If-Range": ('"x"', "x"),
    "X-Forwarded-For": ("x", "1.2.3.4, 5.6.7.8", "::1%eth0", "::ffff:1.2.3.4", "," * 900, "[::1]:80", "\udcff", "999.1.1.1", "1.2.3.4\x00"),
    "X-Forwarded-Host": ("evil.example", "[", "x" * 900),
    "X-Forwarded-Proto": ("https", "http,https", "x", ""),
    "X-Forwarded-Port": ("x", "99999", "-1"),
    "Forwarded": ("for=[", "for=1.2.3.4;proto=https"),
    "X-CSRFToken": ("⟦csrf⟧", "x", "\udcff", "a" * 64),
    "X-Requested-With": ("XMLHttpRequest", "x"),
    "X-HTTP-Method-Override": ("DELETE", "PUT"),
    "X-Request-ID": ("x" * 900, "\udcff", "", "a\x0bb"),
    "Authorization": ("Basic x", "Bearer ", "Basic " + "=" * 90, "Bearer \udcff", "Digest"),
    "Content-Encoding": ("gzip", "br", "deflate, gzip", "x"),
    "Content-Type": ("", ";", "text/plain;charset", "application/json; charset=base64"),
    "Expect": ("100-continue", "x"),
    "Upgrade": ("h2c", "websocket"),
    "User-Agent": ("", "\udcff", "x" * 4_000),
    "Sec-Fetch-Site": ("cross-site", "same-origin", "x"),
    "Sec-Fetch-Dest": ("iframe", "x"),
    "Script-Name": ("/x", "//[", "%ff"),
    "SCRIPT_NAME": ("/x", "//["),
    "Path-Info": ("/x",),
    "Te": ("trailers", "x"),
    "Webhook-Id": ("", "x" * 300, "\udcff"),
    "Webhook-Timestamp": ("0", "x", "9" * 12, "9" * 400, "-1", "٣"),
    "Webhook-Signature": ("v1,", "v1,x", "v1," + "A" * 44, ",", " " * 900, "v1,\udcff"),
}  # fmt: skip


def _bend_cookie(rng: random.Random, asked: Asked) -> None:
    """Send cookies beside the real ones, of the same names."""
    name = rng.choice(["session", "csrf", "language", "messages", "x", ""])
    asked.cookies.append([name, values.text(rng).replace(";", "")])


def _bend_framing(rng: random.Random, asked: Asked) -> None:
    """Break the rules by which a request is told from the next."""
    asked.framing = rng.choice(FRAMINGS)


_BENDS: tuple[Callable[[random.Random, Asked], None], ...]
_BENDS = (
    *(_bend_form, _bend_query, _bend_header, _bend_path, _bend_charset, _bend_kind),
    *(_bend_files, _bend_method, _bend_cookie, _bend_tail, _bend_framing, _bend_body),
)
_WEIGHTS = (30, 22, 14, 8, 6, 5, 5, 4, 4, 3, 2, 4)
