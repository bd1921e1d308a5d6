"""The tables. Import them from here: `from clients_app.models import Submission`."""

from clients_app.models.audit_event import AuditEvent, AuditSeal
from clients_app.models.custom_field import CustomField, CustomFieldKind
from clients_app.models.delivery import DeliveryAttempt, Hold, HoldReason, RateBudget
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
from clients_app.models.user import User

__all__ = [
    "FINAL",
    "NEEDS_PERSON",
    "RANK",
    "WAITING",
    "ApiCredential",
    "ApprovalMode",
    "AuditEvent",
    "AuditSeal",
    "ClientTypeChoice",
    "CustomField",
    "CustomFieldKind",
    "DeliveryAttempt",
    "HeldFor",
    "Hold",
    "HoldReason",
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
    "User",
]
