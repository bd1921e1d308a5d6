"""What a client's state means, in plain words: what happened, what comes next, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Max
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from clients_app.delivery.holds import open_holds
from clients_app.delivery.outbox import look_alike_open
from clients_app.heffl.contract import ClientType
from clients_app.heffl.outcome import Verdict
from clients_app.heffl.refusal import Known
from clients_app.intake.refusals import meaning_of_refusal
from clients_app.models import (
    ApiCredential,
    DeliveryAttempt,
    Hold,
    HoldReason,
    Organisation,
    RateBudget,
    Status,
    Submission,
)
from clients_app.notices.banner import in_about
from clients_app.questions import answers, fields
from clients_app.questions.countries import country_code
from clients_app.questions.fields import questions_for

MANY_AHEAD = 10
COUNT_AHEAD = 3_000
SOON = 5.0


def ago(moment: datetime | None) -> str:
    """Return how long ago something was, in words for people; "" for never."""
    if moment is None:
        return ""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}


@dataclass(frozen=True)
class Step:
    """One of the three steps; `state` is "done", "now", "bad", "wait" or ""."""

    label: str
    state: str = ""

    @property
    def spoken(self) -> str:
        """Return the state for those who cannot see the mark."""
        return {
            "done": _("done"),
            "now": _("under way"),
            "bad": _("not done"),
            "wait": _("waiting"),
        }.get(self.state, _("to come"))


@dataclass(frozen=True)
class Explanation:
    """The words for a state.

    `failed` when a person has to do something about it, `key` when an owner has to.
    """

    headline: str
    detail: str = ""
    failed: bool = False
    key: bool = False

    def __str__(self) -> str:
        return f"{self.headline} {self.detail}".strip()


def for_onlookers(told: Explanation) -> Explanation:
    """Return the words for somebody who may not decide: who will, instead of what."""
    decides = _("A reviewer decides what happens next. Nothing is lost.")
    return replace(told, detail=decides)


def steps_of(submission: Submission, held: bool) -> list[Step]:
    """Return the way from saved to number, with where this client is on it."""
    sending, issued = "", ""
    match submission.status:
        case Status.CREATED:
            sending, issued = "done", "done" if submission.number else "now"
        case Status.QUEUED if held:
            sending = "wait"
        case Status.PENDING:
            sending = "wait"
        case Status.QUEUED | Status.SENDING | Status.UNCERTAIN:
            sending = "now"
        case _:
            sending = "bad"
    return [
        Step(_("Saved"), "done"),
        Step(pgettext("step", "Sending"), sending),
        Step(_("Number issued"), issued),
    ]


def explain(submission: Submission, now: datetime | None = None) -> Explanation:
    """Say what a submission's state means. A few queries, and only while it waits."""
    now = now or timezone.now()
    match submission.status:
        case Status.CREATED:
            return _created(submission)
        case Status.QUEUED:
            return _queued(submission, now)
        case Status.SENDING:
            return Explanation(_("Sending to Heffl."))
        case Status.UNCERTAIN:
            return Explanation(
                _("Heffl did not confirm."),
                _(
                    "We are checking whether the client was created, so that it is not "
                    "created twice. This takes up to about 12 minutes."
                ),
            )
        case Status.NEEDS_FIX:
            return _needs_fix(submission)
        case Status.REVIEW:
            return Explanation(
                _("This client needs a decision."), _review_reason(submission), True
            )
        case Status.PENDING:
            return Explanation(
                _("Waiting for approval."),
                _("A reviewer decides whether this client is sent to Heffl."),
            )
        case Status.REJECTED:
            return Explanation(
                _("Rejected. This client was not sent to Heffl."),
                submission.closed_reason,
                True,
            )
    return Explanation(
        _("Dropped. This client is no longer being sent to Heffl."),
        submission.closed_reason,
        True,
    )


def _created(submission: Submission) -> Explanation:
    if submission.number:
        return Explanation(_("Heffl has created this client."))
    return Explanation(
        _("Heffl has created this client but has not told its number yet."),
        _("We are asking for the number; you do not need to do anything."),
    )


def _needs_fix(submission: Submission) -> Explanation:
    without_reason = {
        "payload": _("The questions of the form have changed since this was entered."),
        "firewall": _("A firewall before Heffl turned it away."),
    }
    if headline := without_reason.get(submission.problem):
        again = _("Nothing is lost. Look it over and send it again.")
        return Explanation(headline, again, True)
    reason = submission.message.rstrip(". ") or _("it gave no reason")
    label = label_of(submission, submission.problem_field)
    words = (
        _("Heffl did not accept {field}: {reason}.")
        if label
        else _("Heffl did not accept this client: {reason}.")
    )
    return Explanation(
        words.format(field=label, reason=reason),
        _("Nothing is lost. Correct it and send it again."),
        True,
    )


def plain_refusal(submission: Submission) -> str:
    """Say what a known message of Heffl means for whoever corrects it; "" for others."""
    if submission.status != Status.NEEDS_FIX:
        return ""
    field = label_of(submission, submission.problem_field) or _("an answer")
    known = {
        Known.TAKEN: _(
            "Heffl seems to have this client already. Look at those that were found "
            "before you send it again."
        ),
        Known.MISSING: _("Heffl wants {field} filled in."),
        Known.TOO_LONG: _("Heffl takes only a shorter text for {field}."),
        Known.INVALID: _("Heffl cannot read {field} as it stands."),
    }
    meaning = meaning_of_refusal(submission)
    return known[meaning].format(field=field) if meaning else ""


def refusal_label(problem: str) -> str:
    """Return a few words for a refusal that names no field."""
    return {
        "payload": _("The form has changed"),
        "firewall": _("Turned away by a firewall"),
        "conflict": _("There already"),
    }.get(problem) or _("No field named")


def label_of(submission: Submission, name: str) -> str:
    """Return the label of a field by its input name; "" for none, the name if unknown."""
    if not name:
        return ""
    country = country_code(str(submission.answers.get(answers.COUNTRY) or ""))
    for spec in questions_for(ClientType(submission.type)):
        if spec.name == name:
            return fields.label_of(fields.in_country(spec, country))
    custom = submission.organisation.custom_fields.filter(key=name)
    return custom.values_list("label", flat=True).first() or name


def _review_reason(submission: Submission) -> str:
    known = {
        "several_found": _(
            "Heffl did not confirm, and more than one client there looks like this one. "
            "Choose the right one, or send again."
        ),
        "id_in_use": _(
            "Heffl answered with a client that already belongs to another entry here."
        ),
        "gave_up": _(
            "It could not be sent for three days. Nothing was lost. Send it again, or "
            "correct it."
        ),
    }
    return known.get(submission.problem) or _(
        "Heffl did not confirm, and whether it created this client could not be found "
        "out. Look in Heffl, then link it, send it again or drop it."
    )


def holds_for(organisation: Organisation) -> list[Hold]:
    """Return what stops an organisation's queue; see clients_app.delivery.holds."""
    return open_holds(organisation)


_NEXT_BY_HOLD = {
    HoldReason.OUTAGE: lambda: Explanation(
        _("Heffl is not answering."),
        _(
            "This client is saved and will be sent as soon as Heffl is back; you do not "
            "need to do anything."
        ),
    ),
    HoldReason.KEY_REFUSED: lambda: Explanation(
        _("Heffl did not accept the API key. Ask an owner to replace it in Settings."),
        _("This client is saved and will be sent after that."),
        key=True,
    ),
    HoldReason.KEY_UNVERIFIED: lambda: Explanation(
        _("The API key has not been checked yet, because Heffl could not be reached."),
        _("This client is saved and will be sent when the key has been checked."),
        key=True,
    ),
    HoldReason.KEY_UNREADABLE: lambda: Explanation(
        _("The stored API key cannot be opened. Ask an owner to enter it again."),
        _("This client is saved and will be sent after that."),
        key=True,
    ),
    HoldReason.CONFIGURATION: lambda: Explanation(
        _("Heffl answers, but not as Heffl should. Its address may be wrong."),
        _(
            "This client is saved and will be sent when the operator of this portal has "
            "put that right."
        ),
    ),
    HoldReason.RESTORED: lambda: Explanation(
        _("The portal was restored from a backup, and sending is on hold."),
        _("This client is saved and will be sent when the operator releases the hold."),
    ),
}


def _queued(submission: Submission, now: datetime) -> Explanation:
    organisation = submission.organisation
    for hold in holds_for(organisation):
        return _NEXT_BY_HOLD[HoldReason(hold.reason)]()
    keys = ApiCredential.objects.current().filter(organisation=organisation)
    if not keys.exists():
        return Explanation(
            _("There is no API key yet. Ask an owner to add one in Settings."),
            _("This client is saved and will be sent after that."),
            key=True,
        )
    paused = RateBudget.objects.filter(
        fingerprint__in=keys.values("fingerprint"), paused_until__gt=now
    ).aggregate(until=Max("paused_until"))["until"]
    not_before = max(submission.not_before, paused or now)
    wait = (not_before - now).total_seconds()
    if wait > SOON and submission.safe_failures:
        words = _(
            "Heffl could not be reached. This client is saved; we will try again {when}. "
            "You do not need to do anything."
        )
        return Explanation(_("Waiting to be sent."), words.format(when=in_about(wait)))
    if wait > SOON:
        words = _("Heffl asked us to wait. This client will be sent {when}.")
        return Explanation(_("Waiting to be sent."), words.format(when=in_about(wait)))
    sharing = ApiCredential.objects.current().filter(
        fingerprint__in=keys.values("fingerprint")
    )
    workspace = list(sharing.values_list("organisation", flat=True))
    if look_alike_open(submission, workspace):
        return Explanation(
            _("Another entry with the same name, email and phone is still under way."),
            _("This client is saved and will be sent when that one is settled."),
        )
    return _behind_others(submission)


def _behind_others(submission: Submission) -> Explanation:
    queue = submission.organisation.submissions.filter(status=Status.QUEUED)
    ahead = len(
        queue.filter(lane=submission.lane, id__lt=submission.pk)
        .values_list("pk")
        .order_by("id")[:COUNT_AHEAD]
    )
    if submission.lane:
        ahead += len(
            queue.filter(lane__lt=submission.lane).values_list("pk")[:COUNT_AHEAD]
        )
    if ahead < MANY_AHEAD:
        return Explanation(_("Saved. It will be sent in a moment."))
    calls, period = settings.HEFFL_RATE_LIMIT
    return Explanation(
        ngettext(
            "%(count)d client is waiting before this one.",
            "%(count)d clients are waiting before this one.",
            ahead,
        )
        % {"count": ahead},
        _("Heffl takes {calls} in {period} seconds, so it will be sent {when}.").format(
            calls=calls, period=round(period), when=in_about(ahead * period / calls)
        ),
    )


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
    words = {
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
    }.get(Verdict(attempt.verdict), "")
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
