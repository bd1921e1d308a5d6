"""The connection to Heffl in an organisation's settings: API key, signing secrets, reference."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import (
    require_http_methods,
    require_safe,
)

from clients_app import credentials, webhooks
from clients_app.delivery import holds
from clients_app.models import (
    ApiCredential,
    KeySlot,
    Membership,
    Role,
    WebhookSecret,
)
from clients_app.notices import banner
from clients_app.organisation import api_keys, own_fields
from clients_app.organisation.api_keys import KeyChange, KeyCheck, check_words
from clients_app.organisation.forms import (
    ApiKeyForm,
    ReferenceForm,
    WebhookSecretForm,
)
from clients_app.views.access import members_only, proved_lately
from clients_app.views.wording import ago


@require_safe
@members_only(Role.ADMIN)
def settings(request: HttpRequest, member: Membership) -> HttpResponse:
    """Lead to the first settings page that the member may open."""
    page = "settings-heffl" if member.has_role(Role.OWNER) else "settings-fields"
    return redirect(page, member.organisation.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive_post_parameters("key", "secret")
@members_only(Role.OWNER)
def settings_heffl(request: HttpRequest, member: Membership) -> HttpResponseBase:
    """Show, replace, test and remove the API key, to owners who proved who they are."""
    return _settings_heffl(request, member)


@proved_lately
def _settings_heffl(request: HttpRequest, member: Membership) -> HttpResponse:
    if request.method == "POST":
        action = request.POST.get("action", "")
        if action in {"save", "save_unverified"}:
            return _key_saved(request, member, unverified=action == "save_unverified")
        if action == "add_secret":
            return _secret_added(request, member)
        if action == "save_reference":
            return _reference_saved(request, member)
        _key_handled(request, member, action)
        return redirect("settings-heffl", member.organisation.slug)
    return _heffl_page(request, member, ApiKeyForm())


def _heffl_page(
    request: HttpRequest, member: Membership, form: ApiKeyForm, **extra: Any
) -> HttpResponse:
    organisation = member.organisation
    context: dict[str, Any] = {
        "member": member,
        "form": form,
        "keys": [_key_shown(key) for key in _held(member)],
        "holds": holds.open_holds(organisation),
        "changes": banner.changes_for(member),
        "secret_form": WebhookSecretForm(),
        "reference_form": ReferenceForm(instance=organisation),
        "secrets": [_secret_shown(secret) for secret in webhooks.held(organisation)],
        "webhook_url": request.build_absolute_uri(
            reverse("webhook-receive", args=[organisation.slug])
        ),
        **extra,
    }
    forms = [context[name] for name in ("form", "secret_form", "reference_form")]
    context["wrong"] = next((each for each in forms if each.errors), None)
    status = 422 if context["wrong"] else 200
    return render(request, "organisation/heffl.html", context, status=status)


def _held(member: Membership) -> list[ApiCredential]:
    organisation = member.organisation
    pair = (credentials.current(organisation), credentials.next_(organisation))
    return [key for key in pair if key]


def _key_shown(key: ApiCredential) -> dict[str, Any]:
    """Return what the page may know of a key: not the ciphertext, not the mark."""
    return {
        "slot": key.slot,
        "waits": key.slot == KeySlot.NEXT,
        "words": credentials.describe(key),
        "added_at": key.added_at,
        "added_by": key.added_by.shown_name if key.added_by else "",
        "checked": ago(key.verified_at),
        "worked": ago(key.last_used_at),
    }


def _secret_shown(secret: WebhookSecret) -> dict[str, Any]:
    """Return what the page may know of a signing secret."""
    return {
        "pk": secret.pk,
        "last_four": secret.last_four,
        "added_at": secret.added_at,
        "added_by": secret.added_by.shown_name if secret.added_by else "",
        "worked": ago(secret.last_used_at),
    }


def _secret_added(request: HttpRequest, member: Membership) -> HttpResponse:
    form = WebhookSecretForm(request.POST)
    if form.is_valid():
        try:
            webhooks.add_secret(
                member.organisation, form.cleaned_data["secret"], user=member.user
            )
        except webhooks.TooManySecrets:
            form.add_error("secret", _("Two are stored already. Remove one first."))
        else:
            messages.success(request, _("The signing secret is stored."))
            return redirect("settings-heffl", member.organisation.slug)
    return _heffl_page(request, member, ApiKeyForm(), secret_form=form)


def _reference_saved(request: HttpRequest, member: Membership) -> HttpResponse:
    organisation = member.organisation
    form = ReferenceForm(request.POST, instance=organisation)
    if not form.is_valid():
        organisation.refresh_from_db()
        return _heffl_page(request, member, ApiKeyForm(), reference_form=form)
    own_fields.set_reference_field(
        organisation, form.cleaned_data["reference_field"], user=member.user
    )
    messages.success(request, _("The field is saved."))
    return redirect("settings-heffl", organisation.slug)


def _key_saved(
    request: HttpRequest, member: Membership, *, unverified: bool
) -> HttpResponse:
    form = ApiKeyForm(request.POST)
    if not form.is_valid():
        return _heffl_page(request, member, form)
    change = api_keys.replace_api_key(
        member.organisation,
        form.cleaned_data["key"],
        user=member.user,
        unverified=unverified,
    )
    if change.credential is None:
        form.add_error("key", check_words(change.check))
        unreachable = change.check is KeyCheck.UNREACHABLE
        return _heffl_page(request, member, form, may_save_unverified=unreachable)
    _tell(request, change)
    return redirect("settings-heffl", member.organisation.slug)


def _tell(request: HttpRequest, change: KeyChange) -> None:
    if change.check is KeyCheck.WORKS:
        messages.success(request, _("Heffl accepts the key. It is in use now."))
    elif change.credential and change.credential.slot == KeySlot.NEXT:
        messages.warning(
            request,
            _("The key is stored unchecked. The current key stays in use until then."),
        )
    else:
        messages.warning(
            request,
            _("The key is stored unchecked. Nothing is sent until a check passes."),
        )
    if change.unusual:
        messages.warning(
            request, _("This key does not begin with heffl_user_ as usual.")
        )
    if change.also_used_elsewhere:
        messages.warning(
            request,
            _(
                "Another organisation here uses the same key. Clients of both go to "
                "the same Heffl workspace, and they share its limit of calls."
            ),
        )


def _key_handled(request: HttpRequest, member: Membership, action: str) -> None:
    """Test or remove the key in the slot that the form names, or a signing secret."""
    if action == "remove_secret":
        _secret_removed(request, member)
        return
    slot = request.POST.get("slot")
    key = next((key for key in _held(member) if key.slot == slot), None)
    if key is None:
        messages.warning(request, _("There is no such key any more."))
    elif action == "test":
        check = api_keys.verify_key(key, user=member.user)
        add = messages.success if check is KeyCheck.WORKS else messages.error
        add(request, check_words(check))
    elif action == "remove":
        api_keys.remove_api_key(key, user=member.user)
        messages.success(request, _("The key is removed."))


def _secret_removed(request: HttpRequest, member: Membership) -> None:
    try:
        pk = uuid.UUID(request.POST.get("secret", ""))
    except ValueError:
        pk = uuid.UUID(int=0)
    if webhooks.remove_secret(member.organisation, pk, user=member.user):
        messages.success(request, _("The signing secret is removed."))
    else:
        messages.warning(request, _("There is no such secret any more."))
