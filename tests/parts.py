"""What scripts/test.py asks of each of its pytest runs: `pytest -p tests.parts`.

TEST_SHARE=1/3 leaves the first third of what was selected: every third test, by name. At the
end the file named in TEST_DURATIONS has a line for each of the slowest: seconds, a tab, the
test, and before its name what of it took so long unless that was the test itself.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

MOST = 10
_took: list[tuple[float, str]] = []


@pytest.hookimpl(trylast=True)  # of what the arguments and markers have selected
def pytest_collection_modifyitems(
    config: pytest.Config, items: list[pytest.Item]
) -> None:
    number, _, of = os.environ.get("TEST_SHARE", "").partition("/")
    if not of:
        return
    by_name = sorted(items, key=lambda item: item.nodeid)
    mine = set(by_name[int(number) - 1 :: int(of)])
    config.hook.pytest_deselected(items=[each for each in items if each not in mine])
    items[:] = [each for each in items if each in mine]


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    of = "" if report.when == "call" else f"{report.when} of "
    _took.append((report.duration, of + report.nodeid))


def pytest_sessionfinish() -> None:
    lines = [f"{seconds:.2f}\t{test}\n" for seconds, test in sorted(_took)[-MOST:]]
    Path(os.environ["TEST_DURATIONS"]).write_text("".join(lines), encoding="utf-8")
