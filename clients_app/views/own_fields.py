"""An organisation's own fields in its settings: their list, one of them, and what Heffl says of them."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_http_methods,
    require_POST,
    require_safe,
)

from clients_app.models import (
    FieldReading,
    Membership,
    Role,
)
from clients_app.organisation import own_fields, remote_fields
from clients_app.organisation.forms import (
    CustomFieldForm,
)
from clients_app.views.access import members_only
from clients_app.views.wording import ago


@require_safe
@members_only(Role.ADMIN)
def settings_fields(request: HttpRequest, member: Membership) -> HttpResponse:
    """List the custom fields in the order of the form, and how Heffl's differ from them."""
    organisation = member.organisation
    fields = list(organisation.custom_fields.order_by("position", "id"))
    reading = FieldReading.objects.filter(organisation=organisation).first()
    told = remote_fields.told_of(organisation)
    drift = remote_fields.drift_of(fields, told) if reading and reading.read_at else []
    context = {
        "member": member,
        "fields": fields,
        "reading": reading,
        "read": ago(reading.read_at) if reading else "",
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
    """Move a custom field up or down, or switch it on or off. Raises Http404 otherwise."""
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
