"""The tables. Import them from here: `from clients_app.models import Submission`."""

from clients_app.models.audit_event import AuditEvent, AuditSeal
from clients_app.models.client_key import ClientKey
from clients_app.models.custom_field import (
    CustomField,
    CustomFieldKind,
    FieldReading,
)
from clients_app.models.delivery import DeliveryAttempt, Hold, HoldReason, RateBudget
from clients_app.models.drift import DriftSign
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
from clients_app.models.revision import SubmissionRevision
from clients_app.models.signup import (
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
from clients_app.models.tally import Tally
from clients_app.models.user import User
from clients_app.models.webhook import WebhookEvent, WebhookOutcome, WebhookSecret

__all__ = [
    "FINAL",
    "NEEDS_PERSON",
    "RANK",
    "WAITING",
    "ApiCredential",
    "ApprovalMode",
    "AuditEvent",
    "AuditSeal",
    "ClientKey",
    "ClientTypeChoice",
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
    "Invitation",
    "KeySlot",
    "Lane",
    "Membership",
    "Organisation",
    "RateBudget",
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
