"""What a browser did in a test that failed: `playwright show-trace var/traces/NAME.zip`."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext

FOLDER = Path(__file__).resolve().parent.parent.parent / "var" / "traces"
FAILED = pytest.StashKey[bool]()


def record(context: BrowserContext) -> None:
    """Start to write down what happens in a profile."""
    context.tracing.start(snapshots=True)


def close(
    contexts: Iterable[BrowserContext], test: pytest.Item, logs: Iterable[str] = ()
) -> None:
    """Close the profiles of a test; when it failed, keep their traces and these logs."""
    failed = test.stash.get(FAILED, False)
    name = re.sub(r"[^\w.-]+", "-", test.name)[:120]
    for number, context in enumerate(contexts):
        if failed:
            FOLDER.mkdir(parents=True, exist_ok=True)
            context.tracing.stop(path=FOLDER / f"{name}-{number}.zip")
        else:
            context.tracing.stop()
        context.close()
    if failed:
        for log in logs:
            shutil.copy(log, FOLDER / f"{name}-{Path(log).name}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    """Remember that a test failed for whoever closes its browser."""
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report
