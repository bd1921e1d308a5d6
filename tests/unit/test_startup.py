"""A start that fails says why in one paragraph; a bug still shows where it is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import OperationalError

from clients_app.crypto import KeyRing
from heffl_portal.startup import StartupError, explained


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (StartupError("SECRET_KEY is not set."), "SECRET_KEY is not set."),
        (ImproperlyConfigured("No such engine."), "No such engine."),
        (PermissionError(13, "Permission denied", "/var/x"), "may not use /var/x"),
        (OperationalError("unable to open database file"), "cannot be opened"),
        (OperationalError("no such table: x"), "manage.py migrate"),
        (OperationalError("file is not a database"), "Restore the last backup"),
        (OperationalError("connection refused\nsecond line"), "cannot be reached"),
    ],
)
def test_explained_ends_with_one_paragraph(fault, words):
    with pytest.raises(SystemExit) as ended, explained():
        raise fault

    paragraph = str(ended.value)
    assert paragraph.startswith("Heffl Portal cannot")
    assert words in paragraph
    assert "\n" not in paragraph


@pytest.mark.parametrize("fault", [KeyError("x"), PermissionError("without a file")])
def test_explained_lets_bugs_through(fault):
    with pytest.raises(type(fault)), explained():
        raise fault


@pytest.mark.slow
def test_whoever_makes_the_first_key_ring_is_lent_one(tmp_path):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SECRET_KEY", "PORTAL_KEYRING"))
    }

    def manage(*words):
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            env={**environment, "PORTAL_VAR_DIR": str(tmp_path)},
            cwd=settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )

    made, refused = manage("keyring", "new", "2026a"), manage("keyring", "check")

    assert (made.returncode, refused.returncode) == (0, 1)
    assert KeyRing.parse(made.stdout.strip()).sealing_kid == "2026a"
    assert "PORTAL_KEYRING is not set" in refused.stderr
