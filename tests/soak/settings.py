"""Settings of the processes that the soak suites start: time runs faster there.

SOAK_TIMING and SOAK_TIMEOUTS (JSON) change durations, SOAK_CLOCK sets this process's clock
so many seconds ahead, TEST_SABOTAGE breaks a guard.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import datetime, timedelta

from django.utils import timezone

from tests.fast_settings import *  # noqa: F403
from tests.fast_settings import DELIVERY_TIMING as FAST
from tests.fast_settings import HEFFL_TIMEOUTS as FAST_TIMEOUTS

DELIVERY_TIMING = replace(
    FAST,
    key_probe=1.0,
    wait_default=1.0,
    **{
        name: tuple(value) if isinstance(value, list) else value
        for name, value in json.loads(os.environ.get("SOAK_TIMING", "{}")).items()
    },
)
HEFFL_TIMEOUTS = {**FAST_TIMEOUTS, **json.loads(os.environ.get("SOAK_TIMEOUTS", "{}"))}
STORAGES = {  # pages need no collectstatic run
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
if os.environ.get("SOAK_KEEP_LOG"):  # what is cut must not move into the database
    DATABASES["default"]["OPTIONS"]["init_command"] += " PRAGMA wal_autocheckpoint=0;"  # noqa: F405
if os.environ.get("SOAK_SYNCHRONOUS"):
    _options = DATABASES["default"]["OPTIONS"]  # noqa: F405
    _options["init_command"] = _options["init_command"].replace(
        "synchronous=FULL", f"synchronous={os.environ['SOAK_SYNCHRONOUS']}"
    )

_ahead = timedelta(seconds=float(os.environ.get("SOAK_CLOCK", "0")))
if _ahead:
    _right = timezone.now

    def _wrong() -> datetime:
        return _right() + _ahead

    timezone.now = _wrong
