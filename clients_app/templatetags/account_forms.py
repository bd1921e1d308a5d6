"""Filters that put forms made elsewhere (django-allauth's) into this portal's dress."""

from __future__ import annotations

from django import forms, template

register = template.Library()


@register.filter
def plain(form: forms.BaseForm) -> forms.BaseForm:
    """Take the placeholders away: every field has a label. Codes get the number pad.

    Changes the form itself, which is used once.
    """
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
        if field.widget.attrs.get("autocomplete") == "one-time-code":
            field.widget.attrs |= {"inputmode": "numeric", "dir": "ltr"}
    return form


@register.filter
def problems(form: forms.BaseForm) -> list[tuple[str, str]]:
    """Return what is wrong with a form: pairs of the control's id (or "") and the words."""
    found = [("", str(words)) for words in form.non_field_errors()]
    for field in form:
        found += [(field.id_for_label, str(words)) for words in field.errors]
    return found
