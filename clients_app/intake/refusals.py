"""What Heffl's refusal of a client comes to: one reading for visitors, reviewers and mail."""

from __future__ import annotations

from clients_app.heffl.refusal import Known, meaning_of
from clients_app.models import Submission


def meaning_of_refusal(submission: Submission) -> Known | None:
    """Return what the last refusal means; None for words nobody has seen before."""
    if submission.problem == "conflict":
        return Known.TAKEN
    return meaning_of(submission.message)
