"""The area of an address as we write it, whichever of its spellings was typed."""

from __future__ import annotations

import re
from functools import lru_cache

from django.utils.translation import gettext as _
from django.utils.translation import override

from clients_app.questions.countries import ADDRESSES, address_in
from clients_app.questions.matching import folded_name

# منطقة الرياض is الرياض, and المحافظة الشمالية is الشمالية. Folded names have no blanks.
_KIND_OF_AREA = re.compile("(?:ال)?(?:منطقه|محافظه|بلديه|اماره)(?=.)")


def named(country: str, text: str) -> str:
    """Return an area in our own spelling, or the text itself when we know none like it."""
    return _areas(country).get(_folded_area(text), text)


@lru_cache(maxsize=len(ADDRESSES) + 1)
def _areas(country: str) -> dict[str, str]:
    names = address_in(country).areas
    with override("ar"):
        arabic = {_folded_area(_(name)): name for name in names}
    return arabic | {_folded_area(name): name for name in names}


def _folded_area(name: str) -> str:
    return _KIND_OF_AREA.sub("", folded_name(name), count=1)
