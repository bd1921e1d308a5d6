"""A wait in words: the same round ones wherever one is told."""

from __future__ import annotations

from django.utils.translation import ngettext


def in_about(seconds: float) -> str:
    """Return a wait in round words: seconds, minutes or hours."""
    if seconds < 90:
        count = max(1, round(seconds))
        words = ngettext("in about %d second", "in about %d seconds", count)
    elif seconds < 90 * 60:
        count = round(seconds / 60)
        words = ngettext("in about %d minute", "in about %d minutes", count)
    else:
        count = round(seconds / 3600)
        words = ngettext("in about %d hour", "in about %d hours", count)
    return words % count
