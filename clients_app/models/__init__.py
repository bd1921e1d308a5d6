"""The tables. Import them from here: `from clients_app.models import Submission`."""

from clients_app.models.audit_event import AuditEvent, AuditSeal
from clients_app.models.client_key import ClientKey
from clients_app.models.csv_import import (
    PAUSED_UNTIL,
    CsvImport,
    ImportedRow,
    ImportState,
)
from clients_app.models.custom_field import (
    CustomField,
    CustomFieldKind,
    FieldReading,
)
from clients_app.models.delivery_attempt import (
    DeliveryAttempt,
    Hold,
    HoldReason,
    RateBudget,
)
from clients_app.models.drift_sign import DriftSign
from clients_app.models.incident import Digest, Incident, IncidentKind
from clients_app.models.invitation import Invitation
from clients_app.models.organisation import (
    RANK,
    ApiCredential,
    ApprovalMode,
    KeySlot,
    Membership,
    Organisation,
    Role,
)
from clients_app.models.retention import (
    CLEARED_KEY,
    CLEARED_NAME,
    ConsentText,
    Look,
    Retention,
)
from clients_app.models.signup_page import (
    HeldFor,
    SignupBucket,
    SignupLanguage,
    SignupMail,
    SignupPage,
)
from clients_app.models.submission import (
    FINAL,
    NEEDS_PERSON,
    WAITING,
    ClientTypeChoice,
    Lane,
    Source,
    Status,
    Submission,
)
from clients_app.models.submission_revision import SubmissionRevision
from clients_app.models.tally import Tally
from clients_app.models.user import User
from clients_app.models.webhook_event import WebhookEvent, WebhookOutcome, WebhookSecret

__all__ = [
    "CLEARED_KEY",
    "CLEARED_NAME",
    "FINAL",
    "NEEDS_PERSON",
    "PAUSED_UNTIL",
    "RANK",
    "WAITING",
    "ApiCredential",
    "ApprovalMode",
    "AuditEvent",
    "AuditSeal",
    "ClientKey",
    "ClientTypeChoice",
    "ConsentText",
    "CsvImport",
    "CustomField",
    "CustomFieldKind",
    "FieldReading",
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
    "SignupBucket",
    "SignupLanguage",
    "SignupMail",
    "SignupPage",
    "Source",
    "Status",
    "Submission",
    "SubmissionRevision",
    "Tally",
    "User",
    "WebhookEvent",
    "WebhookOutcome",
    "WebhookSecret",
]
