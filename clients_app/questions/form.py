"""The client form: its questions as a page, the typed values kept, the check in answers.py.

The page holds the questions of both types and of every country; style alone hides what
does not apply. Django fields are made only when there is something to show.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from crispy_forms.helper import FormHelper
from crispy_forms.layout import Fieldset, Layout
from crispy_forms.utils import render_crispy_form
from django import forms
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from clients_app.heffl.contract import BOTH, Answer, ClientType, FieldKind
from clients_app.models import Organisation
from clients_app.questions.answers import (
    COUNTRY,
    POSTAL_CODE,
    PRESET,
    check,
    question_name,
    type_of,
)
from clients_app.questions.audience import STAFF, Audience, FreshPages
from clients_app.questions.countries import COUNTRIES, ELSEWHERE, country_code, emirate
from clients_app.questions.custom_fields import specs_for
from clients_app.questions.fields import (
    DISPLAY_NAME_OF_CONTACT,
    QUESTIONS,
    STATE,
    Question,
    label_of,
)
from clients_app.questions.posted import (
    DISPLAY_NAME,
    EMIRATE,
    TWINS,
    Posted,
    held,
    last,
    room_for,
    room_for_all,
    twin,
    values,
)
from clients_app.questions.widgets import (
    area_input,
    autocomplete,
    emirate_select,
    typed_address,
    widget_for,
)

_TOKEN = re.compile(r"[A-Za-z0-9_-]{8,64}")
_INPUT_NAMES = {one: name for name, pair in TWINS.items() for one in pair}
_HALF = {
    *("first_name", "last_name", "job_title", "salutation"),
    *("billing_address__city", EMIRATE, STATE),
}
_SHORT = {"tax_number", POSTAL_CODE}
_SHORT_KINDS = {FieldKind.MONEY, FieldKind.NUMBER, FieldKind.DATE, FieldKind.PHONE}


class BoundQuestion(forms.BoundField):
    """A question on the page: an id of its own, an input name it may share."""

    form: SubmissionForm

    def __init__(self, form: forms.BaseForm, field: forms.Field, name: str) -> None:
        super().__init__(form, field, name)
        self.html_name = _INPUT_NAMES.get(name, name)

    @property
    def auto_id(self) -> str:
        """Return the id, unique also where two questions share an input name."""
        return f"id_{self.name}"

    @property
    def anchor(self) -> str:
        """Return the id of the control that a link to this question leads to."""
        return self.id_for_label or f"{self.auto_id}_0"

    @property
    def wrapper(self) -> str:
        """Return the classes that say when and how wide the question shows."""
        return str(getattr(self.field, "wrapper", ""))

    @property
    def unmarked(self) -> bool:
        """Say that neither "(required)" nor "(optional)" follows the label."""
        return self.name == "type"

    def value(self) -> Any:
        """Return what was typed, or what the form was opened with."""
        return self.form.value_of(self.name)


class QuestionField(forms.Field):
    """A question as Django's form sees it. It is checked in answers.py, not here."""

    bound_field_class = BoundQuestion

    def __init__(self, *, group: str = "", wrapper: str = "", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.group = group
        self.wrapper = wrapper

    def clean(self, value: Any) -> None:
        """Pass everything: the form as a whole is checked at once."""


class Folded(Fieldset):  # type: ignore[misc]
    """A group of optional questions, folded while it holds nothing of interest."""

    template = "%s/layout/folded.html"

    def __init__(self, legend: str, *names: str, is_open: bool, note: str = "") -> None:
        super().__init__(legend, *names)
        self.is_open = is_open
        self.note = note


class SubmissionForm(forms.Form):
    """One client, typed by a member of staff or by a visitor.

    Valid: `client_type`, `cleaned_answers()` and `token` are what submissions.submit()
    takes. Invalid: `problems()` lists everything that is wrong, and every value typed
    for either type is kept.
    """

    use_required_attribute = False
    fresh_pages: ClassVar = FreshPages(most=128)

    def __init__(
        self,
        data: Posted | None = None,
        *,
        organisation: Organisation,
        specs: Sequence[Question] | None = None,
        initial: Mapping[str, Answer] | None = None,
        country: str = "",
        audience: Audience = STAFF,
    ) -> None:
        """Open the form.

        `data` is a QueryDict or a plain mapping by input name; `initial` holds stored
        answers by input name plus `type`; `country` is the ISO code that a fresh form
        has chosen, instead of the organisation's own.
        """
        super().__init__(data=data)
        self.region = organisation.country
        if data is not None:
            country = last(data, PRESET)
        self.preset = country if country in COUNTRIES else self.region
        self.specs = specs_for(organisation) if specs is None else tuple(specs)
        self.opened_with = dict(initial or {})
        self.audience = audience
        source: Posted = self.opened_with if data is None else data
        self.client_type = type_of(source) or ClientType.COMPANY
        self.cleaned_data: dict[str, Answer] = {}
        self._specs: dict[str, Question] = {}
        self._token = ""
        self._judged = True

    @property
    def token(self) -> str:
        """Return what makes a second send of this page harmless: 128 random bits."""
        if not self._token:
            posted = last(self.data, "submission_token")
            usable = _TOKEN.fullmatch(posted)
            self._token = posted if usable else secrets.token_urlsafe(16)
        return self._token

    def renew_token(self) -> None:
        """Forget the posted token: what is sent next is another client."""
        self._token = secrets.token_urlsafe(16)

    def show_only(self) -> None:
        """Show what was typed without saying what is wrong with it."""
        self._judged = False

    def clean(self) -> dict[str, Answer]:
        """Check all answers; the rules are in answers.py."""
        if not self._judged:
            return {}
        checked = check(
            self.data,
            region=self.region,
            extra=self.specs,
            without=self.audience.without,
            from_page=self.audience.public,
        )
        for name, words in checked.faults.items():
            self.refuse(name, words)
        return checked.answers

    def cleaned_answers(self) -> dict[str, Answer]:
        """Return the answers of a valid form by input name, without the empty ones."""
        return dict(self.cleaned_data)

    def refuse(self, name: str, words: str) -> None:
        """Show what is wrong at one question, or above the form where it has none."""
        self.add_error(self._question_at(name), words)

    def label_at(self, name: str) -> str:
        """Return the label of the question an input name stands for, or ""."""
        question = self._question_at(name)
        return str(self.fields[question].label) if question else ""

    def _question_at(self, name: str) -> str | None:
        self._ask()
        country = country_code(str(self.value_of(COUNTRY) or ""))
        question = question_name(name, self.client_type, country)
        return question if question in self.fields else None

    def problems(self) -> list[tuple[str, str]]:
        """Return pairs (id of the control or "", words), in the order of the page."""
        return [
            (self[name].anchor if name in self.fields else "", str(words))  # type: ignore[attr-defined]
            for name, faults in self.errors.items()
            for words in faults
        ]

    def value_of(self, question: str) -> Any:
        """Return what was typed for a question, else what the form was opened with."""
        if question == "type":
            return self.client_type.value
        if not self.is_bound:
            return self._stored(question)
        spec = self._specs.get(question, QUESTIONS[0])
        most = room_for_all(spec) if spec.kind is FieldKind.TEXTS else room_for(spec)
        if spec.kind is FieldKind.OPTIONS:
            return [held(value, most) for value in values(self.data, question)]
        name = _INPUT_NAMES.get(question)
        if name is None:
            return held(last(self.data, question), most)
        country = country_code(last(self.data, COUNTRY))
        asked = question_name(name, self.client_type, country) == question
        position = TWINS[name].index(question)
        return held(twin(self.data, name, position, asked=asked), most)

    def _stored(self, question: str) -> Any:
        if not self.opened_with.keys() - {"type"}:
            return self.preset if question == COUNTRY else ""
        country = country_code(str(self.opened_with.get(COUNTRY) or ""))
        name = _INPUT_NAMES.get(question, question)
        if question_name(name, self.client_type, country) != question:
            return ""
        answer = self.opened_with.get(name, "")
        if isinstance(answer, bool):
            return "yes" if answer else "no"
        asked = self._specs.get(question)
        if isinstance(answer, list) and asked and asked.kind is FieldKind.TEXTS:
            return "\n".join(answer)
        return answer

    @property
    def questions(self) -> SafeString:
        """Return the HTML of all questions. A fresh page is rendered once and kept."""
        if self.is_bound or self.opened_with.keys() - {"type"} or self.errors:
            return SafeString(render_crispy_form(self))
        key = (
            *(self.specs, self.preset, self.client_type, self.audience),
            get_language(),
        )
        kept = self.fresh_pages.get(key)
        return kept or self.fresh_pages.keep(key, SafeString(render_crispy_form(self)))

    @property
    def helper(self) -> FormHelper:
        """Return the layout for crispy. Only our own words go in: it evaluates them."""
        self._ask()
        groups: dict[str, list[str]] = {"details": [], "address": [], "more": []}
        for name, question in self.fields.items():
            if name != "type":
                groups[question.group].append(name)  # type: ignore[attr-defined]
        helper = FormHelper()
        helper.form_tag = False
        folded = []
        for name, legend, note in (
            (
                "address",
                _("Billing address"),
                _(COUNTRIES.get(self.preset, self.preset)),
            ),
            ("more", _("More details"), ""),
        ):
            if names := groups[name]:
                is_open = self._holds_something(names)
                folded.append(Folded(legend, *names, is_open=is_open, note=note))
        helper.layout = Layout(
            "type", Fieldset(_("Details"), *groups["details"]), *folded
        )
        return helper

    def _holds_something(self, names: list[str]) -> bool:
        return any(
            self.fields[name].required
            or name in self.errors
            or self.value_of(name) not in ("", [], None)
            and not (name == COUNTRY and self.value_of(name) == self.preset)
            for name in names
        )

    def _ask(self) -> None:
        if self.fields:
            return
        self.fields["type"] = self._type_question()
        for spec in (*QUESTIONS, *self.specs):
            if self.audience.asks(spec):
                self._ask_one(spec)
            if spec.name == "salutation" and "name" not in self.audience.without:
                self._add(DISPLAY_NAME_OF_CONTACT, DISPLAY_NAME, "only-contact")
        first = "name" if self.client_type is ClientType.COMPANY else "first_name"
        fresh = not self.is_bound and not self.opened_with.keys() - {"type"}
        if fresh and not self.audience.public:
            self.fields[first].widget.attrs["autofocus"] = True

    def _type_question(self) -> QuestionField:
        label, company, person = (
            (_("Who is signing up"), _("A company"), _("A person"))
            if self.audience.public
            else (_("Client type"), _("Company"), _("Contact – a person"))
        )
        choices = [
            (ClientType.COMPANY.value, company),
            (ClientType.CONTACT.value, person),
        ]
        widget = forms.RadioSelect(choices=choices)
        return QuestionField(label=label, widget=widget, wrapper="kind")

    def _ask_one(self, spec: Question) -> None:
        """Add the question, or the two that share its input name where one would not do."""
        if spec.name == "name":
            self._add(spec, "name", "only-company", required=True)
        elif spec.name == STATE:
            self._add_emirate(spec)
            self._add_area(spec)
        elif spec.name == POSTAL_CODE:
            self._add(spec, POSTAL_CODE, "not-ae")
        else:
            self._add(spec, spec.name, _only(spec), required=bool(spec.required_for))

    def _add(
        self, spec: Question, name: str, when: str, *, required: bool = False
    ) -> None:
        self._specs[name] = spec
        short = spec.kind in _SHORT_KINDS or name in _SHORT
        width = "half" if name in _HALF else "short" if short else ""
        own = spec.name.startswith("cf_")
        attrs = self._autocomplete(name)
        if spec.name == COUNTRY and STATE not in self.audience.without:
            attrs["data-area"] = _(ELSEWHERE.area)
        widget = widget_for(spec, attrs, preset=self.preset, required=required)
        self.fields[name] = QuestionField(
            label=label_of(spec),
            help_text=spec.hint if own or not spec.hint else _(spec.hint),
            required=required,
            widget=widget,
            group=spec.group,
            wrapper=" ".join(filter(None, (when, width))),
        )

    def _add_emirate(self, spec: Question) -> None:
        chosen = emirate(str(self.value_of(EMIRATE) or ""))
        self.fields[EMIRATE] = QuestionField(
            label=_("Emirate"),
            required=False,
            widget=emirate_select(chosen, self._autocomplete(EMIRATE)),
            group=spec.group,
            wrapper="only-ae half",
        )

    def _add_area(self, spec: Question) -> None:
        """Ask for the area by the name it has in the country chosen, and suggest some."""
        country = country_code(str(self.value_of(COUNTRY) or "")) or self.preset
        address = typed_address(country)
        self._add(replace(spec, label=address.area), STATE, "not-ae")
        field = self.fields[STATE]
        field.widget = area_input(address, field.widget.attrs)

    def _autocomplete(self, question: str) -> dict[str, str]:
        own_details = self.audience.public and not self.audience.shared
        return autocomplete(question, own_details=own_details)


def _only(spec: Question) -> str:
    if spec.allowed_for == BOTH:
        return ""
    return " ".join(f"only-{client_type}" for client_type in spec.allowed_for)
