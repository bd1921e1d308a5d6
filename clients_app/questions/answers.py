"""What was typed → answers fit to store, or what is wrong with them in plain words.

The one check behind every door. It reads only what the chosen type and country allow,
cleans before it checks, and finds every fault at once. What is too long to be cleaned is
not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit, urlunsplit

from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator, URLValidator
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from clients_app.heffl.contract import Answer, ClientType, FieldKind
from clients_app.questions import areas, phones, tax_numbers
from clients_app.questions.countries import (
    COUNTRIES,
    UAE,
    country_code,
)
from clients_app.questions.fields import (
    STATE,
    Question,
    in_country,
    label_of,
    questions_for,
)
from clients_app.questions.posted import (
    CHOSEN,
    DISPLAY_NAME,
    EMIRATE,
    MAX_TEXTS,
    TWINS,
    Posted,
    last,
    room_for,
    room_for_all,
    twin,
    values,
)
from clients_app.questions.text import UnusableText, clean_text, decimal_text, iso_date

COUNTRY = "billing_address__country"
POSTAL_CODE = "billing_address__postal_code"
PRESET = "preset_country"
"""The input in which our page says which country it had chosen before anybody did."""
MAX_DIGITS = 15
MAX_DECIMALS = {FieldKind.MONEY: 4, FieldKind.NUMBER: 6}
YES = frozenset({"yes", "true", "1", "on"})
NO = frozenset({"no", "false", "0", "off"})

_is_email = EmailValidator(allowlist=[])
_is_web_address = URLValidator(schemes=["http", "https"])


class Wrong(Exception):  # noqa: N818 - reads as what it says
    """An answer that has to be typed again; the message is what the person sees."""


@dataclass(slots=True)
class Checked:
    """The outcome of one check: answers by input name, faults by the question's name.

    A fault of the second question of a pair carries that one's own name
    (`display_name`, `emirate`).
    """

    client_type: ClientType
    answers: dict[str, Answer] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def type_of(posted: Posted) -> ClientType | None:
    """Return the chosen type: company when there is no choice, None for an unknown one."""
    chosen = last(posted, "type").strip()
    if not chosen:
        return ClientType.COMPANY
    named = chosen.lower() if len(chosen) < 20 else ""
    return ClientType(named) if named in list(ClientType) else None


def check(
    posted: Posted,
    *,
    region: str,
    extra: Sequence[Question] = (),
    without: Collection[str] = (),
    from_page: bool = False,
) -> Checked:
    """Check everything that was posted for one client.

    `region` is the ISO code of the organisation's country: phone numbers without a
    country code belong there unless the address names another country. Fields named in
    `without` are not read unless the chosen type requires them. `from_page` says that a
    page of ours was posted, which otherwise shows from its two questions for the state.
    """
    from_page = from_page or _is_from_page(posted)
    client_type = type_of(posted)
    if client_type is None:
        return Checked(ClientType.COMPANY, faults={"type": _("Choose the client type")})
    country = country_code(last(posted, COUNTRY))
    checked = Checked(client_type)
    for each in questions_for(client_type, extra):
        spec = in_country(each, country)
        if spec.name in without and client_type not in spec.required_for:
            continue
        if from_page and _is_hidden(spec, country):
            continue
        question = question_name(spec.name, client_type, country)
        try:
            answer = _answer(spec, question, posted, country or region, country)
        except Wrong as fault:
            checked.faults[question] = str(fault)
            continue
        if answer not in (None, "", []):
            checked.answers[spec.name] = answer
        elif client_type in spec.required_for:
            checked.faults[question] = _missing(spec)
    preset = last(posted, PRESET) or region
    if from_page and _is_untouched_address(checked.answers, preset):
        del checked.answers[COUNTRY]
    return checked


def question_name(name: str, client_type: ClientType, country: str) -> str:
    """Return which question of a pair applies; any other input is its own question."""
    if name == "name" and client_type is ClientType.CONTACT:
        return DISPLAY_NAME
    if name == STATE and country == UAE:
        return EMIRATE
    return name


def _is_from_page(posted: Posted) -> bool:
    """Say whether our page was posted: it alone holds both questions of a pair."""
    return len(values(posted, STATE)) > 1


def _is_hidden(spec: Question, country: str) -> bool:
    # The page hides the postal code for the UAE, which has none; what was typed there
    # before the country changed is not meant. A script that posts it means it.
    return spec.name == POSTAL_CODE and country == UAE


def _is_untouched_address(answers: Mapping[str, Answer], preset: str) -> bool:
    # The page presets the country; alone it is no address that anybody gave.
    address = [name for name in answers if name.startswith("billing_address__")]
    return address == [COUNTRY] and answers[COUNTRY] == COUNTRIES.get(preset)


def _answer(
    spec: Question, question: str, posted: Posted, region: str, country: str
) -> Answer:
    if spec.kind is FieldKind.OPTIONS:
        return _options(spec, values(posted, spec.name))
    if spec.kind is FieldKind.TEXTS:
        return _texts(spec, values(posted, spec.name))
    if spec.name in TWINS:
        position = TWINS[spec.name].index(question)
        raw = twin(posted, spec.name, position, asked=True)
    else:
        raw = last(posted, spec.name)
    text = _clean(spec, raw)
    if not text:
        return None
    if spec.name == STATE:
        text = areas.named(region, text)
    if spec.name == "tax_number":
        return _tax_number(spec, text, country)
    if spec.kind is FieldKind.PHONE:
        return _phone(text, region)
    return _PARSERS[spec.kind](spec, text)


def _clean(spec: Question, raw: str) -> str:
    raw = raw.strip()
    if len(raw) > room_for(spec):
        if spec.kind in CHOSEN:
            raise Wrong(_choose(spec))
        words = _("{fault}. Only its beginning is shown here")
        raise Wrong(words.format(fault=_too_long(spec)))
    try:
        return clean_text(raw, multiline=spec.kind is FieldKind.LONG_TEXT)
    except UnusableText:
        words = _("{label} contains a character that cannot be saved. Type it again.")
        raise Wrong(words.format(label=label_of(spec))) from None


def _short(spec: Question, text: str) -> str:
    if len(text) > spec.max_length:
        raise Wrong(_too_long(spec))
    return text


def _too_long(spec: Question) -> str:
    words = ngettext(
        "{label} must be {count} character or fewer",
        "{label} must be {count} characters or fewer",
        spec.max_length,
    )
    return words.format(label=label_of(spec), count=spec.max_length)


def _country(spec: Question, text: str) -> str:
    code = country_code(text)
    return COUNTRIES[code] if code else _short(spec, text)


def _tax_number(spec: Question, text: str, country: str) -> str:
    rule = tax_numbers.rule_for(country)
    if rule is None:
        return _short(spec, text)
    number = tax_numbers.plain(text)
    if not rule.pattern.fullmatch(number):
        raise Wrong(_(rule.words))
    return number


def _phone(text: str, region: str) -> str:
    number = phones.e164(text, region)
    if number is None:
        raise Wrong(
            _("Enter a phone number with the country code, like +971 50 123 4567")
        )
    return number


# What mail programs put around an address when it is copied: certain, so understood.
_WRAPPED_ADDRESS = re.compile(r"(?:mailto:|[^<>@]*<)([^<>\s@]+@[^<>\s@]+)>?", re.I)


def _email(spec: Question, text: str) -> str:
    if wrapped := _WRAPPED_ADDRESS.fullmatch(text):
        text = wrapped[1]
    local, _at, domain = text.rpartition("@")
    try:
        _is_email(_short(spec, text))
        usable = len(local) <= 64 and not ({'"', "["} & {*local, *domain[:1]})
    except ValidationError:
        usable = False
    if not usable:
        raise Wrong(_("Enter an email address like name@example.com"))
    return text


def _link(spec: Question, text: str) -> str:
    address = (
        text if re.match(r"[a-z][a-z0-9+.-]*://", text, re.I) else f"https://{text}"
    )
    _short(spec, address)
    try:
        _is_web_address(address)
        usable = "@" not in urlsplit(address).netloc
        usable = usable and "." in (urlsplit(address).hostname or "")
    except (ValidationError, ValueError):
        usable = False
    if not usable:
        raise Wrong(_("Enter a website like example.com"))
    # Case means nothing before the path, and something in it.
    scheme, host, *rest = urlsplit(address)
    return urlunsplit((scheme, host.lower(), *rest))


def _number(spec: Question, text: str) -> str:
    number = decimal_text(text)
    if number is None or (spec.minimum is not None and number.startswith("-")):
        raise Wrong(_not_a_number(spec))
    whole, _point, rest = number.lstrip("-").partition(".")
    if len(whole) + len(rest) > MAX_DIGITS or len(rest) > MAX_DECIMALS[spec.kind]:
        words = _(
            "{label} must be {digits} digits or fewer, {decimals} after the point"
        )
        raise Wrong(
            words.format(
                label=label_of(spec),
                digits=MAX_DIGITS,
                decimals=MAX_DECIMALS[spec.kind],
            )
        )
    return number


def _not_a_number(spec: Question) -> str:
    if spec.kind is FieldKind.MONEY:
        words = _("{label} must be 0 or more, like 1500 or 250.50")
    else:
        words = _("{label} must be a number, like 12 or 250.50")
    return words.format(label=label_of(spec))


def _date(spec: Question, text: str) -> str:
    day = iso_date(text)
    if day is None:
        words = _("Enter a real date for {label}, like 2026-12-31")
        raise Wrong(words.format(label=label_of(spec)))
    return day


def _yes_no(spec: Question, text: str) -> bool:
    answer = text.casefold()
    if answer not in YES | NO:
        raise Wrong(_choose(spec))
    return answer in YES


def _option(spec: Question, text: str) -> str:
    option = _spellings(spec.options).get(text)
    if option is None:
        raise Wrong(_choose(spec))
    return option


def _options(spec: Question, raw: list[str]) -> list[str]:
    texts = (_clean(spec, one) for one in dict.fromkeys(raw))
    chosen = {_option(spec, text) for text in texts if text}
    return [option for option in spec.options if option in chosen]


def _texts(spec: Question, raw: list[str]) -> list[str]:
    most = room_for_all(spec)
    text = "\n".join(raw).strip()
    lines = [line for line in text[:most].splitlines() if line.strip()]
    found = [
        _short(spec, line)
        for line in (_clean(spec, line) for line in lines[: 2 * MAX_TEXTS])
        if line
    ]
    if len(found) > MAX_TEXTS or len(lines) > 2 * MAX_TEXTS or len(text) > most:
        words = _("{label} must be {count} lines or fewer")
        raise Wrong(words.format(label=label_of(spec), count=MAX_TEXTS))
    return found


@lru_cache(maxsize=128)
def _spellings(options: tuple[str, ...]) -> dict[str, str]:
    """Return the options by themselves and as they come out of cleaning."""
    found: dict[str, str] = {}
    for option in options:
        found.setdefault(option, option)
        found.setdefault(_comparable(option), option)
    return found


def _comparable(option: str) -> str:
    try:
        return clean_text(option)
    except UnusableText:
        return option


def _choose(spec: Question) -> str:
    return _("Choose {label}").format(label=label_of(spec))


def _missing(spec: Question) -> str:
    if spec.name == "name":
        return _("Enter the company name")
    if spec.name == "first_name":
        return _("Enter the first name")
    if spec.kind in {FieldKind.OPTION, FieldKind.OPTIONS, FieldKind.YES_NO}:
        return _choose(spec)
    return _("Enter {label}").format(label=label_of(spec))


_PARSERS: dict[FieldKind, Callable[[Question, str], Answer]] = {
    FieldKind.TEXT: _short,
    FieldKind.LONG_TEXT: _short,
    FieldKind.NUMBER: _number,
    FieldKind.MONEY: _number,
    FieldKind.DATE: _date,
    FieldKind.OPTION: _option,
    FieldKind.EMAIL: _email,
    FieldKind.LINK: _link,
    FieldKind.YES_NO: _yes_no,
    FieldKind.COUNTRY: _country,
}
