"""The words about each thing that stops sending, for every place that tells of it.

A hold is told on the page of a client that waits, in the banner above every page, and in a
mail with advice for owners. What it is called in that mail and in lists is its label in
`HoldReason` and `IncidentKind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from clients_app.models import IncidentKind


@dataclass(frozen=True)
class HoldWords:
    """What is said of one stop.

    `client` and `client_next` stand on the page of a client: what is wrong, and what
    becomes of it. `banner` and `banner_next` stand above every page; an owner is told
    `banner_for_owner` where that differs. `advice` is what an owner can do. `owners_task`
    when an owner can put it right here.
    """

    client: Promise
    client_next: Promise
    banner: Promise
    banner_next: Promise
    advice: Promise
    banner_for_owner: Promise | None = None
    owners_task: bool = False


_AFTER_THAT = _("This client is saved and will be sent after that.")
_LATER = _("You can go on: new clients are kept and sent later.")

WORDS: Mapping[IncidentKind, HoldWords] = {
    IncidentKind.OUTAGE: HoldWords(
        client=_("Heffl is not answering."),
        client_next=_(
            "This client is saved and will be sent as soon as Heffl is back; you do not "
            "need to do anything."
        ),
        banner=_("Heffl is not answering at the moment."),
        banner_next=_(
            "You can go on: new clients are kept and sent as soon as Heffl is back."
        ),
        advice=_("Heffl has to come back by itself; we ask every minute."),
    ),
    IncidentKind.KEY_REFUSED: HoldWords(
        client=_(
            "Heffl did not accept the API key. Ask an owner to replace it in Settings."
        ),
        client_next=_AFTER_THAT,
        banner=_("Nothing is sent: Heffl does not accept the API key. Ask an owner."),
        banner_for_owner=_("Nothing is sent: Heffl does not accept the API key."),
        banner_next=_LATER,
        advice=_("Replace the API key under Settings, Heffl."),
        owners_task=True,
    ),
    IncidentKind.KEY_UNVERIFIED: HoldWords(
        client=_(
            "The API key has not been checked yet, because Heffl could not be reached."
        ),
        client_next=_(
            "This client is saved and will be sent when the key has been checked."
        ),
        banner=_("Nothing is sent yet: the API key has not been checked."),
        banner_next=_LATER,
        advice=_("The key is checked as soon as Heffl can be reached."),
        owners_task=True,
    ),
    IncidentKind.KEY_UNREADABLE: HoldWords(
        client=_(
            "The stored API key cannot be opened. Ask an owner to enter it again."
        ),
        client_next=_AFTER_THAT,
        banner=_("Nothing is sent: the API key has to be entered again by an owner."),
        banner_next=_LATER,
        advice=_("Enter the API key again under Settings, Heffl."),
        owners_task=True,
    ),
    IncidentKind.NO_KEY: HoldWords(
        client=_("There is no API key yet. Ask an owner to add one in Settings."),
        client_next=_AFTER_THAT,
        banner=_("Nothing is sent to Heffl: ask an owner to add the API key."),
        banner_for_owner=_("Nothing is sent to Heffl: there is no API key yet."),
        banner_next=_LATER,
        advice=_("Add an API key under Settings, Heffl."),
        owners_task=True,
    ),
    IncidentKind.CONFIGURATION: HoldWords(
        client=_("Heffl answers, but not as Heffl should. Its address may be wrong."),
        client_next=_(
            "This client is saved and will be sent when the operator of this portal has "
            "put that right."
        ),
        banner=_("Nothing is sent at the moment: Heffl does not answer as it should."),
        banner_next=_LATER,
        advice=_("The operator of this portal has to check the address of Heffl."),
    ),
    IncidentKind.RESTORED: HoldWords(
        client=_("The portal was restored from a backup, and sending is on hold."),
        client_next=_(
            "This client is saved and will be sent when the operator releases the hold."
        ),
        banner=_("Nothing is sent at the moment: the portal comes from a backup."),
        banner_next=_LATER,
        advice=_("The operator of this portal releases the hold when all is well."),
    ),
}
