"""What happened to one call: how far it got and what that means for the row.

"Was it sent?" is answered by the phase that the transport recorded, never by the class
of an exception. Pure: an answer and its headers go in, a judgement comes out.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Generic, TypeVar

from .contract import RemoteClient, clean_text, read_created
from .errors import UnreadableAnswer
from .headers import RateInfo as RateInfo
from .headers import pause_seconds, read_rate, remote_date
from .refusal import Refusal, looks_like_html, read_refusal
from .shape import Shape, of_creation

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


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
    """What a call means for the submission.

    SAFE: Heffl cannot have it, so it may be sent again. UNCERTAIN: Heffl may have it.
    REFUSED: an answer has to be corrected. After RATE_LIMITED, KEY_REFUSED,
    CONFIGURATION and FIREWALL nothing was taken either, and other calls would fare no
    better for now.
    """

    CREATED = "created"
    SAFE = "safe"
    RATE_LIMITED = "rate_limited"
    KEY_REFUSED = "key_refused"
    CONFIGURATION = "configuration"
    REFUSED = "refused"
    FIREWALL = "firewall"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one POST. Holds neither the key nor a body.

    `reason` is a slug for logs and metrics, `message` and `code` are Heffl's own words,
    `field` our input name when Heffl meant exactly one, `wait` the seconds that the key
    has to rest, `duration` in seconds, `shape` what the answer's looks tell, if anything.
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
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Reading(Generic[T_co]):
    """The result of one GET: like an Outcome, with `data` when `ok`.

    A GET changes nothing, so a failed one is never UNCERTAIN: SAFE means "ask again
    later". `verdict` is None when `ok`.
    """

    ok: bool
    verdict: Verdict | None
    phase: Phase
    reason: str
    data: T_co | None = None
    status: int | None = None
    message: str = ""
    code: str = ""
    field: str | None = None
    wait: float | None = None
    rate: RateInfo | None = None
    remote_date: datetime | None = None
    content_type: str = ""
    duration: float = 0.0
    shape: Shape | None = None


@dataclass(frozen=True, slots=True)
class Exchange:
    """What the transport saw of one call; lives only until it is judged.

    `fault` is the slug of what broke, "" for a complete answer. Header names are in
    small letters. `received_at` is our clock, aware.
    """

    phase: Phase
    fault: str
    received_at: datetime
    duration: float
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class _Judgement:
    """Everything that an Outcome and a failed Reading have in common."""

    verdict: Verdict
    reason: str
    refusal: Refusal = Refusal()
    wait: float | None = None


BEFORE_SENDING = {
    "tls_certificate": Verdict.CONFIGURATION,
    "key_unreadable": Verdict.KEY_REFUSED,
    "key_malformed": Verdict.KEY_REFUSED,
}
BY_STATUS = {
    400: Verdict.REFUSED,
    401: Verdict.KEY_REFUSED,
    403: Verdict.KEY_REFUSED,
    404: Verdict.CONFIGURATION,
    405: Verdict.CONFIGURATION,
    409: Verdict.REFUSED,
    410: Verdict.CONFIGURATION,
    413: Verdict.REFUSED,
    414: Verdict.REFUSED,
    415: Verdict.CONFIGURATION,
    422: Verdict.REFUSED,
    425: Verdict.RATE_LIMITED,
    429: Verdict.RATE_LIMITED,
    431: Verdict.REFUSED,
    501: Verdict.CONFIGURATION,
}
REASONS = {409: "conflict"}
CREATED_STATUSES = {200, 201}


def judge_creation(exchange: Exchange) -> Outcome:
    """Say what one POST means: created, safe, uncertain, or who has to act."""
    client = None
    if exchange.status in CREATED_STATUSES and not exchange.fault:
        try:
            client = read_created(exchange.body)
            judgement = _Judgement(Verdict.CREATED, "created")
        except UnreadableAnswer as error:
            judgement = _Judgement(Verdict.UNCERTAIN, error.reason)
    else:
        judgement = _judge(exchange)
    return Outcome(
        verdict=judgement.verdict,
        phase=exchange.phase,
        reason=judgement.reason,
        status=exchange.status,
        message=judgement.refusal.message,
        code=judgement.refusal.code,
        field=judgement.refusal.field,
        client=client,
        wait=judgement.wait,
        rate=read_rate(exchange.headers, exchange.received_at),
        remote_date=remote_date(exchange.headers),
        content_type=_content_type(exchange),
        duration=exchange.duration,
        shape=None
        if exchange.fault or exchange.status is None
        else of_creation(exchange.status, exchange.body),
    )


def judge_reading(exchange: Exchange, read: Callable[[bytes], T]) -> Reading[T]:
    """Say what one GET brought; `read` turns a 200's body into data.

    `read` raises UnreadableAnswer for a body that it does not know.
    """
    data: T | None = None
    ok = False
    if exchange.status == 200 and not exchange.fault:
        try:
            data = read(exchange.body)
            ok = True
            judgement = _Judgement(Verdict.SAFE, "ok")
        except UnreadableAnswer as error:
            judgement = _Judgement(Verdict.SAFE, error.reason)
    else:
        judgement = _judge(exchange)
    verdict = judgement.verdict
    return Reading(
        ok=ok,
        verdict=None if ok else _REPEATABLE.get(verdict, verdict),
        phase=exchange.phase,
        reason=judgement.reason,
        data=data,
        status=exchange.status,
        message=judgement.refusal.message,
        code=judgement.refusal.code,
        field=judgement.refusal.field,
        wait=judgement.wait,
        rate=read_rate(exchange.headers, exchange.received_at),
        remote_date=remote_date(exchange.headers),
        content_type=_content_type(exchange),
        duration=exchange.duration,
    )


# A GET changes nothing, so not knowing whether it arrived does no harm.
_REPEATABLE = {Verdict.UNCERTAIN: Verdict.SAFE}


def _judge(exchange: Exchange) -> _Judgement:
    """Judge every call that did not bring a 200 or 201 in one piece."""
    status = exchange.status
    if exchange.fault or status is None:
        return _judge_fault(exchange.phase, exchange.fault)
    if 300 <= status < 400:
        return _Judgement(Verdict.CONFIGURATION, "redirect")
    reason = REASONS.get(status, f"http_{status}")
    verdict = BY_STATUS.get(status, Verdict.UNCERTAIN)
    if verdict is Verdict.UNCERTAIN:
        return _Judgement(verdict, reason)
    refusal = read_refusal(exchange.body, _content_type(exchange))
    if verdict is Verdict.RATE_LIMITED:
        wait = pause_seconds(exchange.headers, exchange.received_at)
        return _Judgement(verdict, reason, refusal, wait)
    if _is_firewall(exchange, refusal):
        return _Judgement(Verdict.FIREWALL, reason, refusal)
    return _Judgement(verdict, reason, refusal)


def _judge_fault(phase: Phase, fault: str) -> _Judgement:
    if phase.bytes_may_have_left:
        return _Judgement(Verdict.UNCERTAIN, fault)
    return _Judgement(BEFORE_SENDING.get(fault, Verdict.SAFE), fault)


def _is_firewall(exchange: Exchange, refusal: Refusal) -> bool:
    """Say whether something in front of Heffl answered in its place.

    Heffl's own 403 is JSON with a code; a 403 without one is not about the key.
    """
    if exchange.status == 403:
        return not refusal.code
    html = looks_like_html(exchange.body, _content_type(exchange))
    return exchange.status == 400 and html


def _content_type(exchange: Exchange) -> str:
    return clean_text(exchange.headers.get("content-type", ""), 100)
