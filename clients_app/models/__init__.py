"""The tables, one file each. Import them from here: `from clients_app.models import Submission`.

Beside them stands what is neither a table nor another package's: search_text.py,
search_marks.py and search_index.py (how clients are found), listing.py (how lists are
filtered, ordered and paged), audit_guard.py (what keeps the audit trail from being changed).
"""

from clients_app.models.address_change import AddressChange
from clients_app.models.api_credential import ApiCredential, KeySlot
from clients_app.models.audit_event import AuditEvent
from clients_app.models.audit_seal import AuditSeal
from clients_app.models.beat import Beat, BeatRole
from clients_app.models.client_key import ClientKey
from clients_app.models.consent_text import ConsentText
from clients_app.models.custom_field import CustomField, CustomFieldKind
from clients_app.models.delivery_attempt import DeliveryAttempt
from clients_app.models.digest import Digest
from clients_app.models.drift_sign import DriftSign
from clients_app.models.field_reading import FieldReading
from clients_app.models.file_import import PAUSED_UNTIL, FileImport, ImportState
from clients_app.models.file_reading import FileReading, Step
from clients_app.models.hold import Hold, HoldReason
from clients_app.models.imported_row import ImportedRow
from clients_app.models.incident import Incident, IncidentKind
from clients_app.models.invitation import Invitation
from clients_app.models.look import Look
from clients_app.models.membership import RANK, Membership, Role
from clients_app.models.organisation import ApprovalMode, Organisation
from clients_app.models.rate_budget import RateBudget
from clients_app.models.retention import CLEARED_KEY, CLEARED_NAME, Retention
from clients_app.models.sign_in_place import SignInPlace
from clients_app.models.signup_bucket import SignupBucket
from clients_app.models.signup_mail import SignupMail
from clients_app.models.signup_page import SignupLanguage, SignupPage
from clients_app.models.submission import (
    FINAL,
    NEEDS_PERSON,
    WAITING,
    ClientTypeChoice,
    HeldFor,
    Lane,
    Source,
    Status,
    Submission,
)
from clients_app.models.submission_revision import SubmissionRevision
from clients_app.models.tally import Tally
from clients_app.models.user import User
from clients_app.models.webhook_event import WebhookEvent, WebhookOutcome
from clients_app.models.webhook_secret import WebhookSecret

__all__ = [
    "CLEARED_KEY",
    "CLEARED_NAME",
    "FINAL",
    "NEEDS_PERSON",
    "PAUSED_UNTIL",
    "RANK",
    "WAITING",
    "AddressChange",
    "ApiCredential",
    "ApprovalMode",
    "AuditEvent",
    "AuditSeal",
    "Beat",
    "BeatRole",
    "ClientKey",
    "ClientTypeChoice",
    "ConsentText",
    "CustomField",
    "CustomFieldKind",
    "FieldReading",
    "FileImport",
    "FileReading",
    "DeliveryAttempt",
    "Digest",
    "DriftSign",
    "HeldFor",
    "Hold",
    "HoldReason",
    "Incident",
    "IncidentKind",
    "ImportState",
    "ImportedRow",
    "Invitation",
    "KeySlot",
    "Lane",
    "Look",
    "Membership",
    "Organisation",
    "RateBudget",
    "Retention",
    "Role",
    "SignInPlace",
    "SignupBucket",
    "SignupLanguage",
    "SignupMail",
    "SignupPage",
    "Source",
    "Status",
    "Step",
    "Submission",
    "SubmissionRevision",
    "Tally",
    "User",
    "WebhookEvent",
    "WebhookOutcome",
    "WebhookSecret",
]
