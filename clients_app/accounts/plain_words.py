"""No new password may be made of the words of this place alone: they are guessed first.

docs/asvs.md lists the words. Digits and signs between them make it no better.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from clients_app.models import Membership, User

WORDS = (
    "heffl", "portal", "client", "clients", "company", "contact", "signup", "login",
    "welcome", "password", "admin", "owner", "reviewer", "frontdesk", "front", "desk",
    "dubai", "emirates", "the", "my", "our",
)  # fmt: skip
LONGEST = 200
"""Characters looked at; what is longer holds more than these words."""
_NOT_A_LETTER = re.compile(r"[\W\d_]+")


def words_of(person: User | None) -> set[str]:
    """Return the words of this place, with those of a person's organisations and address."""
    texts: list[str] = list(WORDS)
    if person is not None:
        texts += re.split(r"[@.+_-]", person.email)
    if person is not None and person.pk:
        mine = Membership.objects.filter(user=person).select_related("organisation")
        for each in mine[:20]:
            words = each.organisation.name.split()
            texts += [*words, *each.organisation.slug.split("-")]
    bare = (_NOT_A_LETTER.sub("", text.casefold()) for text in texts)
    return {word for word in bare if len(word) > 1}


def is_made_of(text: str, words: Iterable[str]) -> bool:
    """Say whether the letters of a text are these words, one after another, and no more."""
    letters = _NOT_A_LETTER.sub("", text.casefold())
    ends = {0}
    for start in range(len(letters)):
        if start in ends:
            ends |= {
                start + len(word) for word in words if letters.startswith(word, start)
            }
    return bool(letters) and len(letters) in ends


class PlainWordsValidator:
    """Refuses passwords made of words of this place; one of AUTH_PASSWORD_VALIDATORS."""

    def validate(self, password: str, user: User | None = None) -> None:
        """Raises ValidationError, in words for people."""
        if len(password) <= LONGEST and is_made_of(password, words_of(user)):
            raise ValidationError(
                _(
                    "This password is made of words that anybody would try here. Add "
                    "other words to it."
                ),
                code="password_plain_words",
            )

    def get_help_text(self) -> str:
        return _("Your password must not be made of the name of this place alone.")
