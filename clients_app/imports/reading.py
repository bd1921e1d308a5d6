"""What the worker does with a large file before it is loaded: reading it, checking its rows.

A step is taken for a while and held as long as there is progress, so that of several
workers one does it, and another takes it up again when that one dies. A file that ends
its reader again and again is given up, and the person is told.
"""

from __future__ import annotations

import logging
import secrets
import time
from datetime import timedelta
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from clients_app.imports import drafts
from clients_app.imports.drafts import WrongState
from clients_app.imports.rows import dry_run
from clients_app.imports.table import Meter, SheetError
from clients_app.models import FileReading, Step

log = logging.getLogger("portal.worker")
HELD = timedelta(seconds=20)
"""So long after its last sign of progress a step is held for the one who took it."""
MAX_TRIES = 3
AT_A_STRETCH = 5.0
"""Seconds after which one call of read_due() begins nothing else."""


class _Superseded(Exception):
    """The step is no longer ours: the draft is gone, was asked for anew, or taken."""


def read_due() -> int:
    """Take the steps that are awaited, for a few seconds; return how many were ended.

    Any number of processes may do this at once.
    """
    until = time.monotonic() + AT_A_STRETCH
    done = 0
    while time.monotonic() < until and (reading := _take()):
        try:
            _do(reading)
            done += 1
        except (_Superseded, WrongState):
            continue
    return done


def _take() -> FileReading | None:
    """Take the step that has waited longest, and give up those that were tried enough."""
    now = timezone.now()
    free = Q(taken_until=None) | Q(taken_until__lt=now)
    due = FileReading.objects.filter(free).exclude(awaits=Step.NONE)
    for pk, tries in due.order_by("asked_at").values_list("pk", "tries")[:20]:
        mine = FileReading.objects.filter(free, pk=pk, tries=tries)
        if tries >= MAX_TRIES:
            _give_up(mine.exclude(awaits=Step.NONE).first())
            continue
        name = secrets.token_hex(8)
        if mine.exclude(awaits=Step.NONE).update(
            tries=tries + 1, taken_by=name, taken_until=now + HELD, percent=0
        ):
            rows = FileReading.objects.select_related("file_import__organisation")
            return rows.filter(pk=pk, taken_by=name).first()
    return None


def _give_up(reading: FileReading | None) -> None:
    if reading is None:
        return
    with translation.override(reading.language):
        problem = _(
            "This file could not be read: each of several tries broke off. Save it again "
            "as CSV, or split it into smaller files, and choose it again."
        )
    log.warning("import given up", extra={"reason": reading.awaits})
    FileReading.objects.filter(pk=reading.pk, tries=reading.tries).update(
        awaits=Step.NONE, problem=problem
    )


def _do(reading: FileReading) -> None:
    """Take the step and store what it comes to. Raises _Superseded, WrongState."""
    step, name = reading.awaits, reading.taken_by
    meter = Meter(partial(_tell, reading.pk, name))
    with translation.override(reading.language):
        try:
            if step == Step.READ:
                drafts.read(reading, meter)
            else:
                reading.checked = dry_run(reading.file_import, meter).as_json()
        except SheetError as error:
            reading.problem = str(error)
    reading.awaits, reading.tries, reading.taken_by = Step.NONE, 0, ""
    with transaction.atomic():
        drafts.hold(reading.file_import)
        _tell(reading.pk, name, 100)
        if step == Step.READ:
            reading.file_import.save(update_fields=drafts.TOLD_BY_TABLE)
        reading.save()


def _tell(pk: int, name: str, percent: int) -> None:
    """Say how far a step is, and hold it on. Raises _Superseded."""
    mine = FileReading.objects.filter(pk=pk, taken_by=name)
    if not mine.update(percent=percent, taken_until=timezone.now() + HELD):
        raise _Superseded
