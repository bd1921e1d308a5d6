"""What visitors are told of their signup afterwards, and what they can still put right."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum

from clients_app.heffl.contract import Answer, ClientType
from clients_app.heffl.refusal import Known
from clients_app.intake import submissions
from clients_app.intake.refusals import meaning_of_refusal
from clients_app.models import (
    ApprovalMode,
    HeldFor,
    SignupPage,
    Status,
    Submission,
)
from clients_app.questions import custom_fields
from clients_app.questions.fields import questions_for
from clients_app.signup.accept import has_unasked_links
from clients_app.signup.page_settings import not_asked


class Stage(StrEnum):
    """How far a signup is, as far as its visitor is concerned.

    CHECKED: a person looks at it. CORRECT: the visitor can put an answer right. CLIENT
    and REFUSED are the last word.
    """

    RECEIVED = "received"
    CHECKED = "checked"
    CORRECT = "correct"
    CLIENT = "client"
    REFUSED = "refused"


def stage_of(submission: Submission) -> Stage:
    """Return what to tell the visitor. It never says that somebody else is a client."""
    match submission.status:
        case Status.CREATED:
            return Stage.CLIENT
        case Status.DROPPED if submission.duplicate_of_id:
            return Stage.CLIENT  # they are: a person found them under another entry
        case Status.REJECTED | Status.DROPPED:
            return Stage.REFUSED
        case Status.NEEDS_FIX if field_to_correct(submission):
            return Stage.CORRECT
        case Status.PENDING | Status.REVIEW | Status.NEEDS_FIX:
            return Stage.CHECKED
    return Stage.RECEIVED


def field_to_correct(submission: Submission) -> str:
    """Return the input name of what a visitor can put right; "" when it is not for them.

    That something like it exists already is for the organisation to look at: to say so
    would say that somebody is a client.
    """
    name = submission.problem_field
    if submission.status != Status.NEEDS_FIX or not name:
        return ""
    if meaning_of_refusal(submission) is Known.TAKEN:
        return ""
    organisation = submission.organisation
    needed = {
        spec.name
        for spec in questions_for(
            ClientType(submission.type), custom_fields.specs_for(organisation)
        )
        if submission.type in spec.required_for
    }
    hidden = not_asked(SignupPage.of(organisation)) - needed
    return "" if name in hidden else name


def correct(
    submission: Submission,
    *,
    client_type: str,
    answers: Mapping[str, Answer],
    now: datetime | None = None,
) -> bool:
    """Store what a visitor put right and send it again, or hold it as a new one would be.

    What the public page does not ask stays as it was. Returns False, changing nothing,
    when there is nothing to correct any more. `answers` are cleaned ones by input name.
    """
    if not field_to_correct(submission):
        return False
    page = SignupPage.of(submission.organisation)
    hidden = not_asked(page) if client_type == submission.type else frozenset()
    kept = {name: one for name, one in submission.answers.items() if name in hidden}
    mode = submission.organisation.signup_mode
    reasons = []
    if mode == ApprovalMode.HOLD:
        reasons.append(str(HeldFor.ALL))
    if mode != ApprovalMode.SEND and has_unasked_links(answers):
        reasons.append(str(HeldFor.LINKS))
    return submissions.revise(
        submission=submission,
        client_type=client_type,
        answers={**kept, **answers},
        user=None,
        held_for=reasons,
        now=now,
    )
