"""SignInPlace: from where somebody tries to sign in, and whether they ever have from there."""

from __future__ import annotations

from django.db import models


class SignInPlace(models.Model):
    """One browser or network that tries one address, or one person's second factor.

    `mark` is a keyed hash of both: neither is stored. `tries` counts the failed ones since
    the last quiet day; before `free_at` no further one is looked at. From a place that is
    known until `known_until` the person has signed in before. All in epoch seconds; the
    row goes when `forget_at` has passed.
    """

    mark = models.CharField(max_length=64, unique=True)
    tries = models.PositiveIntegerField(default=0)
    tried_at = models.FloatField(default=0)
    free_at = models.FloatField(default=0)
    known_until = models.FloatField(default=0)
    forget_at = models.FloatField(db_index=True)

    def __str__(self) -> str:
        return f"place {self.mark[:8]}"
