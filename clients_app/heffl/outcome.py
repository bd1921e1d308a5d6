"""What happened to one call: how far it got and what that means for the row.

"Was it sent?" is answered by the phase that the transport recorded, never by the class
of an exception. Pure: an answer and its headers go in, a judgement comes out.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from .contract import RemoteClient

T = TypeVar("T")

SHORTEST_WAIT = 1.0
LONGEST_WAIT = 300.0
USUAL_WAIT = 60.0


class Phase(StrEnum):
    """How far a call got. Phases are ordered: `phase < Phase.SENDING` works."""

    IDLE = "idle"
    RESOLVING = "resolving"
    CONNECTING = "connecting"
    HANDSHAKE = "handshake"
    SENDING = "sending"
    SENT = "sent"
    READING = "reading"
    DONE = "done"

    @property
    def bytes_may_have_left(self) -> bool:
        """Say whether Heffl may have seen any part of the request."""
        return self >= Phase.SENDING

    @property
    def _rank(self) -> int:
        return list(Phase).index(self)

    # Without these four, phases would compare by the alphabet.
    def __lt__(self, other: str) -> bool:
        return self._rank < Phase(other)._rank

    def __le__(self, other: str) -> bool:
        return self._rank <= Phase(other)._rank

    def __gt__(self, other: str) -> bool:
        return self._rank > Phase(other)._rank

    def __ge__(self, other: str) -> bool:
        return self._rank >= Phase(other)._rank


class Verdict(StrEnum):
    """What a call means for the submission."""

    CREATED = "created"
    SAFE = "safe"
    RATE_LIMITED = "rate_limited"
    KEY_REFUSED = "key_refused"
    CONFIGURATION = "configuration"
    REFUSED = "refused"
    FIREWALL = "firewall"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class RateInfo:
    """What the rate headers said; `reset` and `window` in seconds from the answer."""

    limit: int | None = None
    remaining: int | None = None
    reset: float | None = None
    window: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one POST. Holds neither the key nor a body.

    `reason` is a slug for logs and metrics, `message` and `code` are Heffl's own words,
    `field` our input name when Heffl meant exactly one, `wait` the seconds that the key
    has to rest, `duration` in seconds.
    """

    verdict: Verdict
    phase: Phase
    reason: str
    status: int | None = None
    message: str = ""
    code: str = ""
    field: str | None = None
    client: RemoteClient | None = None
    wait: float | None = None
    rate: RateInfo | None = None
    remote_date: datetime | None = None
    content_type: str = ""
    duration: float = 0.0


@dataclass(frozen=True, slots=True)
class Reading(Generic[T]):
    """The result of one GET: like an Outcome, with `data` when `ok`.

    A GET changes nothing, so a failed one is never UNCERTAIN: SAFE means "ask again
    later". `verdict` is None when `ok`.
    """

    ok: bool
    verdict: Verdict | None
    phase: Phase
    reason: str
    data: T | None = None
    status: int | None = None
    message: str = ""
    code: str = ""
    field: str | None = None
    wait: float | None = None
    rate: RateInfo | None = None
    remote_date: datetime | None = None
    content_type: str = ""
    duration: float = 0.0
