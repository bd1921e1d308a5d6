"""A regular expression as an automaton: what a try may be in the middle of, and what next.

Read from the tree that Python's own parser makes of a pattern. Looking ahead and back,
borders of words and possessive repetition are followed; what is looked back at must be one
character, and is taken to hold where it is longer. Characters come in the classes that the
pattern can tell apart.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from re import _compiler, _parser  # type: ignore[attr-defined]
from typing import Any

MOST_COPIES = 64
"""A bounded repetition of more parts than this counts as an unbounded one."""
MOST_NODES = 60_000
OTHERS = "éا٣\u00a0\u0301\u2028\u3000漢İſK😀\ufffd"

Node = tuple[int, frozenset[Any], int]
Edge = tuple[str, Any, int]


class TooComplex(Exception):
    """The pattern uses what this cannot decide about."""


@dataclass
class Automaton:
    """States and the edges between them; characters only by the class they belong to."""

    edges: list[list[Edge]] = field(default_factory=list)
    atoms: list[Callable[[str], bool]] = field(default_factory=list)
    looks_back: bool = False

    def state(self) -> int:
        self.edges.append([])
        return len(self.edges) - 1

    def add(self, source: int, kind: str, what: Any, target: int) -> None:
        self.edges[source].append((kind, what, target))


class _Builder:
    """Makes an automaton of what Python's own parser understood."""

    def __init__(self, pattern: str, flags: int) -> None:
        self.tree = _parser.parse(pattern, flags)
        self.flags = flags | self.tree.state.flags
        self.made = Automaton()
        self.groups: dict[int, Any] = {}
        self.characters = {*map(chr, range(128)), *OTHERS}
        self.start = self.made.state()
        self.end = self._sequence(self.tree, self.start, self.flags)

    def _sequence(self, tree: Iterable[Any], at: int, flags: int) -> int:
        for kind, what in tree:
            at = self._part(str(kind), what, at, flags)
        return at

    def _part(self, kind: str, what: Any, at: int, flags: int) -> int:
        match kind:
            case "LITERAL" | "NOT_LITERAL" | "ANY" | "IN":
                after = self.made.state()
                self.made.add(at, "char", self._atom(kind, what, flags), after)
                return after
            case "BRANCH":
                after = self.made.state()
                for branch in what[1]:
                    before = self._beside(at)
                    self._join(self._sequence(branch, before, flags), after)
                return after
            case "SUBPATTERN":
                group, added, removed, tree = what
                self.groups[group] = tree
                return self._sequence(tree, at, (flags | added) & ~removed)
            case "GROUPREF":
                return self._sequence(self.groups[what], at, flags)
            case "ATOMIC_GROUP":
                return self._sequence(what, at, flags)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                low, high, tree = what
                return self._repeat(kind, low, high, tree, at, flags)
            case "ASSERT" | "ASSERT_NOT":
                direction, tree = what
                return self._look(kind == "ASSERT_NOT", direction, tree, at, flags)
            case "AT":
                after = self.made.state()
                self.made.looks_back = True
                multiline = bool(flags & re.MULTILINE)
                self.made.add(at, "at", (str(what), multiline), after)
                return after
        raise TooComplex(kind)

    def _beside(self, at: int) -> int:
        fresh = self.made.state()
        self.made.add(at, "free", None, fresh)
        return fresh

    def _join(self, source: int, target: int) -> None:
        self.made.add(source, "free", None, target)

    def _atom(self, kind: str, what: Any, flags: int) -> int:
        codes = [what] if isinstance(what, int) else []
        for one, value in what if kind == "IN" else ():
            if str(one) == "LITERAL":
                codes.append(value)
            elif str(one) == "RANGE":
                codes += value
        for code in codes:
            near = (each for each in (code - 1, code, code + 1) if 0 <= each < 0x110000)
            self.characters.update(map(chr, near))
        item = (getattr(_parser, kind), what)
        return self._predicate(_parser.SubPattern(self.tree.state, [item]), flags)

    def _predicate(self, tree: Any, flags: int) -> int:
        compiled = _compiler.compile(tree, flags & ~re.DEBUG)
        self.made.atoms.append(lambda char: compiled.fullmatch(char) is not None)
        return len(self.made.atoms) - 1

    def _repeat(
        self, kind: str, low: int, high: Any, tree: Any, at: int, flags: int
    ) -> int:
        endless = high is _parser.MAXREPEAT or high * len(tree) > MOST_COPIES
        for _each in range(min(low, MOST_COPIES) if endless else low):
            at = self._sequence(tree, at, flags)
        after = self.made.state()
        if not endless:
            for _each in range(high - low):
                self._join(at, after)
                at = self._sequence(tree, self._beside(at), flags)
            self._join(at, after)
            return after
        loop = self._beside(at)
        self._join(self._sequence(tree, loop, flags), loop)
        if kind == "POSSESSIVE_REPEAT" and tree.getwidth() == (1, 1):
            # Nothing is given back: it ends where its character does not go on.
            self._join(self._ahead(True, tree, loop, flags), after)
        else:
            self._join(loop, after)
        return after

    def _look(
        self, negative: bool, direction: int, tree: Any, at: int, flags: int
    ) -> int:
        if direction > 0:
            return self._ahead(negative, tree, at, flags)
        after = self.made.state()
        if tree.getwidth() != (1, 1):
            self._join(at, after)  # looked at as if it always held
            return after
        self.made.looks_back = True
        self._sequence(tree, self.made.state(), flags)  # for its characters
        behind = (negative, self._predicate(tree, flags))
        self.made.add(at, "behind", behind, after)
        return after

    def _ahead(self, negative: bool, tree: Any, at: int, flags: int) -> int:
        inner = self.made.state()
        end = self._sequence(tree, inner, flags)
        after = self.made.state()
        self.made.add(at, "ahead", (negative, inner, end), after)
        # Looking ahead takes steps of its own, which lead nowhere.
        self._sequence(tree, self._beside(at), flags)
        return after


class Graph:
    """All that a try may be in the middle of, and where each class of characters leads."""

    def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
        if isinstance(pattern, bytes):
            pattern, flags = pattern.decode("latin-1"), flags | re.ASCII
        builder = _Builder(pattern, flags & ~re.UNICODE if flags & re.ASCII else flags)
        self._made, self._end = builder.made, builder.end
        self._classes = self._partition(sorted(builder.characters))
        self._behind = self._as_seen_from_behind()
        self.starts = self._starts(builder.start)
        self.after: dict[Node, dict[int, Counter[Node]]] = {}
        waiting = deque(self.starts)
        while waiting:
            node = waiting.popleft()
            if node in self.after:
                continue
            if len(self.after) > MOST_NODES:
                raise TooComplex("too many states")
            self.after[node] = {
                c: self._step(node, c) for c in range(len(self._classes))
            }
            for reached in self.after[node].values():
                waiting.extend(reached)

    def _partition(self, characters: list[str]) -> list[tuple[str, tuple[bool, ...]]]:
        found: dict[tuple[bool, ...], str] = {}
        for char in characters:
            word = char.isalnum() or char == "_"
            kind = (*(atom(char) for atom in self._made.atoms), word, char == "\n")
            found.setdefault(kind, char)
        return [(char, kind) for kind, char in found.items()]

    def _starts(self, start: int) -> list[Node]:
        befores = {-1, *self._behind} if self._made.looks_back else {-1}
        return [(start, frozenset(), before) for before in sorted(befores)]

    def _as_seen_from_behind(self) -> list[int]:
        """Return for each class the first that is the same to whatever looks back."""
        looked_at = {
            what[1]
            for edges in self.edges
            for kind, what, _ in edges
            if kind == "behind"
        }
        first: dict[tuple[bool, ...], int] = {}
        kinds = [
            (*(kind[atom] for atom in sorted(looked_at)), *kind[-2:])
            for _char, kind in self._classes
        ]
        return [first.setdefault(kind, place) for place, kind in enumerate(kinds)]

    @property
    def edges(self) -> list[list[Edge]]:
        """Return the edges by the state that they begin at."""
        return self._made.edges

    def _step(self, node: Node, kind: int) -> Counter[Node]:
        """Return where a character leads from here, and in how many ways."""
        state, owed, before = node
        reached: Counter[Node] = Counter()
        for at, new in self._free(state, before, kind):
            for edge, what, target in self._made.edges[at]:
                if edge != "char" or not self._classes[kind][1][what]:
                    continue
                left = self._owed(owed | new, before, kind)
                if left is not None:
                    now = self._behind[kind] if self._made.looks_back else -1
                    reached[target, left, now] += 1
        return reached

    def _free(
        self, state: int, before: int, kind: int
    ) -> Iterator[tuple[int, frozenset[Any]]]:
        """Yield each way to go on without a character: where to, and what is owed then."""
        path: list[tuple[int, frozenset[Any], frozenset[int]]]
        path, steps = [(state, frozenset(), frozenset({state}))], 0
        while path:
            at, owed, seen = path.pop()
            yield at, owed
            steps += 1
            if steps > 5_000:
                raise TooComplex("too many ways to go on")
            for edge, what, target in self._made.edges[at]:
                if target in seen or not self._passes(edge, what, before, kind):
                    continue
                more = (
                    {(what[0], frozenset({what[1]}), what[2])}
                    if edge == "ahead"
                    else ()
                )
                path.append((target, owed | frozenset(more), seen | {target}))

    def _passes(self, edge: str, what: Any, before: int, kind: int) -> bool:
        match edge:
            case "free" | "ahead":
                return True
            case "behind":
                negative, atom = what
                held = before >= 0 and self._classes[before][1][atom]
                return held is not bool(negative)
            case "at":
                place, multiline = what
                return self._is_at(place, multiline, before, kind)
        return False

    def _is_at(self, place: str, multiline: bool, before: int, kind: int) -> bool:
        behind = self._classes[before][1] if before >= 0 else None
        ahead = self._classes[kind][1]
        if place in ("AT_BOUNDARY", "AT_NON_BOUNDARY"):
            differs = bool(behind and behind[-2]) != ahead[-2]
            return differs == (place == "AT_BOUNDARY")
        if place in ("AT_BEGINNING", "AT_BEGINNING_STRING"):
            return behind is None or (multiline and behind[-1])
        return multiline and ahead[-1]  # of an end there is none in the middle

    def _owed(
        self, owed: frozenset[Any], before: int, kind: int
    ) -> frozenset[Any] | None:
        """Return what still has to hold of what follows; None where something failed."""
        left = set()
        for negative, states, end in owed:
            ways = {at for one in states for at, _ in self._free(one, before, kind)}
            if end in ways:
                if negative:
                    return None
                continue
            further = frozenset(
                target
                for at in ways
                for edge, what, target in self._made.edges[at]
                if edge == "char" and self._classes[kind][1][what]
            )
            if further:
                left.add((negative, further, end))
            elif not negative:
                return None
        return frozenset(left)

    def ends(self, node: Node) -> bool:
        """Say whether a match may end here, whatever follows."""
        seen, waiting = {node[0]}, [node[0]]
        while waiting:
            for edge, _what, target in self._made.edges[waiting.pop()]:
                if edge == "free" and target not in seen:
                    seen.add(target)
                    waiting.append(target)
        return not node[1] and self._end in seen
