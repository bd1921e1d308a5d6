"""The start page, the settings of one organisation, and one's own preferences."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from allauth.account.decorators import reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from clients_app import credentials, webhooks
from clients_app.delivery import holds
from clients_app.models import (
    ApiCredential,
    FieldReading,
    KeySlot,
    Membership,
    Role,
    User,
    WebhookSecret,
)
from clients_app.notices import banner
from clients_app.organisation import api_keys, own_fields, remote_fields
from clients_app.organisation.api_keys import KeyChange, KeyCheck, check_words
from clients_app.organisation.forms import (
    ApiKeyForm,
    CustomFieldForm,
    ReferenceForm,
    WebhookSecretForm,
)
from clients_app.views.access import members_only


def _person(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


@require_safe
@login_required
def home(request: HttpRequest) -> HttpResponse:
    """Lead to the one organisation's new-client page, or list the organisations."""
    memberships = list(
        Membership.objects.filter(user=_person(request), suspended_at__isnull=True)
        .select_related("organisation")
        .order_by("organisation__name")
    )
    if len(memberships) == 1:
        return redirect("submission-create", memberships[0].organisation.slug)
    return render(request, "organisation/home.html", {"memberships": memberships})


@require_safe
@members_only(Role.ADMIN)
def settings(request: HttpRequest, member: Membership) -> HttpResponse:
    """Lead to the first settings page that the member may open."""
    page = "settings-heffl" if member.has_role(Role.OWNER) else "settings-fields"
    return redirect(page, member.organisation.slug)


@reauthentication_required  # type: ignore[untyped-decorator]
def _signed_in_just_now(request: HttpRequest) -> None:
    """Do nothing, if the person has proved within five minutes who they are."""


def proved_lately(
    view: Callable[..., HttpResponseBase],
) -> Callable[..., HttpResponseBase]:
    """Ask for the password first, unless that was less than five minutes ago.

    A form sent too late is not kept meanwhile, as allauth would: it holds an API key,
    and what allauth keeps lies in the session table in clear.
    """

    @wraps(view)
    def wrapper(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            _signed_in_just_now(request)
        except ReauthenticationRequired:
            if request.method != "POST":
                raise
            messages.warning(
                request,
                _("Confirm that it is you, then do it again. Nothing was changed."),
            )
            return redirect(request.path)
        return view(request, *args, **kwargs)

    return wrapper


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
        "keys": [_shown(key) for key in _held(member)],
        "holds": holds.open_holds(organisation),
        "changes": banner.changes_for(member),
        "secret_form": WebhookSecretForm(),
        "reference_form": ReferenceForm(instance=organisation),
        "secrets": [_shown_secret(secret) for secret in webhooks.held(organisation)],
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


def _ago(moment: datetime | None) -> str:
    """Return how long ago something was, in words for people; "" for never."""
    if moment is None:
        return ""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%(time)s ago") % {"time": timesince(moment, depth=1)}


def _shown(key: ApiCredential) -> dict[str, Any]:
    """Return what the page may know of a key: not the ciphertext, not the mark."""
    return {
        "slot": key.slot,
        "waits": key.slot == KeySlot.NEXT,
        "words": credentials.describe(key),
        "added_at": key.added_at,
        "added_by": key.added_by.shown_name if key.added_by else "",
        "checked": _ago(key.verified_at),
        "worked": _ago(key.last_used_at),
    }


def _shown_secret(secret: WebhookSecret) -> dict[str, Any]:
    """Return what the page may know of a signing secret."""
    return {
        "pk": secret.pk,
        "last_four": secret.last_four,
        "added_at": secret.added_at,
        "added_by": secret.added_by.shown_name if secret.added_by else "",
        "worked": _ago(secret.last_used_at),
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


@require_safe
@members_only(Role.ADMIN)
def settings_fields(request: HttpRequest, member: Membership) -> HttpResponse:
    """List the custom fields in the order of the form."""
    organisation = member.organisation
    fields = list(organisation.custom_fields.order_by("position", "id"))
    reading = FieldReading.objects.filter(organisation=organisation).first()
    told = remote_fields.told_of(organisation)
    drift = remote_fields.drift_of(fields, told) if reading and reading.read_at else []
    context = {
        "member": member,
        "fields": fields,
        "reading": reading,
        "read": _ago(reading.read_at) if reading else "",
        "drift": [remote_fields.drift_words(what, label) for what, _k, label in drift],
        "unsendable": [each for each in told if not each.kind],
    }
    return render(request, "organisation/fields.html", context)


@require_POST
@members_only(Role.ADMIN)
def settings_fields_read(request: HttpRequest, member: Membership) -> HttpResponse:
    """Ask Heffl for its custom fields, take them over, and say what came of it."""
    taken = remote_fields.take_over(member.organisation, user=member.user)
    for words, labels in (
        (_("Added, switched off unless required: {labels}"), taken.added),
        (_("Changed as in Heffl: {labels}"), taken.changed),
        (_("Switched off, no longer in Heffl: {labels}"), taken.gone),
    ):
        if labels:
            names = ", ".join(f"\u2068{label}\u2069" for label in labels)
            messages.success(request, words.format(labels=names))
    if taken.problem:
        messages.error(request, taken.problem)
    elif not (taken.added or taken.changed or taken.gone):
        messages.success(request, _("The form is in line with Heffl. Nothing changed."))
    return redirect("settings-fields", member.organisation.slug)


def _field_page(
    request: HttpRequest, member: Membership, form: CustomFieldForm
) -> HttpResponse:
    context = {"member": member, "form": form, "field": form.instance}
    status = 422 if form.errors else 200
    return render(request, "organisation/field.html", context, status=status)


def _field_saved(
    request: HttpRequest, member: Membership, form: CustomFieldForm
) -> HttpResponse:
    if not form.is_valid():
        return _field_page(request, member, form)
    own_fields.save_field(
        form.save(commit=False), user=member.user, changed=form.changed_data
    )
    messages.success(request, _("The field is saved."))
    return redirect("settings-fields", member.organisation.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.ADMIN)
def settings_field_new(request: HttpRequest, member: Membership) -> HttpResponse:
    """Add a custom field."""
    organisation = member.organisation
    if request.method == "POST":
        form = CustomFieldForm(request.POST, organisation=organisation)
        return _field_saved(request, member, form)
    return _field_page(request, member, CustomFieldForm(organisation=organisation))


@require_http_methods(["GET", "HEAD", "POST"])
@members_only(Role.ADMIN)
def settings_field_edit(
    request: HttpRequest, member: Membership, pk: int
) -> HttpResponse:
    """Change a custom field of this organisation."""
    organisation = member.organisation
    field = get_object_or_404(organisation.custom_fields, pk=pk)
    if request.method == "POST":
        form = CustomFieldForm(request.POST, instance=field, organisation=organisation)
        return _field_saved(request, member, form)
    form = CustomFieldForm(instance=field, organisation=organisation)
    return _field_page(request, member, form)


@require_POST
@members_only(Role.ADMIN)
def settings_field_change(
    request: HttpRequest, member: Membership, pk: int
) -> HttpResponse:
    """Move a custom field up or down, or switch it on or off."""
    field = get_object_or_404(member.organisation.custom_fields, pk=pk)
    match request.POST.get("action"):
        case "up":
            own_fields.move_field(field, -1, user=member.user)
        case "down":
            own_fields.move_field(field, 1, user=member.user)
        case "on":
            own_fields.switch_field(field, True, user=member.user)
        case "off":
            own_fields.switch_field(field, False, user=member.user)
        case _:
            raise Http404
    return redirect("settings-fields", member.organisation.slug)


@require_safe
@login_required
def account_preferences(request: HttpRequest) -> HttpResponse:
    """Show what a person can set for themselves, and the way to each page."""
    return render(request, "account/preferences.html", {"person": _person(request)})


@require_POST
@login_required
def account_stay(request: HttpRequest) -> HttpResponse:
    """Begin the time anew after which an unused sign-in runs out; answer its seconds."""
    request.session.modified = True
    return JsonResponse({"seconds": request.session.get_expiry_age()})


@require_POST
@login_required
def account_shortcuts(request: HttpRequest) -> HttpResponse:
    """Switch the single-letter keys of the person who asks off or on."""
    person = _person(request)
    User.objects.filter(pk=person.pk).update(shortcuts=not person.shortcuts)
    target = request.POST.get("next", "")
    own = url_has_allowed_host_and_scheme(
        target, {request.get_host()}, require_https=request.is_secure()
    )
    return redirect(target if own else resolve_url(reverse("account-preferences")))
