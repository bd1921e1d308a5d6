"""A submission beside a client that it may be: which of their facts are the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from clients_app.intake.duplicates import Match
from clients_app.models import Status, Submission
from clients_app.questions.matching import (
    display_name,
    folded_email,
    folded_name,
    folded_phone,
    folded_tax_number,
)

_FOLDED: dict[str, Callable[[str], str]] = {
    "name": folded_name,
    "email": folded_email,
    "phone": folded_phone,
    "tax_number": folded_tax_number,
}


@dataclass(frozen=True)
class Fact:
    """One line of a comparison; `same` is None where one side says nothing."""

    label: str
    ours: str
    theirs: str
    same: bool | None


@dataclass(frozen=True)
class Comparison:
    """A submission and one client. It is linked by `heffl_id`, or by `original` (a uuid)."""

    name: str
    number: str
    where: str
    facts: list[Fact]
    heffl_id: str = ""
    original: str = ""
    uuid: str = ""


def with_match(submission: Submission, match: Match) -> Comparison:
    """Compare with a client of the history; one that is not created cannot be linked to."""
    other = match.submission
    created = other.status == Status.CREATED
    added = date_format(other.created_at, "j M Y")
    return Comparison(
        other.display_name,
        other.number,
        _("In this portal, {status}, added on {day}").format(
            status=other.get_status_display(), day=added
        ),
        _facts(submission, _of(other.type, other.answers)),
        original=str(other.uuid) if created else "",
        uuid=str(other.uuid),
    )


def with_candidate(submission: Submission, found: Mapping[str, Any]) -> Comparison:
    """Compare with a client that was found in Heffl: one of Submission.candidates."""
    created = parse_datetime(str(found.get("created_at") or ""))
    where = _("In Heffl")
    if created:
        day = date_format(created, "j M Y")
        where = _("In Heffl, created on {day}").format(day=day)
    theirs = {name: str(found.get(name) or "") for name in _FOLDED}
    return Comparison(
        theirs["name"],
        str(found.get("number") or ""),
        where,
        _facts(submission, theirs),
        heffl_id=str(found.get("id") or ""),
    )


def _of(client_type: str, answers: Mapping[str, Any]) -> dict[str, str]:
    facts = {name: str(answers.get(name) or "") for name in _FOLDED}
    return facts | {"name": display_name(client_type, answers)}


def _facts(submission: Submission, theirs: Mapping[str, str]) -> list[Fact]:
    ours = _of(submission.type, submission.answers)
    labels = {
        "name": _("Name"),
        "email": _("Email"),
        "phone": _("Phone"),
        "tax_number": _("Tax number"),
    }
    facts = []
    for name, fold in _FOLDED.items():
        one, other = ours[name], theirs[name]
        if one or other:
            same = fold(one) == fold(other) if one and other else None
            facts.append(Fact(labels[name], one, other, same))
    return facts
