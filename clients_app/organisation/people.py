"""An organisation is made, and people become its members."""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import validate_email, validate_slug
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from clients_app import audit
from clients_app.accounts.addresses import person_with
from clients_app.crypto import Secret
from clients_app.models import (
    ApprovalMode,
    Membership,
    Organisation,
    Role,
    User,
)
from clients_app.organisation.api_keys import (
    KeyChange,
    ask_about,
    check_words,
    store_key,
)
from clients_app.questions.text import UnusableText, clean_text


class OrganisationError(ValueError):
    """What was asked for cannot be done. The text says why, in words for people."""


class PasswordMissing(OrganisationError):
    """A person who is new here was given no password."""


def _usable_name(name: str) -> str:
    try:
        name = clean_text(name)
    except UnusableText:
        name = ""
    if not 0 < len(name) <= 160:
        raise OrganisationError(_("The name must have 1 to 160 characters."))
    return name


def _check_slug(slug: str) -> None:
    try:
        validate_slug(slug)
    except ValidationError:
        slug = ""
    if not slug or len(slug) > 60 or slug != slug.lower():
        raise OrganisationError(
            _("The slug may have up to 60 small letters, digits, - and _.")
        )


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
    name = _usable_name(name)
    _check_slug(slug)
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
            change = store_key(
                organisation, api_key, check, None, now, actor_label=actor_label
            )
    return organisation, change


def _check_person(email: str, password: str | None) -> None:
    """Raise OrganisationError unless this person exists or can be made."""
    try:
        validate_email(email.strip())
    except ValidationError:
        raise OrganisationError(
            _("Enter an email address like name@example.com.")
        ) from None
    if person_with(email):
        return
    if not password:
        raise PasswordMissing(_("A new person needs a password."))
    try:
        validate_password(password, User(email=email.strip().lower()))
    except ValidationError as error:
        raise OrganisationError(
            _("This password will not do.") + " " + " ".join(error.messages)
        ) from None


def _new_person(email: str, password: str | None, name: str) -> User:
    """Make a sign-in. Raises OrganisationError when somebody else does at this moment."""
    try:
        with transaction.atomic():
            user = User.objects.create_user(email, password, name=name)
            EmailAddress.objects.create(
                user=user, email=user.email, verified=True, primary=True
            )
    except IntegrityError:
        raise OrganisationError(
            _("This address was given a sign-in just now. Try again.")
        ) from None
    return user


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

    Somebody who already signs in with this address keeps their password. Raises OrganisationError
    for a bad address, a weak or missing password, or an existing membership.
    """
    if role not in Role.values:
        raise OrganisationError(_("The role is owner, admin, reviewer or frontdesk."))
    _check_person(email, password)
    user = person_with(email) or _new_person(email, password, name)
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
