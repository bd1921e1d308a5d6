"""Import circles of the tree it runs in: groups of modules that all reach one another.

Run as a program, with that tree first in PYTHONPATH, since a process that holds these
modules already would be told where *they* lie. Prints JSON: {"all": …, "runtime": …}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Set

PACKAGES = ("clients_app", "heffl_portal")


def circles(imports: Mapping[str, Set[str]]) -> list[list[str]]:
    """Return the groups of two or more modules in which each reaches each, sorted.

    `imports` names for every module what it imports. Kosaraju's two walks, without
    recursion: a house has more modules than a stack has room.
    """
    back: dict[str, set[str]] = {module: set() for module in imports}
    for module, imported in imports.items():
        for other in imported:
            back[other].add(module)
    left: list[str] = []
    seen: set[str] = set()
    for module in imports:
        left += _walk(module, imports, seen)
    found, seen = [], set()
    for module in reversed(left):
        group = _walk(module, back, seen)
        if len(group) > 1:
            found.append(sorted(group))
    return sorted(found)


def _walk(start: str, arrows: Mapping[str, Set[str]], seen: set[str]) -> list[str]:
    """Return what can be reached and was not seen, in the order in which it was left."""
    if start in seen:
        return []
    seen.add(start)
    left = []
    open_ = [(start, iter(sorted(arrows[start])))]
    while open_:
        module, others = open_[-1]
        other = next((other for other in others if other not in seen), None)
        if other is None:
            left.append(module)
            open_.pop()
        else:
            seen.add(other)
            open_.append((other, iter(sorted(arrows[other]))))
    return left


def imports_of_tree(*, for_types: bool) -> dict[str, set[str]]:
    """Return who imports whom; `for_types` counts imports under TYPE_CHECKING, too."""
    import grimp

    graph = grimp.build_graph(
        *PACKAGES, exclude_type_checking_imports=not for_types, cache_dir=None
    )
    return {
        module: set(graph.find_modules_directly_imported_by(module))
        for module in graph.modules
    }


if __name__ == "__main__":
    answer = {
        "all": circles(imports_of_tree(for_types=True)),
        "runtime": circles(imports_of_tree(for_types=False)),
    }
    sys.stdout.write(json.dumps(answer))
