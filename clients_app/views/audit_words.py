"""What the audit trail's actions and details are called, for people.

An action that is missing here is shown as its code; a test finds it and asks for words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from clients_app.models import Role

ACTIONS = {
    "access.denied": gettext_lazy("Tried to open a page without the role for it"),
    "address.asked": gettext_lazy("Asked to sign in with another address"),
    "address.changed": gettext_lazy("Signs in with another address"),
    "address.removed": gettext_lazy("Removed an address to sign in with"),
    "address.withdrawn": gettext_lazy("Took a change of address back"),
    "audit.exported": gettext_lazy("Exported the audit trail"),
    "backup.restored": gettext_lazy("Restored from a backup"),
    "delivery.held": gettext_lazy("Sending was held"),
    "delivery.released": gettext_lazy("Sending went on"),
    "export": gettext_lazy("Exported clients"),
    "import.cancelled": gettext_lazy("Cancelled an import"),
    "import.failed_rows": gettext_lazy("Downloaded the rows that failed"),
    "import.loaded": gettext_lazy("Loaded a file of clients"),
    "import.paused": gettext_lazy("Paused an import"),
    "import.resumed": gettext_lazy("Went on with an import"),
    "import.started": gettext_lazy("Started an import"),
    "key.added": gettext_lazy("Added an API key"),
    "key.removed": gettext_lazy("Removed an API key"),
    "key.replaced": gettext_lazy("Replaced the API key"),
    "key.verified": gettext_lazy("Heffl accepted the API key"),
    "keyring.rotated": gettext_lazy("Sealed the secrets with a new key"),
    "member.accepted": gettext_lazy("Accepted an invitation"),
    "member.added": gettext_lazy("Became a member"),
    "member.invitation_revoked": gettext_lazy("Took an invitation back"),
    "member.invited": gettext_lazy("Invited somebody"),
    "member.invited_again": gettext_lazy("Sent an invitation again"),
    "member.let_back": gettext_lazy("Let a member back in"),
    "member.removed": gettext_lazy("Removed a member"),
    "member.role_changed": gettext_lazy("Changed the role of a member"),
    "member.suspended": gettext_lazy("Suspended a member"),
    "organisation.created": gettext_lazy("Made the organisation"),
    "password.changed": gettext_lazy("Changed their password"),
    "privacy.erased": gettext_lazy("Erased the data of one person"),
    "privacy.exported": gettext_lazy("Exported the data of one person"),
    "privacy.purged": gettext_lazy("Removed data that was kept long enough"),
    "recovery_codes.made": gettext_lazy("Made new recovery codes"),
    "second_factor.added": gettext_lazy("Added a second factor"),
    "second_factor.removed": gettext_lazy("Removed a second factor"),
    "second_factor.failed": gettext_lazy("Second factor was wrong"),
    "settings.changed": gettext_lazy("Changed the settings"),
    "settings.field_added": gettext_lazy("Added a custom field"),
    "settings.field_changed": gettext_lazy("Changed a custom field"),
    "settings.field_moved": gettext_lazy("Moved a custom field"),
    "settings.field_switched_off": gettext_lazy("Switched a custom field off"),
    "settings.field_switched_on": gettext_lazy("Switched a custom field on"),
    "settings.kiosk_closed": gettext_lazy("Closed the kiosk"),
    "settings.kiosk_renewed": gettext_lazy("Made a new kiosk link"),
    "settings.retention": gettext_lazy("Changed how long data is kept"),
    "settings.signup_changed": gettext_lazy("Changed the signup page"),
    "settings.fields_drifted": gettext_lazy("Custom fields differ from Heffl"),
    "settings.fields_read": gettext_lazy("Read the custom fields from Heffl"),
    "sign_in_failed": gettext_lazy("Failed to sign in"),
    "sign_in.confirmed": gettext_lazy("Confirmed who they are"),
    "signed_in": gettext_lazy("Signed in"),
    "submission.accepted": gettext_lazy("Entered a client"),
    "submission.created": gettext_lazy("Heffl created a client"),
    "submission.approved": gettext_lazy("Approved a client"),
    "submission.rejected": gettext_lazy("Rejected a client"),
    "submission.corrected": gettext_lazy("Corrected a client"),
    "submission.dropped": gettext_lazy("Dropped a client"),
    "submission.linked": gettext_lazy("Linked to a client in Heffl"),
    "submission.needs_fix": gettext_lazy("Heffl did not accept a client"),
    "submission.numbered": gettext_lazy("Heffl told the number of a client"),
    "submission.queued": gettext_lazy("Put a client back in the queue"),
    "submission.review": gettext_lazy("A client needs a decision"),
    "submission.sent_again": gettext_lazy("Sent a client again"),
    "submission.uncertain": gettext_lazy("Heffl did not confirm a client"),
    "webhook.secret_added": gettext_lazy("Added a webhook secret"),
    "webhook.secret_removed": gettext_lazy("Removed a webhook secret"),
}


def action_words(code: str) -> str:
    """Return the words for an action; for one without any, its code."""
    return str(ACTIONS.get(code, code))


def detail_words(detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what an event adds, as pairs of name and value, without the empty ones."""
    return [
        (_name(name), _value(name, value))
        for name, value in sorted(detail.items())
        if value not in (None, "", [])
    ]


def _name(name: str) -> str:
    return {
        "fields": _("fields"),
        "filters": _("filters"),
        "from": _("from"),
        "person": _("person"),
        "role": _("role"),
        "slot": _("slot"),
        "status": _("status"),
        "to": _("to"),
        "verified": _("checked"),
        "view": _("page"),
    }.get(name, name)


def _value(name: str, value: Any) -> str:
    if name in {"role", "from", "to"} and value in Role.values:
        return str(Role(value).label)
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return str(value)
