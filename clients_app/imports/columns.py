"""What the columns of a file can be, and how files spell what stands in them.

People name their columns in two languages and in other programs' words; what is not known
is left for a person to choose. Knows neither a file nor what is stored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from django.utils import translation
from django.utils.translation import gettext as _

from clients_app.heffl.contract import ClientType, FieldKind
from clients_app.imports.cells import MAX_CELL
from clients_app.questions import fields
from clients_app.questions.countries import COUNTRIES
from clients_app.questions.fields import QUESTIONS, Question, questions_for
from clients_app.questions.matching import normalised

LONGEST_WORD = 200
"""Characters that a name of a column, and a word that we know for another, may have."""
TYPE = "type"
"""The column that says what kind of client a row is."""
REFERENCE = "portal_reference"
"""The column by which a corrected row finds the submission it corrects."""
REASON = "problem"
"""The last column of the file of failed rows; nobody loads it."""

# By our name: what people call their columns, besides our labels and Heffl's names.
SYNONYMS: dict[str, tuple[str, ...]] = {
    TYPE: ("client type", "customer type", "kind", "category", "نوع العميل", "النوع"),
    "name": (
        *("company", "company name", "client", "client name", "customer"),
        *("customer name", "account name", "business name", "organisation"),
        *("organization", "trade name", "full name", "display name"),
        *("اسم العميل", "الاسم", "الشركة", "الاسم التجاري"),
    ),
    "first_name": ("first", "given name", "forename", "الاسم الاول"),
    "last_name": ("last", "surname", "family name", "العائلة", "اسم العائلة", "اللقب"),
    "phone": (
        *("mobile", "mobile number", "mobile phone", "phone number", "tel", "cell"),
        *("telephone", "whatsapp", "contact number", "cell phone", "gsm"),
        *("الجوال", "رقم الجوال", "رقم الهاتف", "الموبايل", "هاتف", "المحمول"),
    ),
    "email": (
        *("e mail", "mail", "email address", "e mail address"),
        *("البريد", "الايميل", "بريد الكتروني", "عنوان البريد الإلكتروني"),
    ),
    "job_title": ("position", "title", "role", "job", "الوظيفة", "المنصب"),
    "salutation": ("prefix", "honorific", "mr mrs", "التحية"),
    "website": ("web", "url", "site", "homepage", "web site", "موقع"),
    "tax_number": (
        *("trn", "vat", "vat number", "vat no", "tax id", "tax no", "tin", "vat id"),
        *("tax registration number", "الرقم الضريبي", "رقم التسجيل الضريبي"),
    ),
    "opening_balance": ("balance", "amount due", "due", "outstanding", "الرصيد"),
    "billing_address__address": ("street", "address line 1", "billing address"),
    "billing_address__city": ("city", "town", "area", "المدينة"),
    "billing_address__state": (
        *("state", "province", "emirate", "region", "governorate", "municipality"),
        *("الامارة", "المنطقة", "المحافظة", "البلدية"),
    ),
    "billing_address__country": ("country code", "nation", "البلد"),
    "billing_address__postal_code": (
        *("zip", "zip code", "postcode", "post code", "po box code"),
    ),
    REFERENCE: (),
}
_TYPES = {
    **dict.fromkeys(("company", "business", "organisation", "organization"), "company"),
    **dict.fromkeys(("شركة", "الشركة", "منشأة", "مؤسسة"), "company"),
    **dict.fromkeys(("contact", "person", "individual", "people"), "contact"),
    **dict.fromkeys(("جهة اتصال", "شخص", "فرد", "عميل فرد"), "contact"),
}
_YES_NO = {"نعم": "yes", "y": "yes", "لا": "no", "n": "no"}


def _plain(text: str) -> str:
    """Return a name as it is compared: letters and digits, single blanks."""
    split = re.sub(r"([a-z])([A-Z])", r"\1 \2", text[:LONGEST_WORD])
    bare = re.sub(r"[\u064b-\u0652\u0640]", "", normalised(split))
    bare = bare.translate({ord("أ"): "ا", ord("إ"): "ا", ord("آ"): "ا"})
    return " ".join(re.findall(r"[^\W_]+", bare))


@lru_cache(maxsize=1)
def _known_names() -> dict[str, str]:
    """Return what each name that people give a column means, in either language."""
    found: dict[str, str] = {}
    for language in ("en", "ar"):
        with translation.override(language):
            for client_type in ClientType:
                for spec in questions_for(client_type):
                    found.setdefault(_plain(_(spec.label)), spec.name)
            found.setdefault(_plain(_("Client type")), TYPE)
    for spec in QUESTIONS:
        found.setdefault(_plain(spec.name), spec.name)
        found.setdefault(_plain(spec.api_path[-1]), spec.name)
        found.setdefault(_plain(".".join(spec.api_path)), spec.name)
    for name, others in SYNONYMS.items():
        for word in (name, *others):
            found.setdefault(_plain(word), name)
    return found


@lru_cache(maxsize=1)
def _arabic_countries() -> dict[str, str]:
    """Return the countries, as they are stored, by their Arabic names."""
    with translation.override("ar"):
        return {_plain(_(name)): name for name in COUNTRIES.values()}


def targets(extra: Sequence[Question]) -> list[tuple[str, str]]:
    """Return what a column can be: pairs of name and label, in form order."""
    found = [(TYPE, _("Client type"))]
    names = {name for name, _label in found}
    for client_type in ClientType:
        for spec in questions_for(client_type, extra):
            if spec.name not in names:
                names.add(spec.name)
                label = fields.label_of(spec)
                if spec.name == "name":
                    label = _("Company or display name")
                found.append((spec.name, label))
    found.append((REFERENCE, _("Portal reference")))
    return found


def guess_columns(headers: Sequence[str], extra: Sequence[Question]) -> list[str]:
    """Return for each header what it most likely is ("" for nothing), each name once.

    An organisation's own questions (`extra`) go first.
    """
    known = dict(_known_names())
    for spec in extra:
        known[_plain(spec.name)] = spec.name
        known.setdefault(_plain(spec.label), spec.name)
    taken: set[str] = set()
    found = []
    for header in headers:
        name = known.get(_plain(header), "")
        if name in taken:
            name = ""
        taken.add(name)
        found.append(name)
    return found


def spelled(name: str, value: str, kind: FieldKind | None) -> str | list[str]:
    """Return a cell as the form would post it, where files have another spelling.

    `name` is what its column is; `kind` is None where that is no question of the form.
    """
    if len(value) > (MAX_CELL if kind is FieldKind.OPTIONS else LONGEST_WORD):
        return value
    if name == TYPE:
        return _TYPES.get(normalised(value), value)
    if kind is FieldKind.YES_NO:
        return _YES_NO.get(normalised(value), value)
    if kind is FieldKind.OPTIONS:
        return [part.strip() for part in re.split(r"[;؛|\n]", value) if part.strip()]
    if kind is FieldKind.COUNTRY and not value.isascii():
        return _arabic_countries().get(_plain(value), value)
    return value
