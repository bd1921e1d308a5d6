"""Where a search looks: marks of organisation, status group, type and source.

Every entry of the search index carries them, so that the index never yields what a filter
would only throw away again. They are written in SQL, by the index's triggers, and in
Python, by who searches: both are here, since they must agree to the character.
"""

from __future__ import annotations

from dataclasses import dataclass

# A mark is three characters: what it says, then the organisation in base 6,000. The
# alphabet is Unicode's private use area, which no cleaned answer contains.
_ANY = "any"
_KINDS = (
    _ANY,
    "PENDING", "WAITING", "CREATED", "NEEDS_FIX", "REVIEW", "REJECTED", "DROPPED",
    "company", "contact",
    "frontdesk", "signup", "import",
)  # fmt: skip
_GROUPS = {"QUEUED": "WAITING", "SENDING": "WAITING", "UNCERTAIN": "WAITING"}
_DIGITS_FROM, _KINDS_FROM, _BASE = 0xE000, 0xF8A0, 6_000


@dataclass(frozen=True)
class Scope:
    """Where to look: one organisation, and what is asked of status, type and source."""

    organisation_id: int
    status: str = ""
    type: str = ""
    source: str = ""

    def marks(self) -> list[str]:
        """Return the marks that every hit carries."""
        asked = [_GROUPS.get(self.status, self.status), self.type, self.source]
        return [_mark(kind, self.organisation_id) for kind in asked if kind] or [
            _mark(_ANY, self.organisation_id)
        ]


def _mark(kind: str, organisation_id: int) -> str:
    high, low = divmod(organisation_id, _BASE)
    return (
        chr(_KINDS_FROM + _KINDS.index(kind))
        + chr(_DIGITS_FROM + high % _BASE)
        + chr(_DIGITS_FROM + low)
    )


def sql_group(row: str) -> str:
    """Return an SQL expression for the status group of a row (`row`: "new.", "old.", "")."""
    pairs = "".join(f" WHEN '{a}' THEN '{b}'" for a, b in _GROUPS.items())
    return f"CASE {row}status{pairs} ELSE {row}status END"


def _sql_kind(value: str) -> str:
    cases = "".join(
        f" WHEN '{kind}' THEN {_KINDS_FROM + at}" for at, kind in enumerate(_KINDS)
    )
    return f"CASE {value}{cases} END"


def sql_marks(row: str, char: str, cast: str) -> list[str]:
    """Return SQL expressions for the four marks of a row (`row` as in `sql_group`).

    `char` names the engine's function from a code to its character, `cast` makes the code
    what that function takes.
    """
    owner = f"{row}organisation_id"
    digits = [
        f"{char}({_DIGITS_FROM} + ({owner} / {_BASE} % {_BASE}){cast})",
        f"{char}({_DIGITS_FROM} + ({owner} % {_BASE}){cast})",
    ]
    kinds = [f"'{_ANY}'", sql_group(row), f"{row}type", f"{row}source"]
    return [
        " || ".join([f"{char}({_sql_kind(f'({kind})')})", *digits]) for kind in kinds
    ]
