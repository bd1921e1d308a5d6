"""What an owner or the site operator does to an organisation: people, API key, own fields.

Each function is one transaction with its audit event in it. Heffl is asked before the
transaction begins, so that nothing is locked while the network takes its time.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app import audit, credentials
from clients_app.crypto import Secret
from clients_app.delivery import holds, rate_limit, wakeups
from clients_app.heffl.api import HefflAPI
from clients_app.models import (
    PAUSED_UNTIL,
    ApiCredential,
    ApprovalMode,
    CustomField,
    Hold,
    HoldReason,
    KeySlot,
    Membership,
    Organisation,
    Role,
    Status,
    User,
)
from clients_app.questions import custom_fields
from clients_app.questions.text import UnusableText, clean_text

KEY_HOLDS = (
    HoldReason.KEY_REFUSED,
    HoldReason.KEY_UNVERIFIED,
    HoldReason.KEY_UNREADABLE,
)


class OrganisationError(ValueError):
    """What was asked for cannot be done. The text says why, in words for people."""


class PasswordMissing(OrganisationError):
    """A person who is new here was given no password."""


class KeyCheck(StrEnum):
    """What Heffl says to a key."""

    WORKS = "works"
    UNKNOWN = "unknown"
    MAY_NOT_READ = "may_not_read"
    UNREACHABLE = "unreachable"
    UNREADABLE = "unreadable"

    @property
    def refused(self) -> bool:
        """Say whether Heffl was reached and turned the key down."""
        return self in {KeyCheck.UNKNOWN, KeyCheck.MAY_NOT_READ}


@dataclass(frozen=True)
class KeyChange:
    """What came of storing a key; `credential` is None when nothing was changed."""

    check: KeyCheck
    credential: ApiCredential | None = None
    also_used_elsewhere: bool = False
    unusual: bool = False


def check_words(check: KeyCheck) -> str:
    """Return what to tell people about a key that did not pass."""
    return {
        KeyCheck.WORKS: _("Heffl accepts the key."),
        KeyCheck.UNKNOWN: _("Heffl does not know this key."),
        KeyCheck.MAY_NOT_READ: _("The key works but may not read clients."),
        KeyCheck.UNREACHABLE: _("Heffl could not be reached. Nothing was changed."),
        KeyCheck.UNREADABLE: _("The stored key cannot be opened here. Enter it again."),
    }[check]


def _ask(api: HefflAPI) -> KeyCheck:
    reading = api.check_key()
    if reading.ok:
        return KeyCheck.WORKS
    if reading.status == 401:
        return KeyCheck.UNKNOWN
    # A firewall answers 403 too; only Heffl itself answers in JSON.
    if reading.status == 403 and "json" in reading.content_type:
        return KeyCheck.MAY_NOT_READ
    if reading.reason == "key_unreadable":
        return KeyCheck.UNREADABLE
    return KeyCheck.UNREACHABLE


def ask_about(key: Secret) -> KeyCheck:
    """Ask Heffl about a key that is not stored."""
    return _ask(credentials.api_with(key))


def create_organisation(
    *,
    name: str,
    slug: str,
    owner_email: str,
    owner_password: str | None = None,
    api_key: Secret | None = None,
    signup_mode: str = "",
    actor_label: str = "command",
    now: datetime | None = None,
) -> tuple[Organisation, KeyChange | None]:
    """Make an organisation with its owner and, if given, its API key.

    The key is checked first: one that Heffl refuses makes nothing, one that could not be
    checked is stored unverified and sends nothing until a check passes. An owner who
    already has a sign-in keeps their password. Raises OrganisationError.
    """
    now = now or timezone.now()
    try:
        name = clean_text(name)
    except UnusableText:
        name = ""
    if not 0 < len(name) <= 160:
        raise OrganisationError(_("The name must have 1 to 160 characters."))
    try:
        validate_slug(slug)
    except ValidationError:
        slug = ""
    if not slug or len(slug) > 60 or slug != slug.lower():
        raise OrganisationError(
            _("The slug may have up to 60 small letters, digits, - and _.")
        )
    if signup_mode and signup_mode not in ApprovalMode.values:
        raise OrganisationError(_("The signup mode is send, suspicious or hold."))
    _check_person(owner_email, owner_password)
    if Organisation.objects.filter(slug=slug).exists():
        raise OrganisationError(
            _("There is an organisation with the slug %(slug)s already.")
            % {"slug": slug}
        )
    check = ask_about(api_key) if api_key else None
    if check and check.refused:
        raise OrganisationError(check_words(check) + " " + _("Nothing was made."))
    with transaction.atomic():
        organisation = Organisation.objects.create(
            name=name, slug=slug, signup_mode=signup_mode, created_at=now
        )
        audit.record(
            "organisation.created",
            organisation=organisation,
            actor_label=actor_label,
            about=organisation,
        )
        add_member(
            organisation,
            owner_email,
            Role.OWNER,
            password=owner_password,
            actor_label=actor_label,
        )
        change = None
        if api_key and check:
            change = _store_key(
                organisation, api_key, check, None, now, actor_label=actor_label
            )
    return organisation, change


def _person(email: str) -> User | None:
    return User.objects.filter(email=email.strip().lower()).first()


def _check_person(email: str, password: str | None) -> None:
    """Raise OrganisationError unless this person exists or can be made."""
    try:
        validate_email(email.strip())
    except ValidationError:
        raise OrganisationError(
            _("Enter an email address like name@example.com.")
        ) from None
    if _person(email):
        return
    if not password:
        raise PasswordMissing(_("A new person needs a password."))
    try:
        validate_password(password, User(email=email.strip().lower()))
    except ValidationError as error:
        raise OrganisationError(
            _("This password will not do.") + " " + " ".join(error.messages)
        ) from None


@transaction.atomic
def add_member(
    organisation: Organisation,
    email: str,
    role: str,
    *,
    password: str | None = None,
    name: str = "",
    actor: User | None = None,
    actor_label: str = "",
) -> Membership:
    """Add a person to an organisation; make their sign-in when they have none.

    Somebody who already has a sign-in keeps their password. Raises OrganisationError
    for a bad address, a weak or missing password, or an existing membership.
    """
    if role not in Role.values:
        raise OrganisationError(_("The role is owner, admin, reviewer or frontdesk."))
    _check_person(email, password)
    user = _person(email)
    if user is None:
        user = User.objects.create_user(email, password, name=name)
        EmailAddress.objects.create(
            user=user, email=user.email, verified=True, primary=True
        )
    member, made = Membership.objects.get_or_create(
        organisation=organisation, user=user, defaults={"role": role}
    )
    if not made:
        raise OrganisationError(_("This person is a member already."))
    audit.record(
        "member.added",
        organisation=organisation,
        actor=actor,
        actor_label=actor_label,
        about=member,
        detail={"role": str(role)},
    )
    return member


def replace_api_key(
    organisation: Organisation,
    key: Secret,
    *,
    user: User | None,
    now: datetime | None = None,
    unverified: bool = False,
) -> KeyChange:
    """Ask Heffl about a key and, when it works, put it in the place of the current one.

    When Heffl cannot be reached nothing changes, unless `unverified` is set: then the
    key waits in the slot `next` beside the current one, or, where there is none, becomes
    current with a hold on it, so that nothing is sent before a check has passed.
    """
    now = now or timezone.now()
    check = ask_about(key)
    if check.refused or (check is KeyCheck.UNREACHABLE and not unverified):
        return KeyChange(check)
    return _store_key(organisation, key, check, user, now)


def _locked(organisation: Organisation) -> Organisation:
    """Lock the organisation, so that two people change its key one after the other."""
    return Organisation.objects.select_for_update().get(pk=organisation.pk)


@transaction.atomic
def _store_key(
    organisation: Organisation,
    key: Secret,
    check: KeyCheck,
    user: User | None,
    now: datetime,
    *,
    actor_label: str = "",
) -> KeyChange:
    organisation = _locked(organisation)
    before = credentials.current(organisation)
    works = check is KeyCheck.WORKS
    slot = KeySlot.CURRENT if works or before is None else KeySlot.NEXT
    waiting = credentials.next_(organisation)
    if waiting:
        _revoke(waiting, now)
    if before and slot == KeySlot.CURRENT:
        _revoke(before, now)
    credential = credentials.seal_new(
        organisation,
        key,
        slot=slot,
        user=user,
        verified_at=now if works else None,
        now=now,
    )
    audit.record(
        "key.replaced" if before and slot == KeySlot.CURRENT else "key.added",
        organisation=organisation,
        actor=user,
        actor_label=actor_label,
        about=credential,
        detail={"slot": str(slot), "verified": works},
    )
    if works:
        _put_to_work(credential, user, now, actor_label)
        rate_limit.note_call(credential.fingerprint, now)
    elif slot == KeySlot.CURRENT:
        holds.hold(credential.fingerprint, HoldReason.KEY_UNVERIFIED, now)
    return KeyChange(
        check,
        credential,
        also_used_elsewhere=_used_elsewhere(credential),
        unusual=not credentials.has_usual_prefix(key),
    )


def _used_elsewhere(credential: ApiCredential) -> bool:
    others = ApiCredential.objects.held().filter(fingerprint=credential.fingerprint)
    return others.exclude(organisation_id=credential.organisation_id).exists()


def _put_to_work(
    credential: ApiCredential, user: User | None, now: datetime, actor_label: str = ""
) -> None:
    """Note that Heffl accepts the current key, and let its queue go on."""
    audit.record(
        "key.verified",
        organisation=credential.organisation,
        actor=user,
        actor_label=actor_label,
        about=credential,
    )
    rate_limit.locked(credential.fingerprint)  # first, as every worker does
    for reason in KEY_HOLDS:
        holds.release(credential.fingerprint, reason, now)
    # Whoever backed off because of the key before this one need not wait any longer.
    waiting = credential.organisation.submissions.filter(status=Status.QUEUED)
    waiting.filter(not_before__gt=now, not_before__lt=PAUSED_UNTIL).update(
        not_before=now
    )
    wakeups.wake_organisation(credential.organisation, now)


def _revoke(credential: ApiCredential, now: datetime) -> None:
    """Take a key out of use: its ciphertext goes, and its holds when nobody else has it."""
    ApiCredential.objects.filter(pk=credential.pk).update(revoked_at=now, ciphertext="")
    mark = credential.fingerprint
    if not ApiCredential.objects.held().filter(fingerprint=mark).exists():
        Hold.objects.filter(fingerprint=mark, released_at__isnull=True).update(
            released_at=now, probe_at=None
        )


def verify_key(
    credential: ApiCredential, *, user: User | None, now: datetime | None = None
) -> KeyCheck:
    """Ask Heffl about a stored key. A waiting key that passes replaces the current one."""
    now = now or timezone.now()
    rate_limit.note_call(credential.fingerprint, now)
    check = _ask(credentials.api_for(credential))
    if check is KeyCheck.WORKS:
        _verified(credential, user, now)
    return check


@transaction.atomic
def _verified(credential: ApiCredential, user: User | None, now: datetime) -> None:
    label = "" if user else "worker"
    organisation = _locked(credential.organisation)
    held = ApiCredential.objects.held().filter(pk=credential.pk)
    found = held.select_related("organisation").first()
    if found is None:  # somebody removed it meanwhile
        return
    before = credentials.current(organisation)
    if before and before.pk != found.pk:
        _revoke(before, now)
        audit.record("key.replaced", organisation=organisation, actor=user, about=found)
    held.update(slot=KeySlot.CURRENT, verified_at=now)
    _put_to_work(found, user, now, label)


@transaction.atomic
def remove_api_key(
    credential: ApiCredential, *, user: User | None, now: datetime | None = None
) -> None:
    """Take a key out of use; its ciphertext is erased. Waiting clients keep waiting."""
    now = now or timezone.now()
    organisation = _locked(credential.organisation)
    if not ApiCredential.objects.held().filter(pk=credential.pk).exists():
        return
    _revoke(credential, now)
    audit.record(
        "key.removed",
        organisation=organisation,
        actor=user,
        about=credential,
        detail={"slot": credential.slot},
    )


def save_field(field: CustomField, *, user: User, changed: Iterable[str] = ()) -> None:
    """Store a new or changed custom field; new ones go to the end of the form."""
    with transaction.atomic():
        organisation = _locked(field.organisation)
        is_new = field.pk is None
        if is_new:
            field.position = organisation.custom_fields.count() + 1
        field.save()
        audit.record(
            "settings.field_added" if is_new else "settings.field_changed",
            organisation=organisation,
            actor=user,
            about=field,
            detail={"fields": sorted(changed)},
        )
        custom_fields.changed(organisation)


@transaction.atomic
def move_field(field: CustomField, step: int, *, user: User) -> None:
    """Move a custom field up (-1) or down (1) among the organisation's fields."""
    organisation = _locked(field.organisation)
    order = list(organisation.custom_fields.order_by("position", "id"))
    place = order.index(field)
    target = place + step
    if not 0 <= target < len(order):
        return
    order[place], order[target] = order[target], order[place]
    for position, each in enumerate(order, start=1):
        each.position = position
    CustomField.objects.bulk_update(order, ["position"])
    audit.record(
        "settings.field_moved", organisation=organisation, actor=user, about=field
    )
    custom_fields.changed(organisation)


@transaction.atomic
def switch_field(field: CustomField, is_active: bool, *, user: User) -> None:
    """Show a custom field in the form, or stop showing it. Answers given stay."""
    organisation = _locked(field.organisation)
    changed = organisation.custom_fields.filter(pk=field.pk).exclude(
        is_active=is_active
    )
    if not changed.update(is_active=is_active):
        return
    audit.record(
        "settings.field_switched_on" if is_active else "settings.field_switched_off",
        organisation=organisation,
        actor=user,
        about=field,
    )
    custom_fields.changed(organisation)


@transaction.atomic
def set_reference_field(organisation: Organisation, name: str, *, user: User) -> None:
    """Choose the custom field of Heffl that carries our reference; "" for none."""
    Organisation.objects.filter(pk=organisation.pk).update(reference_field=name)
    audit.record(
        "settings.changed",
        organisation=organisation,
        actor=user,
        detail={"fields": ["reference_field"], "on": bool(name)},
    )
