"""Why Heffl said no, and which of our fields it means.

Reads both error shapes of Heffl and survives everything else: web pages, plain text,
broken and empty bodies.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from .contract import CUSTOM_PREFIX, FIELDS, MAX_MESSAGE, clean_text, load_json
from .errors import UnreadableAnswer

MAX_PATH, MAX_PARTS = 200, 20
"""Characters and parts of the path by which a message names a field."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why Heffl said no: cleaned words and, when one is meant, our input name."""

    code: str = ""
    message: str = ""
    field: str | None = None
    issues: tuple[tuple[str, str], ...] = ()


def read_refusal(body: bytes, content_type: str) -> Refusal:
    """Read why a request was refused, from JSON of either shape or from nothing.

    Never raises: a page of HTML, an empty or a broken body gives an empty Refusal,
    plain text its own words.
    """
    try:
        answer = load_json(body)
    except UnreadableAnswer:
        return _plain_refusal(body, content_type)
    if not isinstance(answer, dict):
        return Refusal()
    error = answer.get("error", answer)
    if isinstance(error, str):
        error = {"message": error} | answer
    if not isinstance(error, dict):
        return Refusal()
    code = clean_text(error.get("code"), 80)
    message = clean_text(error.get("message"))
    issues = _issues(error)
    for api_field, words in issues:
        name = input_name(api_field)
        if name:
            return Refusal(code, words or message, name, issues)
    if not message and issues:
        message = issues[0][1]
    return Refusal(code, message, field_in_words(message), issues)


def looks_like_html(body: bytes, content_type: str) -> bool:
    """Say whether an answer is a web page rather than the API speaking."""
    return "html" in content_type.lower() or body.lstrip()[:1] == b"<"


def _plain_refusal(body: bytes, content_type: str) -> Refusal:
    if looks_like_html(body, content_type) or "text/" not in content_type.lower():
        return Refusal()
    message = clean_text(body[: 4 * MAX_MESSAGE].decode(errors="replace"))
    return Refusal("", message, field_in_words(message))


def _issues(error: Mapping[str, object]) -> tuple[tuple[str, str], ...]:
    details = error.get("details")
    holder = details if isinstance(details, dict) else error
    found = holder.get("issues", holder.get("errors"))
    if not isinstance(found, list):
        return ()
    return tuple(
        (_issue_field(issue), clean_text(issue.get("message")))
        for issue in found[:50]
        if isinstance(issue, dict)
    )


def _issue_field(issue: Mapping[str, object]) -> str:
    path = issue.get("field", issue.get("path"))
    if isinstance(path, list):
        parts = (part for part in path[:MAX_PARTS] if isinstance(part, str | int))
        path = ".".join(str(part)[:MAX_PATH] for part in parts)
    return clean_text(path, MAX_PATH)


_API_NAMES = {".".join(spec.api_path).lower(): spec.name for spec in FIELDS}
_API_NAMES |= {spec.name: spec.name for spec in FIELDS}
_API_NAMES |= {spec.api_path[-1].lower(): spec.name for spec in FIELDS}

# Words that a message may use for a field. Where one is part of another ("name" in
# "first name", "address" in "email address") the longer one is taken.
_WORDS: dict[str, tuple[str, ...]] = {
    "name": ("name", "company name", "display name", "client name"),
    "website": ("website", "website url", "url"),
    "first_name": ("first name",),
    "last_name": ("last name", "surname"),
    "phone": ("phone", "phone number", "mobile", "mobile number", "country code"),
    "email": ("email", "e-mail", "email address", "e-mail address"),
    "job_title": ("job title", "position"),
    "salutation": ("salutation",),
    "billing_address__country": ("country",),
    "billing_address__address": ("address", "billing address", "street"),
    "billing_address__landmark": ("landmark",),
    "billing_address__city": ("city",),
    "billing_address__state": ("state",),
    "billing_address__postal_code": ("postal code", "zip code", "postcode"),
    "tax_number": ("tax number", "tax id", "vat number", "vat", "trn"),
    "opening_balance": ("opening balance",),
}
_NAME_OF_WORD = _API_NAMES | {
    word: name for name, words in _WORDS.items() for word in words
}
_ANY_WORD = re.compile(
    r"(?<![\w-])("
    + "|".join(sorted(map(re.escape, _NAME_OF_WORD), key=len, reverse=True))
    + r"|cf_\w+)(?![\w-])",
    re.ASCII | re.IGNORECASE,
)


def input_name(api_field: str) -> str | None:
    """Return our input name for one of Heffl's field paths, or None.

    "email", "body.billingAddress.city", "billingAddress[city]" and "cf_size" all work.
    """
    parts = [part for part in re.split(r"[.\[\]/]+", api_field[:MAX_PATH]) if part]
    for start in range(len(parts)):
        path = ".".join(parts[start:]).lower()
        if path in _API_NAMES:
            return _API_NAMES[path]
        if parts[start].startswith(CUSTOM_PREFIX):
            return parts[start]
    return None


def field_in_words(message: str) -> str | None:
    """Return the input name of the one field a message speaks of, else None."""
    words = _ANY_WORD.findall(message[:MAX_MESSAGE])
    names = {_NAME_OF_WORD.get(word.lower(), word) for word in words}
    return names.pop() if len(names) == 1 else None


class Known(StrEnum):
    """What a message of Heffl comes to, where its words are known."""

    TAKEN = "taken"
    MISSING = "missing"
    TOO_LONG = "too_long"
    INVALID = "invalid"


# What is not there is not there twice: this is taken out before the words below are read.
# "Must not exist" stays: there it is. Between "not" and "exist" stand only words that leave
# the sense as it is.
_ABSENT = re.compile(
    r"(?:\b(?:ca|can|could|did|do|does|had|has|have|is|are|may|might|was|would)"
    r" ?n(?:o|['’])?t|\bnever)"
    r"(?: (?:a|actually|already|an|any|be|currently|ever|even|in|list|of|one|really|seem|the"
    r"|to|yet)){0,5} exist(?:s|ed|ing)?\b"
    r"|\bno longer exists?|\bno existing\b|\bno such\b[\w ]{0,40}?\bexists?"
    r"|\b(?:must|has to|have to|needs? to) exist\b|\bceased to exist|\bnon-?existent"
    r"|\bnot (?:existing|in use)"
    r"|غير (?:موجود|مسجل|مستخدم)ة?|ليست? موجود|لم (?:يعد|تعد)[\w ]{0,40}? موجود"
    r"|لا (?:يوجد|توجد)",
    re.IGNORECASE,
)
# The first that fits counts: "must be at most 20 characters" is too long, not invalid.
# In Arabic "the user" is "used" with the article, which is why that one may not stand before.
# Whether "not available" means taken depends on what is not: a country would be unknown.
_MEANINGS = {
    Known.TAKEN: r"\balready\b|\bexist(?:s|ed|ing)?\b|duplicat|\btaken\b|\bunique|\bin use\b"
    r"|conflict|\b(?:by|to) another\b|\banother \w+ (?:has|uses)\b"
    r"|\b(?:e-?mail|name|number|phone)\b[\w ]{0,20} (?:not |un)available"
    r"|(?<!ال)موجود|مكرر|(?<!ال|لل)(?:مستخدم|مسجل)|بالفعل|قيد الاستخدام"
    r"|(?:سبق|تم) (?:استخدام|تسجيل)|يوجد عميل|(?:البريد|الاسم|الرقم|الهاتف)[\w ]{0,20} غير متاح",
    Known.MISSING: r"required|missing|(?:can ?not|can['’]t|must not|should not|may not) be"
    r" (?:blank|empty|null)|must be (?:provided|given|set)|is (?:empty|blank)"
    r"|مطلوب|إلزامي|(?:أن|ان) [يت]كون فارغ",
    Known.TOO_LONG: r"too long|at most|no more than|max(?:imum)?\b|exceed|longer than"
    r"|shorter than or equal|طويل|[يت]تجاوز|الحد الأقصى|أكثر من",
    Known.INVALID: r"invalid|valid|must|malformed|format|not allowed|unknown"
    r"|unsupported|expected|\bnot (?:found|recogni[sz]ed|supported)|\bno such\b"
    r"|صالح|صحيح|صيغة|خاطئ|مدعوم|غير معروف|العثور على",
}
_ARABIC_VOWELS = re.compile(r"[\u064b-\u0652]")


def meaning_of(message: str) -> Known | None:
    """Return what a message comes to, in English or Arabic; None for words never seen.

    That something "does not exist" is a mistake in it, not that it is taken.
    """
    text = _ABSENT.sub(" invalid ", _ARABIC_VOWELS.sub("", message[:MAX_MESSAGE]))
    for known, words in _MEANINGS.items():
        if re.search(words, text, re.IGNORECASE):
            return known
    return None
