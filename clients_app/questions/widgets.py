"""How a question is answered on the page: the control for each kind, and what it may offer."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from clients_app.heffl.contract import FieldKind
from clients_app.models.normal_form import normal_form
from clients_app.questions.answers import COUNTRY, POSTAL_CODE
from clients_app.questions.countries import (
    COUNTRIES,
    ELSEWHERE,
    EMIRATES,
    UAE,
    Address,
    address_in,
    country_code,
)
from clients_app.questions.fields import STATE, Question
from clients_app.questions.posted import EMIRATE

FEW_OPTIONS = 6
_LEFT_TO_RIGHT = {"dir": "ltr"}
_ATTRS: dict[FieldKind, dict[str, str]] = {
    FieldKind.LINK: {"inputmode": "url", **_LEFT_TO_RIGHT},
    FieldKind.MONEY: {"inputmode": "decimal", **_LEFT_TO_RIGHT},
    FieldKind.NUMBER: {"inputmode": "decimal", **_LEFT_TO_RIGHT},
    FieldKind.PHONE: {"type": "tel", **_LEFT_TO_RIGHT},
    FieldKind.EMAIL: {"type": "email", **_LEFT_TO_RIGHT},
    FieldKind.DATE: {"type": "date"},
}
_NAMED_ATTRS: dict[str, dict[str, str]] = {
    "tax_number": {"inputmode": "numeric", **_LEFT_TO_RIGHT},
    POSTAL_CODE: _LEFT_TO_RIGHT,
}
# What a visitor's browser may offer. To staff it would offer their own details.
_AUTOCOMPLETE = {
    "name": "organization",
    "website": "url",
    "first_name": "given-name",
    "last_name": "family-name",
    "phone": "tel",
    "email": "email",
    "job_title": "organization-title",
    "salutation": "honorific-prefix",
    COUNTRY: "billing country",
    "billing_address__address": "billing street-address",
    "billing_address__city": "billing address-level2",
    EMIRATE: "billing address-level1",
    STATE: "billing address-level1",
    POSTAL_CODE: "billing postal-code",
}


class CountrySelect(forms.Select):
    """All countries, written out once per language and choice instead of per request."""

    def __init__(self, preset: str, attrs: dict[str, str] | None = None) -> None:
        super().__init__(attrs)
        self.preset = preset

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: Any = None,
    ) -> SafeString:
        """Return the select. A stored country that is none of ours stays a choice."""
        chosen = country_code(value or "") or value or ""
        options = _country_options(get_language() or "", chosen, self.preset)
        own = flatatt(self.build_attrs(self.attrs, attrs))
        return format_html('<select name="{}"{}>{}</select>', name, own, options)


class AreaInput(forms.TextInput):
    """The area of an address, with what may be meant; anything else can be typed."""

    def __init__(self, areas: Sequence[str], attrs: dict[str, str]) -> None:
        super().__init__({**attrs, "list": "areas"} if areas else attrs)
        self.areas = areas

    def render(
        self,
        name: str,
        value: Any,
        attrs: dict[str, Any] | None = None,
        renderer: Any = None,
    ) -> SafeString:
        """Return the input and its list, which a script fills for another country."""
        options = format_html_join(
            "", "<option>{}", ((_(area),) for area in self.areas)
        )
        control = super().render(name, value, attrs, renderer)
        return format_html('{}<datalist id="areas">{}</datalist>', control, options)


def typed_address(country: str) -> Address:
    """Return how the area is typed in a country. In the UAE it is chosen instead."""
    return ELSEWHERE if country == UAE else address_in(country)


def _area_data(address: Address) -> SafeString:
    """Return the attribute that tells a script an area's label and what may be meant."""
    words = "|".join(_(word) for word in (address.area, *address.areas))
    return format_html(' data-area="{}"', words)


@lru_cache(maxsize=64)
def _country_options(language: str, chosen: str, preset: str) -> SafeString:
    named = sorted(
        ((_(name), code) for code, name in COUNTRIES.items()),
        key=lambda row: normal_form("NFKD", row[0]),
    )
    rows = [(_("Choose a country"), ""), *named]
    if chosen and chosen not in COUNTRIES:
        rows.append((chosen, chosen))
    return format_html_join(
        "",
        '<option value="{}"{}{}{}>{}',  # 250 end tags would say nothing more.
        (
            (
                code,
                SafeString(" selected" if code == chosen else ""),
                SafeString(" data-preset" if code and code == preset else ""),
                "" if address is ELSEWHERE else _area_data(address),
                label,
            )
            for label, code in rows
            for address in [typed_address(code)]
        ),
    )


def area_input(address: Address, attrs: dict[str, str]) -> AreaInput:
    """Return the control for the area of an address as a country names it."""
    return AreaInput(address.areas, attrs)


def emirate_select(chosen: str, attrs: dict[str, str]) -> forms.Select:
    """Return the list of emirates. A stored one that is none of them stays a choice."""
    others = [(chosen, chosen)] if chosen and chosen not in EMIRATES else []
    named = [(emirate, _(emirate)) for emirate in EMIRATES]
    return forms.Select(attrs, choices=[("", _("Choose an emirate")), *named, *others])


def autocomplete(question: str, *, own_details: bool) -> dict[str, str]:
    """Return what a browser may offer: a visitor's own details, to nobody else any."""
    offered = _AUTOCOMPLETE.get(question, "off") if own_details else "off"
    return {"autocomplete": offered}


def widget_for(
    spec: Question, attrs: dict[str, str], *, preset: str, required: bool
) -> forms.Widget:
    """Return the control for a question; `preset` is the country a fresh page has chosen."""
    attrs = {**attrs, **_ATTRS.get(spec.kind, {}), **_NAMED_ATTRS.get(spec.name, {})}
    match spec.kind:
        case FieldKind.COUNTRY:
            return CountrySelect(preset, attrs)
        case FieldKind.LONG_TEXT | FieldKind.TEXTS:
            return forms.Textarea({**attrs, "rows": "2"})
        case FieldKind.YES_NO:
            return _radios([("yes", _("Yes")), ("no", _("No"))], required)
        case FieldKind.OPTION if len(spec.options) <= FEW_OPTIONS:
            return _radios([(option, option) for option in spec.options], required)
        case FieldKind.OPTION:
            options = [(option, option) for option in spec.options]
            return forms.Select(attrs, choices=[("", _("Choose")), *options])
        case FieldKind.OPTIONS:
            return forms.CheckboxSelectMultiple(
                choices=[(option, option) for option in spec.options]
            )
        case _:
            return forms.TextInput(attrs)


def _radios(choices: list[tuple[str, str]], required: bool) -> forms.RadioSelect:
    # A radio cannot be unchecked: whoever may leave it open needs a way back.
    back = [] if required else [("", _("No answer"))]
    return forms.RadioSelect(choices=[*choices, *back])
