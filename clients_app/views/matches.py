"""Already a client? What the desk sees of likely matches, while typing and before saving.

The answers come in a POST: they are personal data, which belongs into no address.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_POST

from clients_app.heffl.contract import Answer
from clients_app.intake.duplicates import Match, likely_matches
from clients_app.models import Membership, Organisation
from clients_app.questions import phones
from clients_app.questions.answers import check
from clients_app.views.access import members_only

SHOWN = 3
STRONG = 7
"""The weight from which saving asks first: a tax number, or two of the other marks.

One mark alone is shared by too many who are not the same: a family has one phone, a chain
of shops one name.
"""
REASONS = {
    "tax_number": gettext_noop("same tax number"),
    "email": gettext_noop("same email"),
    "phone": gettext_noop("same phone"),
    "name": gettext_noop("same name"),
}


@dataclass(frozen=True, slots=True)
class MatchLine:
    """One likely match as the page shows it."""

    uuid: str
    href: str
    name: str
    title: str
    known_as: str
    why: str


def lines_for(organisation: Organisation, matches: list[Match]) -> list[MatchLine]:
    """Return matches as lines of the page, in their order."""
    return [
        MatchLine(
            uuid=str(row.uuid),
            href=reverse("submission-detail", args=[organisation.slug, row.uuid]),
            name=row.display_name,
            # "CLT-00871, Oasis Dental Clinic", each kept apart from the words around.
            title=", ".join(
                f"\u2068{part}\u2069" for part in (row.number, row.display_name) if part
            ),
            known_as=row.number or row.get_status_display(),
            why=" · ".join(_(REASONS[reason]) for reason in match.reasons),
        )
        for match in matches
        for row in (match.submission,)
    ]


def found_for(
    organisation: Organisation, client_type: str, answers: dict[str, Answer]
) -> list[Match]:
    """Return likely matches of cleaned answers, the likeliest first; at most `SHOWN`."""

    def typed(name: str) -> str:
        return str(answers.get(name) or "")

    return likely_matches(
        organisation,
        client_type,
        typed("name"),
        typed("email"),
        typed("phone"),
        typed("tax_number"),
        first_name=typed("first_name"),
        last_name=typed("last_name"),
        limit=SHOWN,
    )


@require_POST
@members_only()
def submission_matches(request: HttpRequest, member: Membership) -> HttpResponse:
    """Answer the fragment that stands beside the form; empty when nobody is alike."""
    organisation = member.organisation
    checked = check(request.POST, region=organisation.country)
    found = found_for(organisation, checked.client_type, checked.answers)
    phone = str(checked.answers.get("phone") or "")
    context = {
        "lines": lines_for(organisation, found),
        "odd_phone": bool(phone) and not phones.is_in_use(phone),
    }
    return render(request, "submissions/_matches.html", context)
