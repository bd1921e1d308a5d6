"""What everybody at the desk should know now: is anything in the way, and how long it takes.

Words a receptionist understands, above every page of an organisation. Three small queries.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients_app.delivery import why
from clients_app.models import (
    Incident,
    IncidentKind,
    Lane,
    Membership,
    Organisation,
    Role,
    Status,
)
from clients_app.notices.hold_words import WORDS
from clients_app.notices.wait_words import in_about

COUNT_CAP = 5_000


@dataclass(frozen=True)
class Notice:
    """One thing to know; `fixable` when the member who reads it can put it right."""

    headline: str
    detail: str
    fixable: bool = False


@dataclass(frozen=True)
class LaneWait:
    """How many clients of a lane wait, and how long a new one would, in words."""

    label: str
    waiting: int
    capped: bool
    wait: str


def notices_for(member: Membership) -> list[Notice]:
    """Return what stands in the way of a member's organisation, or delays it."""
    organisation = member.organisation
    if stop := why.stop_of(organisation):
        return [_about_stop(stop, owner=member.has_role(Role.OWNER))]
    waiting, _capped = _count(organisation, Lane.FRONTDESK)
    if waiting < why.MANY_AHEAD:
        return []
    return [
        Notice(
            ngettext(
                "%(count)d client is waiting to be sent.",
                "%(count)d clients are waiting to be sent.",
                waiting,
            )
            % {"count": waiting},
            _("A new one will be sent {when}.").format(
                when=in_about(why.seconds_for(waiting))
            ),
        )
    ]


def _about_stop(stop: IncidentKind, *, owner: bool) -> Notice:
    words = WORDS[stop]
    headline = (words.banner_for_owner if owner else None) or words.banner
    return Notice(
        str(headline), str(words.banner_next), fixable=owner and words.owners_task
    )


def changes_for(member: Membership) -> list[Incident]:
    """Return in what Heffl's answers have changed, for those who can pass that on."""
    if not member.has_role(Role.ADMIN):
        return []
    found = member.organisation.incidents.filter(
        kind=IncidentKind.DRIFT, ended_at__isnull=True
    )
    return list(found.order_by("id")[:10])


def lane_waits(organisation: Organisation) -> list[LaneWait]:
    """Return for each lane how much waits, and how long a new client of it would."""
    labels = {
        Lane.FRONTDESK: _("Front desk"),
        Lane.SIGNUP: _("Signup page"),
        Lane.IMPORT: _("Import"),
    }
    ahead = 0
    found = []
    for lane, label in labels.items():
        waiting, capped = _count(organisation, lane)
        ahead += waiting
        wait = in_about(why.seconds_for(ahead)) if ahead else _("at once")
        found.append(LaneWait(label, waiting, capped, wait))
    return found


def _count(organisation: Organisation, lane: Lane) -> tuple[int, bool]:
    queue = organisation.submissions.filter(status=Status.QUEUED, lane=lane)
    count = queue.order_by("id").values("pk")[:COUNT_CAP].count()
    return count, count == COUNT_CAP
