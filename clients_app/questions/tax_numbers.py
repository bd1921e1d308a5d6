"""Tax numbers of the Gulf states that publish what theirs look like; free text elsewhere.

Only length and shape are checked. The UAE, Bahrain and Oman publish no check digit, and
Saudi Arabia's is not documented by its authority.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from django.utils.translation import gettext_noop as _


@dataclass(frozen=True, slots=True)
class Rule:
    """What a country's tax number looks like, and the words for one that does not."""

    pattern: re.Pattern[str]
    words: str


# Federal Tax Authority: TRN. Zakat, Tax and Customs Authority: VAT registration number.
# National Bureau for Revenue: VAT account number. Oman Tax Authority: VATIN.
RULES = {
    "AE": Rule(re.compile(r"[0-9]{15}"), _("Tax number must be 15 digits")),
    "SA": Rule(
        re.compile(r"3[0-9]{13}3"),
        _("Tax number must be 15 digits, the first and the last a 3"),
    ),
    "BH": Rule(re.compile(r"[0-9]{15}"), _("Tax number must be 15 digits")),
    "OM": Rule(
        re.compile(r"OM[0-9]{10}"),
        _("Tax number must be OM and 10 digits, like OM1100006083"),
    ),
}
LONGEST = 500
_NAMED = re.compile(r"(?:TRN|VATIN|VAT)(?: ?(?:number|no))?[ .:#]*(?=[0-9O])", re.I)
_BETWEEN = re.compile(r"[\s.\-‐-―]")


def rule_for(country: str) -> Rule | None:
    """Return the rule of a country (ISO code), or None where anything may stand."""
    return RULES.get(country)


def plain(text: str) -> str:
    """Return a cleaned number without blanks, dashes and a "TRN" before it."""
    if len(text) > LONGEST:
        return text  # no tax number
    return _BETWEEN.sub("", _NAMED.sub("", text, count=1)).upper()
