"""What a client's state means, in plain words: what happened, what comes next, and when."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from clients_app.delivery import why
from clients_app.delivery.why import Reason
from clients_app.heffl.contract import ClientType
from clients_app.heffl.refusal import Known
from clients_app.intake.refusals import meaning_of_refusal
from clients_app.models import Status, Submission
from clients_app.notices.hold_words import WORDS
from clients_app.notices.wait_words import in_about
from clients_app.questions import answers, fields
from clients_app.questions.countries import country_code
from clients_app.questions.fields import questions_for


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
    label = field_label(submission, submission.problem_field)
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
    field = field_label(submission, submission.problem_field) or _("an answer")
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


def field_label(submission: Submission, name: str) -> str:
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


def _queued(submission: Submission, now: datetime) -> Explanation:
    wait = why.wait_of(submission, now)
    if wait.stop:
        words = WORDS[wait.stop]
        return Explanation(
            str(words.client), str(words.client_next), key=words.owners_task
        )
    match wait.reason:
        case Reason.UNREACHED:
            later = _(
                "Heffl could not be reached. This client is saved; we will try again "
                "{when}. You do not need to do anything."
            ).format(when=in_about(wait.seconds))
            return Explanation(_("Waiting to be sent."), later)
        case Reason.ASKED_TO_WAIT:
            later = _("Heffl asked us to wait. This client will be sent {when}.")
            later = later.format(when=in_about(wait.seconds))
            return Explanation(_("Waiting to be sent."), later)
        case Reason.LOOK_ALIKE:
            return Explanation(
                _(
                    "Another entry with the same name, email and phone is still under "
                    "way."
                ),
                _("This client is saved and will be sent when that one is settled."),
            )
        case Reason.BEHIND_OTHERS:
            return _behind_others(wait)
    return Explanation(_("Saved. It will be sent in a moment."))


def _behind_others(wait: why.Wait) -> Explanation:
    calls, period = settings.HEFFL_RATE_LIMIT
    return Explanation(
        ngettext(
            "%(count)d client is waiting before this one.",
            "%(count)d clients are waiting before this one.",
            wait.ahead,
        )
        % {"count": wait.ahead},
        _("Heffl takes {calls} in {period} seconds, so it will be sent {when}.").format(
            calls=calls, period=round(period), when=in_about(wait.seconds)
        ),
    )
