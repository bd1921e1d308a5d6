"""Whether a regular expression is linear: decided on its structure, for every text there is.

Python matches by trying one way after the other. How many ways a text can make it try is
how ambiguous the pattern's automaton is (Weber and Seidl, 1991): with no ambiguity that a
repeated word can multiply, the steps grow with the text and no faster. Two questions say so.
Within one try: does some word lead from a loop back to it in two ways, or from one loop
both to itself and to another that it keeps going, too? Between the tries of a search: does
some word keep a loop going that a later try, begun within the repetitions, reaches as well,
with no end of a match on the way that would have spared it?
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TypeVar

from tests.automata import Graph, Node

T = TypeVar("T", bound=Hashable)
SEARCHED = frozenset({"search", "sub", "subn", "split", "findall", "finditer"})
WHOLE = frozenset({"match", "fullmatch"})


def components(nodes: Iterable[T], after: Callable[[T], Iterable[T]]) -> dict[T, int]:
    """Return the strongly connected component of each node reached from these (Tarjan)."""
    index: dict[T, int] = {}
    low: dict[T, int] = {}
    found: dict[T, int] = {}
    stack: list[T] = []

    def enter(node: T) -> tuple[T, Iterator[T]]:
        index[node] = low[node] = len(index)
        stack.append(node)
        return node, iter(list(after(node)))

    def leave(node: T) -> None:
        while low[node] == index[node] and node not in found:
            found[stack.pop()] = index[node]

    for root in nodes:
        work = [] if root in index else [enter(root)]
        while work:
            node, rest = work[-1]
            other = next(rest, None)
            if other is None:
                work.pop()
                leave(node)
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
            elif other not in index:
                work.append(enter(other))
            elif other not in found:
                low[node] = min(low[node], index[other])
    return found


def _onward(graph: Graph) -> Callable[[Node], set[Node]]:
    return lambda node: {one for found in graph.after[node].values() for one in found}


def _loops(graph: Graph) -> tuple[dict[Node, int], set[int]]:
    """Return the component of each node, and which components lead back into themselves."""
    onward = _onward(graph)
    parts = components(graph.after, onward)
    round_trips = {
        parts[node]
        for node in graph.after
        for o in onward(node)
        if parts[o] == parts[node]
    }
    return parts, round_trips


def empty_loop(graph: Graph) -> bool:
    """Say whether a loop can go round with no character: as often as it likes."""
    free = {
        state: [target for kind, _what, target in edges if kind != "char"]
        for state, edges in enumerate(graph.edges)
    }
    parts = components(free, free.__getitem__)
    return len({*parts.values()}) < len(parts)


def ambiguous_loop(graph: Graph) -> bool:
    """Say whether a word leads from a loop back to it in two ways: 2 to the power of n."""
    parts, round_trips = _loops(graph)

    def inside(node: Node, kind: int) -> list[Node]:
        return [o for o in graph.after[node][kind] if parts[o] == parts[node]]

    for node in graph.after:
        for reached in graph.after[node].values():
            if any(n > 1 and parts[o] == parts[node] for o, n in reached.items()):
                return True

    def after(pair: tuple[Node, Node]) -> Iterator[tuple[Node, Node]]:
        for kind in graph.after[pair[0]]:
            for one in inside(pair[0], kind):
                for other in inside(pair[1], kind):
                    yield one, other

    same = [(node, node) for node in graph.after if parts[node] in round_trips]
    found = components(same, after)
    meeting = {found[pair] for pair in same}
    return any(one != other and found[one, other] in meeting for one, other in found)


def _reached(start: Node, onward: Callable[[Node], set[Node]]) -> set[Node]:
    seen, waiting = {start}, [start]
    while waiting:
        fresh = onward(waiting.pop()) - seen
        seen |= fresh
        waiting += fresh
    return seen


def ambiguous_chain(graph: Graph) -> bool:
    """Say whether a word keeps a loop going, leads on to another and keeps that going, too."""
    parts, round_trips = _loops(graph)
    looping = [node for node in graph.after if parts[node] in round_trips]
    pairs = {
        (first, second)
        for first in looping
        for second in _reached(first, _onward(graph)).intersection(looping)
        if parts[first] != parts[second] and first[2] == second[2]
    }

    def inside(node: Node, kind: int) -> list[Node]:
        return [o for o in graph.after[node][kind] if parts[o] == parts[node]]

    def after(triple: tuple[Node, Node, Node]) -> Iterator[tuple[Node, Node, Node]]:
        first, middle, last = triple
        if middle == last and (first, last) in pairs:
            yield first, first, last
        for kind in graph.after[first]:
            lasts = inside(last, kind)
            for one in inside(first, kind) if lasts else ():
                for between in graph.after[middle][kind]:
                    yield from ((one, between, other) for other in lasts)

    found = components([(first, first, second) for first, second in pairs], after)
    return any(
        found.get((first, second, second)) == found[first, first, second]
        for first, second in pairs
    )


def repeated_tries(graph: Graph) -> bool:
    """Say whether tries of a search, begun one after the other, can all go on together."""
    open_ended = {node for node in graph.after if not graph.ends(node)}
    onward = _onward(graph)

    def further(node: Node) -> set[Node]:
        return onward(node) & open_ended

    parts = components(open_ended, further)
    loops = {parts[n] for n in open_ended for o in further(n) if parts[o] == parts[n]}
    return any(_meet(graph, goal, parts) for goal in open_ended if parts[goal] in loops)


def _meet(graph: Graph, goal: Node, parts: dict[Node, int]) -> bool:
    """Say whether some word brings a fresh try to where it brings an old one back to."""
    seen = {(s, goal) for s in graph.starts if s[2] == goal[2]}
    waiting = list(seen)
    while waiting:
        fresh, old = waiting.pop()
        pairs = {
            (one, other)
            for kind in graph.after[fresh]
            for other in graph.after[old][kind]
            if parts.get(other) == parts[goal]
            for one in graph.after[fresh][kind]
        }
        if (goal, goal) in pairs:
            return True
        waiting += pairs - seen
        seen |= pairs
    return False


def fault_of(pattern: str | bytes, flags: int, uses: Iterable[str]) -> str:
    """Return why a pattern is not linear when used in these ways; "" where it is."""
    graph = Graph(pattern, flags)
    if empty_loop(graph):
        return "a loop goes round another that may be empty"
    if ambiguous_loop(graph):
        return "some word leads through a loop in two ways"
    if ambiguous_chain(graph):
        return "some word can be shared out between two loops"
    if SEARCHED & {*uses} and repeated_tries(graph):
        return "a search walks over the same text again from each place"
    return ""
