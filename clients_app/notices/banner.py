"""What everybody at the desk should know now: is anything in the way, and how long it takes.

Words a receptionist understands, above every page of an organisation. Three small queries.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients_app.models import (
    ApiCredential,
    Hold,
    HoldReason,
    Incident,
    IncidentKind,
    Lane,
    Membership,
    Organisation,
    Role,
    Status,
)

MANY = 10
"""Fewer clients than this before a new one are no wait worth a word."""
COUNT_CAP = 5_000
KEPT = HoldReason.KEY_REFUSED, HoldReason.KEY_UNVERIFIED, HoldReason.KEY_UNREADABLE


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
    owner = member.has_role(Role.OWNER)
    fingerprint = (
        ApiCredential.objects.current()
        .filter(organisation=organisation)
        .values_list("fingerprint", flat=True)
        .first()
    )
    held = Hold.objects.filter(
        fingerprint__in={"", fingerprint or ""}, released_at__isnull=True
    ).order_by("fingerprint", "id")
    found = [_about_hold(HoldReason(hold.reason), owner=owner) for hold in held]
    if fingerprint is None:
        found.append(_about_no_key(owner=owner))
    if found:
        return found[:1]
    waiting, _capped = _count(organisation, Lane.FRONTDESK)
    if waiting < MANY:
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
                when=in_about(_seconds_for(waiting))
            ),
        )
    ]


def _about_no_key(*, owner: bool) -> Notice:
    words = (
        _("Nothing is sent to Heffl: there is no API key yet.")
        if owner
        else _("Nothing is sent to Heffl: ask an owner to add the API key.")
    )
    return Notice(
        words, _("You can go on: new clients are kept and sent later."), owner
    )


def _about_hold(reason: HoldReason, *, owner: bool) -> Notice:
    later = _("You can go on: new clients are kept and sent later.")
    soon = _("You can go on: new clients are kept and sent as soon as Heffl is back.")
    key = (
        _("Nothing is sent: Heffl does not accept the API key.")
        if owner
        else _("Nothing is sent: Heffl does not accept the API key. Ask an owner.")
    )
    match reason:
        case HoldReason.OUTAGE:
            return Notice(_("Heffl is not answering at the moment."), soon)
        case HoldReason.KEY_REFUSED:
            return Notice(key, later, owner)
        case HoldReason.KEY_UNVERIFIED:
            return Notice(
                _("Nothing is sent yet: the API key has not been checked."),
                later,
                owner,
            )
        case HoldReason.KEY_UNREADABLE:
            return Notice(
                _("Nothing is sent: the API key has to be entered again by an owner."),
                later,
                owner,
            )
        case HoldReason.RESTORED:
            return Notice(
                _("Nothing is sent at the moment: the portal comes from a backup."),
                later,
            )
        case _other:
            return Notice(
                _("Nothing is sent at the moment: Heffl does not answer as it should."),
                later,
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
        wait = in_about(_seconds_for(ahead)) if ahead else _("at once")
        found.append(LaneWait(label, waiting, capped, wait))
    return found


def _count(organisation: Organisation, lane: Lane) -> tuple[int, bool]:
    queue = organisation.submissions.filter(status=Status.QUEUED, lane=lane)
    count = queue.order_by("id").values("pk")[:COUNT_CAP].count()
    return count, count == COUNT_CAP


def _seconds_for(calls: int) -> float:
    limit, period = settings.HEFFL_RATE_LIMIT
    return float(calls * period / limit)


def in_about(seconds: float) -> str:
    """Return a wait in round words: seconds, minutes or hours."""
    if seconds < 90:
        count = max(1, round(seconds))
        words = ngettext("in about %d second", "in about %d seconds", count)
    elif seconds < 90 * 60:
        count = round(seconds / 60)
        words = ngettext("in about %d minute", "in about %d minutes", count)
    else:
        count = round(seconds / 3600)
        words = ngettext("in about %d hour", "in about %d hours", count)
    return words % count
