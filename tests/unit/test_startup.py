"""A start that fails says why in one paragraph; a bug still shows where it is."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db.utils import OperationalError

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
