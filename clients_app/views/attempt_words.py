"""What each try to send a client came to, in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.utils.translation import gettext as _

from clients_app.heffl.outcome import Verdict
from clients_app.models import DeliveryAttempt


@dataclass(frozen=True)
class AttemptLine:
    """One try, as the detail page tells it."""

    at: datetime
    words: str
    facts: list[str]


def attempt_line(attempt: DeliveryAttempt, now: datetime) -> AttemptLine:
    """Say what one try came to."""
    if attempt.finished_at is None:
        words = (
            _("Sending.")
            if attempt.deadline_at > now
            else _("Interrupted. Whether Heffl got it is not known.")
        )
        return AttemptLine(attempt.started_at, words, [])
    said = attempt.message.rstrip(". ")
    by_verdict = {
        Verdict.CREATED: _("Heffl created the client."),
        Verdict.SAFE: _("Heffl could not be reached. Nothing was sent."),
        Verdict.RATE_LIMITED: _("Heffl asked us to wait."),
        Verdict.KEY_REFUSED: _("Heffl did not accept the API key."),
        Verdict.CONFIGURATION: _("This was not the answer of a Heffl that works."),
        Verdict.REFUSED: _("Heffl did not accept it: {reason}.").format(
            reason=said or _("it gave no reason")
        ),
        Verdict.FIREWALL: _("A firewall before Heffl turned it away."),
        Verdict.UNCERTAIN: _("Heffl did not confirm."),
    }
    words = by_verdict[Verdict(attempt.verdict)] if attempt.verdict else ""
    facts = []
    if attempt.http_status:
        facts.append(f"HTTP {attempt.http_status}")
    elif attempt.verdict != Verdict.CREATED:
        facts.append(_phase_words(attempt.phase))
    took = (attempt.finished_at - attempt.started_at).total_seconds()
    facts.append(_("{seconds} s").format(seconds=f"{max(took, 0):.1f}"))
    return AttemptLine(attempt.started_at, words, facts)


def _phase_words(phase: str) -> str:
    return {
        "idle": _("before connecting"),
        "resolving": _("while looking up the address"),
        "connecting": _("while connecting"),
        "handshake": _("while connecting securely"),
        "sending": _("while sending"),
        "sent": _("while waiting for the answer"),
        "reading": _("while reading the answer"),
        "done": _("after the answer"),
    }.get(phase, phase)
