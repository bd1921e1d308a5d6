"""The members of an organisation, and the page that an invitation leads to."""

from __future__ import annotations

from smtplib import SMTPException
from typing import NamedTuple

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import resolve, reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_http_methods

from clients_app.models import RANK, Invitation, Membership, Role
from clients_app.organisation import members
from clients_app.organisation.member_forms import InviteForm, RoleForm
from clients_app.organisation.members import MemberError
from clients_app.views.access import members_only, proved_lately

# What the table of roles speaks of, and the page that stands for it. Which role may do it
# is what that page's own view asks for.
DUTIES = (
    (gettext_noop("Add clients and see all of them"), "submission-create"),
    (gettext_noop("Export clients"), "submission-export"),
    (gettext_noop("Decide about unclear clients"), "submission-link"),
    (gettext_noop("Approve, reject and correct signups"), "review-queue"),
    (gettext_noop("Custom fields"), "settings-fields"),
    (gettext_noop("The signup page and the kiosk"), "settings-signup"),
    (gettext_noop("Invite, change and remove members"), "settings-members"),
    (gettext_noop("Read the audit trail"), "audit-list"),
    (gettext_noop("The API key of Heffl"), "settings-heffl"),
)
ANY_UUID = "00000000-0000-4000-8000-000000000000"


class Duty(NamedTuple):
    """A row of the table: what it is, and for each role in turn whether it may."""

    words: str
    may: list[bool]


def duties(slug: str) -> list[Duty]:
    """Return what each role may do, read from the views that enforce it.

    Roles stand in the order of `Role`, the highest first.
    """
    told = []
    for words, name in DUTIES:
        view = resolve(_address(name, slug)).func
        least: Role = view.least_role  # type: ignore[attr-defined]
        told.append(Duty(_(words), [RANK[role] >= RANK[least] for role in Role]))
    owners = [role == Role.OWNER for role in Role]
    told.append(Duty(_("Make, change and remove owners"), owners))
    return told


def _address(name: str, slug: str) -> str:
    if name == "submission-link":
        return reverse(name, args=[slug, ANY_UUID])
    return reverse(name, args=[slug])


def _link_for(request: HttpRequest) -> members.LinkFor:
    return lambda token: request.build_absolute_uri(
        reverse("invitation-accept", args=[token])
    )


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.ADMIN)
def settings_members(request: HttpRequest, member: Membership) -> HttpResponseBase:
    """List the members and the open invitations; invite somebody."""
    return _settings_members(request, member)


@proved_lately
def _settings_members(request: HttpRequest, member: Membership) -> HttpResponse:
    if request.method == "POST" and "invitation" in request.POST:
        _invitation_handled(request, member)
        return redirect("settings-members", member.organisation.slug)
    roles = members.roles_within_reach(member)
    initial = {"role": Role.FRONTDESK, "language": translation.get_language()}
    if request.method != "POST":
        return _members_page(request, member, InviteForm(roles=roles, initial=initial))
    form = InviteForm(request.POST, roles=roles)
    if not form.is_valid():
        return _members_page(request, member, form)
    try:
        members.invite(member, **form.cleaned_data, link_for=_link_for(request))
    except MemberError as error:
        form.add_error("email", str(error))
        return _members_page(request, member, form)
    except (OSError, SMTPException):
        messages.warning(request, _not_mailed())
    else:
        messages.success(request, _("The invitation is on its way."))
    return redirect("settings-members", member.organisation.slug)


def _not_mailed() -> str:
    return _("The invitation is kept, but the mail could not be sent. Send it again.")


def _invitation_handled(request: HttpRequest, member: Membership) -> None:
    """Send the invitation that the form names again, or take it back."""
    action, named = request.POST.get("action"), request.POST["invitation"]
    if not (named.isascii() and named.isdigit() and len(named) < 19):
        raise Http404
    try:
        match action:
            case "resend":
                members.resend(member, int(named), link_for=_link_for(request))
                messages.success(request, _("The invitation is on its way again."))
            case "revoke":
                members.take_back(member, int(named))
                messages.success(request, _("The invitation is taken back."))
            case _other:
                raise Http404
    except MemberError as error:
        messages.error(request, str(error))
    except Invitation.DoesNotExist:
        messages.warning(request, _("This invitation has been used or taken back."))
    except (OSError, SMTPException):
        messages.warning(request, _not_mailed())


def _members_page(
    request: HttpRequest, member: Membership, form: InviteForm
) -> HttpResponse:
    organisation = member.organisation
    people = list(organisation.memberships.select_related("user"))
    people.sort(
        key=lambda each: (-RANK[Role(each.role)], each.user.shown_name.casefold())
    )
    within_reach = members.roles_within_reach(member)
    invitations = organisation.invitations.select_related("invited_by").order_by("id")
    context = {
        "member": member,
        "form": form,
        "people": [(each, members.may_change(member, each)) for each in people],
        "invitations": [
            (each, Role(each.role).label, Role(each.role) in within_reach)
            for each in invitations
        ],
        "roles": list(Role.labels),
        "duties": duties(organisation.slug),
    }
    status = 422 if form.errors else 200
    return render(request, "members/list.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.ADMIN)
def settings_member(
    request: HttpRequest, member: Membership, person: int
) -> HttpResponseBase:
    """Show one member; change their role, suspend, let back or remove them."""
    return _settings_member(request, member, person)


@proved_lately
def _settings_member(
    request: HttpRequest, member: Membership, person: int
) -> HttpResponse:
    target = get_object_or_404(
        member.organisation.memberships.select_related("user"), pk=person
    )
    roles = members.roles_within_reach(member)
    form = RoleForm(roles=roles, initial={"role": target.role})
    if request.method == "POST":
        if request.POST.get("action") == "role":
            form = RoleForm(request.POST, roles=roles)
        if not form.is_bound or form.is_valid():
            return _member_changed(request, member, target, form)
    context = {
        "member": member,
        "target": target,
        "form": form,
        "may_change": members.may_change(member, target),
    }
    status = 422 if form.errors else 200
    return render(request, "members/member.html", context, status=status)


def _member_changed(
    request: HttpRequest, member: Membership, target: Membership, form: RoleForm
) -> HttpResponse:
    slug, name = member.organisation.slug, target.user.shown_name
    try:
        match request.POST.get("action"):
            case "role":
                changed = members.change_role(
                    member, target.pk, form.cleaned_data["role"]
                )
                role = Role(changed.role).label
                done = _("%(name)s is now: %(role)s.") % {"name": name, "role": role}
            case "suspend":
                members.suspend(member, target.pk)
                done = _("%(name)s is suspended and signed out.") % {"name": name}
            case "let_back":
                members.let_back(member, target.pk)
                done = _("%(name)s may come in again.") % {"name": name}
            case "remove":
                members.remove(member, target.pk)
                done = _("%(name)s is removed and signed out.") % {"name": name}
            case _other:
                raise Http404
    except MemberError as error:
        messages.error(request, str(error))
        return redirect("settings-member", slug, target.pk)
    except Membership.DoesNotExist:
        messages.warning(request, _("Somebody else has removed this member."))
    else:
        messages.success(request, done)
    return redirect("settings-members", slug)
