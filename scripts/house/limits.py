"""What the house may not exceed. Each limit answers with the places that break it.

LONG names the modules of the app that may be longer than FILE_LINES, each with a reason.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from scripts.house import figures

FLAT_MODULES = 14
RUNGS = 10
FILE_LINES = 400
USUAL_LINES = 300
USUAL_SHARE = 0.9
LONGEST_LINES = 700
LONG_FILES = 6
OTHER_LINES = 800
FUNCTION_LINES = 60
BRANCHES = 15
PATHS = 20
LINE_WIDTH = 120
TEMPLATE_WIDTH = 200
TEMPLATE_SHARE = 0.04

LONG: Mapping[str, str] = {
    "clients_app/delivery/outbox.py": (
        "every step of a row's status is one conditional UPDATE; that nothing is lost "
        "or sent twice can be read only where all of them stand together"
    ),
    "clients_app/delivery/reconcile.py": (
        "one look-up from the window of time to the decision; its cases exclude one "
        "another only if they are read as one"
    ),
}

OWN_CODE = (*figures.APP, *figures.TOOLS, *figures.TESTS)


def flat_modules(root: Path) -> list[str]:
    """At most fourteen modules lie at the root of the app."""
    found = figures.flat_modules(root)
    return found if len(found) > FLAT_MODULES else []


def rungs(root: Path) -> list[str]:
    """The layers of the app stand on at most ten rungs."""
    found = figures.rungs(root)
    return found if len(found) > RUNGS else []


def circles(root: Path) -> list[str]:
    """No modules import one another around a circle, not even for types alone."""
    found = figures.circles(root, for_types=True)
    return [" → ".join([*group, group[0]]) for group in found]


def long_files(root: Path, allowed: Mapping[str, str] = LONG) -> list[str]:
    """No module of the app is long but those allowed, which are few, and long indeed."""
    lengths = figures.lengths(root, figures.APP)
    long = {path for path, count in lengths.items() if count > FILE_LINES}
    faults = [f"{path}: {lengths[path]} lines" for path in sorted(long - set(allowed))]
    faults += [
        f"{path} is allowed and not long"
        for path in sorted(allowed)
        if path not in long
    ]
    faults += [
        f"{path} is allowed without a reason"
        for path in allowed
        if not allowed[path].strip()
    ]
    if len(allowed) > LONG_FILES:
        faults.append(f"{len(allowed)} modules are allowed to be long")
    faults += [
        f"{path}: {lengths[path]} lines, and nothing allows that"
        for path in sorted(long & set(allowed))
        if lengths[path] > LONGEST_LINES
    ]
    return faults


def usual_files(root: Path) -> list[str]:
    """Nine of ten modules of the app have at most three hundred lines."""
    lengths = figures.lengths(root, figures.APP)
    if figures.percentile(lengths.values(), USUAL_SHARE) <= USUAL_LINES:
        return []
    return [f"{path}: {n} lines" for path, n in lengths.items() if n > USUAL_LINES]


def other_files(root: Path) -> list[str]:
    """No test and no tool is longer than eight hundred lines."""
    lengths = figures.lengths(root, (*figures.TOOLS, *figures.TESTS))
    return [f"{path}: {n} lines" for path, n in lengths.items() if n > OTHER_LINES]


def function_lines(root: Path) -> list[str]:
    """No function has more than sixty lines, tests included."""
    return [
        f"{function.place} {function.name}: {function.lines} lines"
        for function in figures.functions(root, OWN_CODE)
        if function.lines > FUNCTION_LINES
    ]


def function_complexity(root: Path) -> list[str]:
    """No function is too complex, in either way of counting, tests included."""
    return [
        f"{function.place} {function.name}: {function.branches}, {function.paths}"
        for function in figures.functions(root, OWN_CODE)
        if function.branches > BRANCHES or function.paths > PATHS
    ]


def asset_lines(root: Path) -> list[str]:
    """No line of a stylesheet or script is wider than 120 characters."""
    found = [
        line
        for suffix in (".css", ".js")
        for line in figures.lines(root, "static", suffix)
    ]
    return [
        f"{line.place}:{line.number}: {line.width} characters"
        for line in figures.wide(found, LINE_WIDTH)
    ]


def template_lines(root: Path) -> list[str]:
    """Few lines of templates are wider than 120 characters, none than 200."""
    found = figures.templates(root)
    wide = figures.wide(found, LINE_WIDTH)
    if len(wide) <= TEMPLATE_SHARE * len(found):
        wide = figures.wide(found, TEMPLATE_WIDTH)
    return [f"{line.place}:{line.number}: {line.width} characters" for line in wide]


LIMITS: tuple[Callable[[Path], list[str]], ...] = (
    flat_modules,
    rungs,
    circles,
    long_files,
    usual_files,
    other_files,
    function_lines,
    function_complexity,
    asset_lines,
    template_lines,
)
