"""How Django's forms show again what was typed: held to its bound, as on the client form."""

from __future__ import annotations

from typing import Any

from django.forms.boundfield import BoundField
from django.forms.renderers import DjangoTemplates

from clients_app.questions.posted import held, room_of

LONGEST = 20_000
"""Characters of what a field without a bound of its own shows again."""


class HeldField(BoundField):
    """A field on a page; what is far too long for it is cut, and shows that it is."""

    def value(self) -> Any:
        """Return what was typed or is stored."""
        shown = super().value()
        if not self.form.is_bound or not isinstance(shown, str):
            return shown
        most = getattr(self.field, "max_length", None)
        return held(shown, room_of(most) if most else LONGEST)


class HoldingRenderer(DjangoTemplates):
    """Django's renderer, for fields that hold what they show."""

    bound_field_class = HeldField
