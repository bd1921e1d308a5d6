"""The portal's settings with short durations, for worker processes started by tests.

TEST_SABOTAGE names a guard to break, so that a suite can show that it would notice.
"""

from __future__ import annotations

import os

from clients_app.delivery.timing import Timing
from heffl_portal.settings import *  # noqa: F403, TID251 - the same settings, but faster

DELIVERY_TIMING = Timing(
    lease=3.0,
    look_lease=6.0,
    look_after=(0.5, 1.0, 2.0),
    backoff_base=0.2,
    backoff_cap=1.0,
    sweep=1.0,
    late=1.0,
    probe_first=0.3,
    probe_cap=1.0,
)
PASSWORD_HASHERS = [
    each.replace(
        "django.contrib.auth.hashers.Argon2PasswordHasher", "tests.hashing.CheapArgon2"
    )
    for each in PASSWORD_HASHERS  # noqa: F405
]
HEFFL_TIMEOUTS = {"connect": 1.0, "read": 1.5, "total": 2.0}
INSTALLED_APPS = [  # noqa: F405
    *INSTALLED_APPS,  # noqa: F405
    *(["tests.sabotage"] if os.environ.get("TEST_SABOTAGE") else []),
]
