"""The short form of the soak suites, on the test's own database.

The truth table of answers runs in full in tests/unit/heffl.
"""

import importlib
from dataclasses import asdict

import pytest
from django.db import connection

from tests.soak import crash
from tests.soak.ground import ground

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.mark.parametrize(
    "suite", ["moments", "crash", "power", "storm", "restore", "model"]
)
def test_suite_finds_nothing_and_its_controls_go_red(suite, tmp_path):
    if suite in {"crash", "power"} and crash.available():
        pytest.skip(crash.available())
    if suite == "restore" and connection.vendor == "sqlite":
        pytest.skip("it would take the file of this run's database away: `make soak`")
    if suite in {"power", "model"} and connection.vendor != "sqlite":
        pytest.skip("in full in `make soak` only")

    with ground(tmp_path, short=True) as stage:
        result = importlib.import_module(f"tests.soak.{suite}").run(stage)

    assert result.good, "\n".join(map(str, asdict(result).items()))
    assert result.controls_red >= (suite != "storm")
