"""SignupBucket: how much comes from where to a public page, so that robots are held back."""

from __future__ import annotations

from django.db import models


class SignupBucket(models.Model):
    """How much one network, or one organisation's page, has sent lately.

    `mark` is a keyed hash: no address of a visitor is stored. The bucket is empty when
    `empty_at` (epoch seconds) has passed; every signup moves that on by one step.
    """

    mark = models.CharField(max_length=64, unique=True)
    empty_at = models.FloatField(db_index=True)

    def __str__(self) -> str:
        return f"bucket {self.mark[:8]}"
