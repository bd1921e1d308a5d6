"""One client: how far it got, what was entered, every try, and its live status."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from clients_app import privacy
from clients_app.heffl.contract import ClientType
from clients_app.intake.submissions import is_correctable
from clients_app.models import Membership, Role, Source, Status, Submission
from clients_app.questions import custom_fields
from clients_app.questions.answers import COUNTRY
from clients_app.questions.countries import country_code
from clients_app.questions.fields import in_country, label_of, questions_for
from clients_app.views import wording
from clients_app.views.access import members_only
from clients_app.views.attempt_words import attempt_line
from clients_app.views.waiting import wait_for_change

ATTEMPTS_SHOWN = 50


def _submission(member: Membership, uuid: UUID) -> Submission:
    submission = get_object_or_404(
        member.organisation.submissions.select_related("created_by"), uuid=uuid
    )
    submission.organisation = member.organisation
    return submission


def _status_block(submission: Submission, member: Membership) -> dict[str, Any]:
    """Return what the status block shows."""
    told = wording.explain(submission)
    if submission.status == Status.REVIEW and not member.has_role(Role.REVIEWER):
        told = wording.for_onlookers(told)
    held = submission.status == Status.QUEUED and bool(told.detail)
    spoken = str(told) if told.failed else ""
    if submission.number:
        spoken = _("Client number {number}").format(number=submission.number)
    return {
        "member": member,
        "submission": submission,
        "told": told,
        "steps": wording.steps_of(submission, held),
        "spoken": spoken,
        "settled": submission.is_final
        and (bool(submission.number) or submission.status != Status.CREATED),
        "correctable": is_correctable(submission),
        "decides": submission.status in (Status.NEEDS_FIX, Status.REVIEW)
        and member.has_role(Role.REVIEWER),
        "needs_key": told.key and member.has_role(Role.OWNER),
    }


@require_safe
@members_only()
def submission_detail(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Show one client: how far it got, what was sent, and every try.

    That somebody looked is noted. What was cleared shows its tombstone.
    """
    submission = _submission(member, uuid)
    if request.method != "HEAD" and not privacy.is_cleared(submission):
        privacy.looked(submission, member.user)
    now = timezone.now()
    attempts = list(submission.attempts.order_by("-fence")[: ATTEMPTS_SHOWN + 1])
    context = _status_block(submission, member) | {
        "answers": answers_of(submission),
        "attempts": [
            attempt_line(attempt, now) for attempt in attempts[:ATTEMPTS_SHOWN]
        ],
        "more_attempts": len(attempts) > ATTEMPTS_SHOWN,
        "by": who_added(submission),
        "next_query": _like_this_one(submission),
        "cleared": privacy.is_cleared(submission),
        "consent": privacy.consent_to(submission),
        "looks": privacy.who_looked(submission) if member.has_role(Role.ADMIN) else [],
    }
    return render(request, "submissions/detail.html", context)


def who_added(submission: Submission) -> str:
    """Return the name of whoever entered a client, else the door it came through."""
    if person := submission.created_by:
        return person.shown_name
    if submission.source == Source.SIGNUP:
        return _("Signup page")
    return submission.get_source_display()


def _like_this_one(submission: Submission) -> str:
    """Return the query that opens the next form with this client's type and country."""
    asked = {}
    if submission.type != ClientType.COMPANY:
        asked["type"] = submission.type
    country = country_code(str(submission.answers.get(COUNTRY) or ""))
    if country and country != submission.organisation.country:
        asked["country"] = country
    return f"?{urlencode(asked)}" if asked else ""


def answers_of(submission: Submission) -> list[tuple[str, str]]:
    """Return what was entered, in form order: labels and values."""
    specs = custom_fields.specs_for(submission.organisation)
    answers = dict(submission.answers)
    country = country_code(str(answers.get(COUNTRY) or ""))
    told = [(_("Client type"), submission.get_type_display())]
    for spec in questions_for(ClientType(submission.type), specs):
        if value := _answer_words(answers.pop(spec.name, None)):
            told.append((label_of(in_country(spec, country)), value))
    # Answers to questions that are no longer asked.
    told += [
        (name, shown)
        for name, value in answers.items()
        if (shown := _answer_words(value))
    ]
    return told


def _answer_words(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)


@require_safe
@vary_on_headers("Accept")
@members_only()
def submission_status(
    request: HttpRequest, member: Membership, uuid: UUID
) -> HttpResponse:
    """Answer the status block, or the same as JSON where that is preferred.

    `seen` names the status that the asker knows: the answer may wait a moment for another.
    """
    submission = _submission(member, uuid)
    submission = wait_for_change(submission, request.GET.get("seen", ""))
    context = _status_block(submission, member)
    kinds = ["text/html", "application/json"]
    if request.get_preferred_type(kinds) == "application/json":
        return JsonResponse(
            {
                "status": submission.status,
                "number": submission.number,
                "heffl_id": submission.heffl_id,
                "message": str(context["told"]),
            }
        )
    return render(request, "submissions/_status.html", context)
