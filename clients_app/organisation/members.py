"""Members of an organisation: invite, accept, change the role, suspend, remove.

Each function is one transaction with its audit event in it. An organisation always keeps
an active owner: only another one, who stays and holds the organisation's row meanwhile,
changes an owner. Who is suspended or removed is signed out at once, on every machine.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from allauth.usersessions.models import UserSession
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from clients_app import audit
from clients_app.accounts.addresses import person_with
from clients_app.models import (
    RANK,
    Invitation,
    Membership,
    Organisation,
    Role,
    User,
)
from clients_app.organisation.people import OrganisationError, add_member

LIVES = timedelta(days=7)
RESEND_AFTER = timedelta(minutes=1)
MOST_OPEN = 100
LinkFor = Callable[[str], str]
"""Makes the whole address of an invitation from its token."""


class MemberError(OrganisationError):
    """What was asked for cannot be done. The text says why, in words for people.

    Whoever changes something here meets it, too, when they may do so no more.
    """


def roles_within_reach(actor: Membership) -> list[Role]:
    """Return the roles that a member may give to others and take from them.

    An administrator neither makes nor changes owners.
    """
    if not actor.has_role(Role.ADMIN):
        return []
    return [role for role in Role if RANK[role] <= RANK[Role(actor.role)]]


def may_change(actor: Membership, target: Membership) -> bool:
    """Say whether one member may change another. Nobody changes themselves."""
    return actor.pk != target.pk and Role(target.role) in roles_within_reach(actor)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _locked_actor(actor: Membership) -> Membership:
    """Lock the organisation and read the actor anew: a role may have changed meanwhile."""
    Organisation.objects.select_for_update().get(pk=actor.organisation_id)
    fresh = (
        Membership.objects.select_related("organisation", "user")
        .filter(pk=actor.pk, suspended_at__isnull=True)
        .first()
    )
    if fresh is None or not fresh.has_role(Role.ADMIN):
        raise MemberError(_("You may not change members any more."))
    return fresh


def invite(
    actor: Membership,
    email: str,
    role: str,
    language: str,
    *,
    link_for: LinkFor,
    now: datetime | None = None,
) -> Invitation:
    """Invite an address and mail the link, in the language chosen.

    Whether the address has a sign-in here makes no difference to what happens. Raises
    MemberError, ValidationError for what is no address, and OSError or SMTPException
    when the mail could not be handed over: the invitation is kept then, and can be sent
    again.
    """
    now = now or timezone.now()
    email = email.strip().lower()
    validate_email(email)
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        actor = _locked_actor(actor)
        if role not in roles_within_reach(actor):
            raise MemberError(_("You cannot give this role."))
        organisation = actor.organisation
        known = person_with(email)
        if known and organisation.memberships.filter(user=known).exists():
            raise MemberError(_("This person is a member already."))
        organisation.invitations.filter(expires_at__lte=now).delete()
        if organisation.invitations.filter(email=email).exists():
            raise MemberError(
                _("This address is invited already. You can send it again below.")
            )
        if organisation.invitations.count() >= MOST_OPEN:
            raise MemberError(_("Too many invitations are open. Take some back first."))
        invitation = Invitation.objects.create(
            organisation=organisation,
            email=email,
            role=role,
            language=language,
            token_hash=_hash(token),
            invited_by=actor.user,
            sent_at=now,
            expires_at=now + LIVES,
        )
        audit.record(
            "member.invited",
            organisation=organisation,
            actor=actor.user,
            about=invitation,
            detail={"role": str(role)},
        )
    _mail(invitation, actor.user, link_for(token))
    return invitation


def resend(
    actor: Membership, pk: int, *, link_for: LinkFor, now: datetime | None = None
) -> Invitation:
    """Mail a new link, good for seven more days; the one sent before stops working.

    Raises as `invite` does, and Invitation.DoesNotExist when there is none.
    """
    now = now or timezone.now()
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        actor = _locked_actor(actor)
        invitation = _invitation(actor, pk)
        if invitation.sent_at > now - RESEND_AFTER:
            raise MemberError(_("It was sent just now. Wait a minute."))
        invitation.token_hash = _hash(token)
        invitation.sent_at, invitation.expires_at = now, now + LIVES
        invitation.save(update_fields=["token_hash", "sent_at", "expires_at"])
        audit.record(
            "member.invited_again",
            organisation=actor.organisation,
            actor=actor.user,
            about=invitation,
        )
    _mail(invitation, actor.user, link_for(token))
    return invitation


@transaction.atomic
def take_back(actor: Membership, pk: int) -> None:
    """Revoke an invitation. Raises Invitation.DoesNotExist when there is none."""
    actor = _locked_actor(actor)
    invitation = _invitation(actor, pk)
    audit.record(
        "member.invitation_revoked",
        organisation=actor.organisation,
        actor=actor.user,
        about=invitation,
    )
    invitation.delete()


def _invitation(actor: Membership, pk: int) -> Invitation:
    invitation = actor.organisation.invitations.get(pk=pk)
    if Role(invitation.role) not in roles_within_reach(actor):
        raise MemberError(_("Only an owner can do that."))
    return invitation


def _mail(invitation: Invitation, inviter: User, link: str) -> None:
    with translation.override(invitation.language):
        words = {
            "organisation": invitation.organisation.name,
            "person": inviter.shown_name,
            "role": Role(invitation.role).label,
        }
        subject = _("Invitation to %(organisation)s") % words
        lines = [
            _(
                "%(person)s invites you to %(organisation)s on Heffl Portal, as: %(role)s."
            )
            % words,
            _("This link works once, for seven days, and for this address only:"),
            link,
            _("If you did not expect this, ignore this mail. Nothing happens then."),
        ]
    # A name may hold anything printable; a subject is one line.
    subject = " ".join(subject.split())
    EmailMessage(subject, "\n\n".join(lines) + "\n", to=[invitation.email]).send()


def invitation_of(token: str) -> Invitation | None:
    """Return the open invitation that a link leads to, or None."""
    found = (
        Invitation.objects.select_related("organisation")
        .filter(token_hash=_hash(token))
        .first()
    )
    return found if found and found.is_open else None


@transaction.atomic
def accept(
    invitation: Invitation, *, user: User | None, password: str = "", name: str = ""
) -> Membership:
    """Make the invited person a member, once; without `user` also make their sign-in.

    Raises MemberError when the link was used meanwhile, or when a sign-in has come to be
    for which nobody has proven to be the one; OrganisationError when the password will
    not do, or when the person has become a member in another way.
    """
    known = person_with(invitation.email)
    if user is None and known is not None:
        raise MemberError(
            _("This address was given a sign-in just now. Open the link again.")
        )
    if user is not None and user != known:
        raise MemberError(_("This invitation is for another address."))
    taken, _by_table = Invitation.objects.filter(
        pk=invitation.pk, token_hash=invitation.token_hash
    ).delete()
    if not taken:
        raise MemberError(_("This invitation has been used or taken back."))
    member = add_member(
        invitation.organisation,
        invitation.email,
        invitation.role,
        password=password or None,
        name=name,
    )
    audit.record(
        "member.accepted",
        organisation=invitation.organisation,
        actor=member.user,
        about=member,
        detail={"role": str(invitation.role)},
    )
    return member


def _target(actor: Membership, pk: int) -> Membership:
    """Return the member to change. Raises Membership.DoesNotExist or MemberError."""
    target = actor.organisation.memberships.select_related("user").get(pk=pk)
    if actor.pk == target.pk:
        raise MemberError(_("You cannot change your own membership."))
    if not may_change(actor, target):
        raise MemberError(_("Only an owner can do that."))
    return target


@transaction.atomic
def change_role(actor: Membership, pk: int, role: str) -> Membership:
    """Give a member another role. Raises MemberError or Membership.DoesNotExist."""
    actor = _locked_actor(actor)
    target = _target(actor, pk)
    if role not in roles_within_reach(actor):
        raise MemberError(_("You cannot give this role."))
    if target.role == role:
        return target
    before, target.role = target.role, role
    target.save(update_fields=["role"])
    audit.record(
        "member.role_changed",
        organisation=actor.organisation,
        actor=actor.user,
        about=target,
        detail={"from": str(before), "to": str(role)},
    )
    return target


@transaction.atomic
def suspend(actor: Membership, pk: int, *, now: datetime | None = None) -> Membership:
    """Shut a member out until further notice, and sign them out everywhere.

    Raises as `change_role` does.
    """
    actor = _locked_actor(actor)
    target = _target(actor, pk)
    if target.suspended_at is None:
        target.suspended_at = now or timezone.now()
        target.save(update_fields=["suspended_at"])
        _note(actor, target, "member.suspended")
    sign_out_everywhere(target.user)
    return target


@transaction.atomic
def let_back(actor: Membership, pk: int) -> Membership:
    """End a suspension, if there is one. Raises as `change_role` does."""
    actor = _locked_actor(actor)
    target = _target(actor, pk)
    if target.suspended_at is not None:
        target.suspended_at = None
        target.save(update_fields=["suspended_at"])
        _note(actor, target, "member.let_back")
    return target


@transaction.atomic
def remove(actor: Membership, pk: int) -> Membership:
    """Take a member out of the organisation, and sign them out everywhere.

    Raises as `change_role` does.
    """
    actor = _locked_actor(actor)
    target = _target(actor, pk)
    _note(actor, target, "member.removed")
    Membership.objects.filter(pk=target.pk).delete()
    sign_out_everywhere(target.user)
    return target


def _note(actor: Membership, target: Membership, action: str) -> None:
    audit.record(
        action,
        organisation=actor.organisation,
        actor=actor.user,
        about=target,
        detail={"role": target.role, "person": target.user_id},
    )


def sign_out_everywhere(user: User) -> None:
    """End every session of a person: the rows go, so no other machine knows them either."""
    for session in UserSession.objects.filter(user=user):
        session.end()
