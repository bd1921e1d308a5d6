"""submit() and revise(): what somebody entered, its audit event and its wake-up, in one
transaction. A page says "saved" only after that has committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from clients_app import audit
from clients_app.delivery import rate_limit
from clients_app.delivery.outbox import GAVE_UP
from clients_app.delivery.wakeups import wake_organisation
from clients_app.heffl.contract import Answer
from clients_app.intake import duplicates
from clients_app.models import (
    Lane,
    Organisation,
    Source,
    Status,
    Submission,
    SubmissionRevision,
    User,
)
from clients_app.models.search_text import name_key_for, search_text_for
from clients_app.questions.matching import display_name, match_key

LANES = {
    Source.FRONTDESK: Lane.FRONTDESK,
    Source.SIGNUP: Lane.SIGNUP,
    Source.IMPORT: Lane.IMPORT,
}
WAS_UNCLEAR = (Status.REVIEW,)


def _described(client_type: str, answers: Mapping[str, Answer]) -> dict[str, Any]:
    """Return the columns that follow from what was entered."""
    name = display_name(client_type, answers)
    return {
        "type": client_type,
        "answers": dict(answers),
        "display_name": name[:330],
        "name_key": name_key_for(name)[:330],
        "match_key": match_key(client_type, answers),
        "search_text": search_text_for(name, answers, ""),
    }


def submit(
    *,
    organisation: Organisation,
    client_type: str,
    answers: Mapping[str, Answer],
    source: Source,
    token: str,
    user: User | None,
    signup: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> Submission:
    """Accept a filled form, once per (organisation, token).

    `answers` are cleaned answers by input name, only those the type allows. `signup`
    holds the columns that only a public signup has, see clients_app.signup. A token that
    was used before returns the submission it made then, whatever else is given.
    """
    now = now or timezone.now()
    lane = LANES[source]
    with transaction.atomic():
        submission, made = Submission.objects.get_or_create(
            organisation=organisation,
            submission_token=token,
            defaults={
                **_described(client_type, answers),
                "source": source,
                "lane": lane,
                "created_by": user,
                "created_at": now,
                "queued_at": now,
                "not_before": now,
                "status": Status.QUEUED,
                **(signup or {}),
            },
        )
        if made:
            duplicates.remember([submission])
            audit.record(
                "submission.accepted",
                organisation=organisation,
                actor=user,
                actor_label="" if user else str(source),
                about=submission,
                detail={"source": str(source), "type": client_type},
                at=now,  # the same day as the row's, for the balance
            )
            if submission.status == Status.QUEUED:
                at = now
                if lane != Lane.FRONTDESK:
                    at = rate_limit.next_for(organisation, rate_limit.Use(lane), now)
                wake_organisation(organisation, at, lane=lane)
    return submission


@dataclass(frozen=True)
class Filled:
    """One filled form among many: see submit_many()."""

    client_type: str
    answers: Mapping[str, Answer]
    token: str


def submit_many(
    *,
    organisation: Organisation,
    filled: Sequence[Filled],
    source: Source,
    user: User | None,
    now: datetime,
) -> list[Submission]:
    """Accept filled forms whose tokens differ; return a submission for each that is new.

    Call it inside a transaction. Raises IntegrityError when somebody used one of the
    tokens at the same moment; nothing is stored then.
    """
    tokens = [form.token for form in filled]
    used = set(
        organisation.submissions.filter(submission_token__in=tokens).values_list(
            "submission_token", flat=True
        )
    )
    made = Submission.objects.bulk_create(
        Submission(
            organisation=organisation,
            submission_token=form.token,
            **_described(form.client_type, form.answers),
            source=source,
            lane=LANES[source],
            created_by=user,
            created_at=now,
            queued_at=now,
            not_before=now,
            status=Status.QUEUED,
        )
        for form in filled
        if form.token not in used
    )
    duplicates.remember(made)
    audit.record_all(
        "submission.accepted",
        organisation=organisation,
        actor=user,
        about=made,
        details=[{"source": str(source), "type": row.type} for row in made],
        at=now,
    )
    if made:
        wake_organisation(organisation, now, lane=LANES[source])
    return made


def is_correctable(submission: Submission) -> bool:
    """Say whether its answers may be changed and sent again.

    What may be in Heffl as it was first entered is linked, sent again or dropped: with
    other answers a look would not find it, and it would be made twice.
    """
    if submission.status == Status.REVIEW:
        return submission.problem == GAVE_UP and not submission.requeued_once
    return submission.status == Status.NEEDS_FIX


def queued_again(submission: Submission, now: datetime) -> dict[str, Any]:
    """Return the columns of a submission that a person puts back into the queue.

    One that may be in Heffl already is looked up there before it is sent.
    """
    return {
        "status": Status.QUEUED,
        "revision": submission.revision + 1,
        "problem": "",
        "problem_field": "",
        "message": "",
        "candidates": [],
        "reported": False,
        "safe_failures": 0,
        "queued_at": now,
        "not_before": now,
        "reconcile_at": None,
        "look_first": submission.look_first or submission.status in WAS_UNCLEAR,
    }


def revise(
    *,
    submission: Submission,
    client_type: str,
    answers: Mapping[str, Answer],
    user: User | None,
    held_for: Sequence[str] = (),
    now: datetime | None = None,
) -> bool:
    """Store corrected answers of a refused submission and queue it again.

    Returns False, changing nothing, when it is no longer the revision that was shown, or
    not in a state to be corrected. One that may be in Heffl already is looked up first.
    A visitor (`user` is None) who corrects may be `held_for` reasons: a person looks first.
    """
    now = now or timezone.now()
    before = dict(submission.answers)
    changed = sorted(
        name
        for name in before.keys() | answers.keys()
        if before.get(name) != answers.get(name)
    )
    if not is_correctable(submission):
        return False
    held: dict[str, Any] = {}
    if held_for:
        held = {"status": Status.PENDING, "held_for": [*held_for]}
    with transaction.atomic():
        moved = Submission.objects.filter(
            pk=submission.pk,
            status=submission.status,
            revision=submission.revision,
        ).update(
            **_described(client_type, answers), **queued_again(submission, now) | held
        )
        if not moved:
            return False
        if user:
            changed_row = Submission.objects.filter(pk=submission.pk)
            changed_row.update(decided_at=now, decided_by=user)
        _keep_original(submission, user, now)
        duplicates.remember_anew(
            Submission(
                pk=submission.pk,
                organisation_id=submission.organisation_id,
                type=client_type,
                answers=dict(answers),
            )
        )
        audit.record(
            "submission.corrected",
            organisation=submission.organisation,
            actor=user,
            actor_label="" if user else submission.source,
            about=submission,
            detail={"fields": changed},
        )
        if not held:
            wake_organisation(submission.organisation, now, lane=submission.lane)
    return True


def _keep_original(submission: Submission, user: User | None, now: datetime) -> None:
    """Store what a submission said until now."""
    SubmissionRevision.objects.create(
        submission=submission,
        revision=submission.revision,
        type=submission.type,
        answers=submission.answers,
        replaced_at=now,
        replaced_by=user,
    )
