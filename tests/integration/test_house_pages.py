"""What weighs the pages still finds every one of them."""

from __future__ import annotations

import pytest

from scripts.house import pages


@pytest.mark.slow
@pytest.mark.once
def test_every_page_that_is_weighed_opens_in_both_languages(db, settings, monkeypatch):
    settings.MFA_REQUIRED_ROLES = []  # as scripts/house/trees.py has it
    monkeypatch.setattr(pages, "static_bytes", lambda address, get: 1)

    weights = dict(pages.weights())

    assert {name.rpartition(" ")[2] for name in weights} == {"(en)", "(ar)"}
    assert len(weights) > 50
    assert all(html > sent > 0 and static for html, sent, static in weights.values())
