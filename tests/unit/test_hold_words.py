"""Whatever stops sending has its words for every place, in every language."""

from __future__ import annotations

from dataclasses import fields

import pytest
from django.utils import translation

from clients_app.models import HoldReason, IncidentKind
from clients_app.notices.hold_words import WORDS


def test_every_hold_and_a_missing_key_have_words():
    assert set(WORDS) == {*HoldReason, IncidentKind.NO_KEY}


@pytest.mark.parametrize("kind", WORDS)
def test_the_words_follow_the_language_of_the_reader(kind):
    words = [
        each
        for field in fields(WORDS[kind])
        if (each := getattr(WORDS[kind], field.name)) and each is not True
    ]

    with translation.override("en"):
        english = list(map(str, words))
    with translation.override("ar"):
        arabic = list(map(str, words))

    assert len(words) >= 5
    assert not set(english) & set(arabic)


def test_only_what_concerns_the_key_is_an_owners_task():
    task = {kind for kind, words in WORDS.items() if words.owners_task}

    assert task == {kind for kind in WORDS if "key" in kind}
