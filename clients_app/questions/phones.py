"""Phone numbers: what a person types, stored as E.164 ("+971501234567")."""

from __future__ import annotations

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberFormat


def e164(text: str, region: str) -> str | None:
    """Return a cleaned number in E.164, or None when it cannot be a phone number.

    `region` is the ISO code of the country that a number without a country code
    belongs to. Letters and extensions are refused rather than silently dropped.
    """
    text = text.removeprefix("tel:").strip()
    if len(text) > 60 or any(char.isalpha() for char in text):
        return None
    international = f"+{text[2:]}" if text.startswith("00") else text
    try:
        number = phonenumbers.parse(international, region)
    except NumberParseException:
        return None
    if number.extension or not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def is_in_use(number: str) -> bool:
    """Say whether an E.164 number lies in a range that its country gives out.

    Ranges change faster than any table of them: a reason to look twice, not to refuse.
    """
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number))
    except NumberParseException:
        return False
