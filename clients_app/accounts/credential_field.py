"""What a browser says of a passkey, as JSON: bounded before it is read."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.fields import InvalidJSONInput

LONGEST = 20_000
MOST_NESTED = 100
"""Objects and lists in it; a browser sends a handful."""


def is_sound(text: object) -> bool:
    """Say whether this is short and flat enough to be read as JSON."""
    return (
        isinstance(text, str)
        and len(text) <= LONGEST
        and text.count("{") + text.count("[") <= MOST_NESTED
    )


class CredentialField(forms.JSONField):
    """Reads JSON as Django does, but refuses what Python's reader falls over.

    That is what is nested too deeply, and a number of more digits than it converts.
    """

    widget = forms.HiddenInput

    def to_python(self, value: Any) -> Any:
        """Return what was sent. Raises ValidationError."""
        if value and not is_sound(value):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        try:
            return super().to_python(value)
        except ValueError:
            raise ValidationError(
                self.error_messages["invalid"], code="invalid"
            ) from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return nothing to show again: a passkey is asked each time."""
        return InvalidJSONInput("")
