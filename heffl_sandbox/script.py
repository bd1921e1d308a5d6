"""The script of faults: which call gets which, how often and for whom.

The first rule in the queue that fits a call and fires is played and counted.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from heffl_sandbox.faults import REGISTRY, Fault


class BadFault(ValueError):
    """A rule that cannot be taken; the message says why in plain words."""


@dataclass(slots=True, eq=False)
class Rule:
    """One entry of the queue: which fault, for which calls, how often.

    `count` None is for ever; `every` n fires on each n-th fitting call, `probability`
    by the seeded dice; `created` overrides what the fault does by itself.
    """

    fault: Fault
    params: Mapping[str, object]
    count: int | None
    method: str
    path: str
    workspace: str
    key_digest: str
    creates: bool
    every: int
    probability: float
    dice: random.Random
    fitting: int = 0
    fired: int = 0

    def fits(self, method: str, path: str, workspaces: set[str], digest: str) -> bool:
        """Say whether a call is one of those that the rule is for."""
        return (
            self.method in ("*", method)
            and path.startswith(self.path)
            and (not self.workspace or self.workspace in workspaces)
            and self.key_digest in ("", digest)
        )

    def fires(self) -> bool:
        """Count one fitting call and say whether it gets the fault."""
        self.fitting += 1
        if self.fitting % self.every or self.dice.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def left(self) -> int | None:
        """Return how often the rule still fires; None is for ever."""
        return None if self.count is None else self.count - self.fired

    def as_json(self) -> dict[str, object]:
        """Show the rule, without the key it may be for."""
        return {
            "fault": self.fault.name,
            "params": dict(self.params),
            "left": self.left(),
            "fired": self.fired,
            "method": self.method,
            "path": self.path,
            "workspace": self.workspace,
            "created": self.creates,
            "every": self.every,
            "probability": self.probability,
        }


def read_rule(value: object) -> Rule:
    """Read {"fault", "count", "params", "method", …}; BadFault when it makes no sense."""
    if not isinstance(value, dict):
        raise BadFault("A fault is an object.")
    unknown = set(value) - _RULE_KEYS
    if unknown:
        raise BadFault(f"A fault has no {min(map(str, unknown))!r}.")
    fault = REGISTRY.get(str(value.get("fault")))
    if fault is None:
        raise BadFault(f"There is no fault {value.get('fault')!r}.")
    created = value.get("created", fault.creates)
    if created not in (True, False, None):
        raise BadFault("created is true or false.")
    if created and fault.creates is None:
        raise BadFault(f"{fault.name} cannot create: the request is not read.")
    count, every = value.get("count", 1), value.get("every", 1)
    if count is not None and not _is_whole(count):
        raise BadFault("count is a whole number from 1, or null for ever.")
    if not _is_whole(every):
        raise BadFault("every is a whole number from 1.")
    chance = value.get("probability", 1.0)
    if isinstance(chance, bool) or not isinstance(chance, int | float):
        raise BadFault("probability is a number.")
    key = value.get("key")
    digest = hashlib.sha256(str(key).encode()).hexdigest() if key else ""
    return Rule(
        fault=fault,
        params=_read_params(fault, value.get("params", {})),
        count=count,
        method=str(value.get("method", "POST")).upper(),
        path=str(value.get("path", "")),
        workspace=str(value.get("workspace") or ""),
        key_digest=digest,
        creates=bool(created),
        every=every,
        probability=float(chance),
        dice=random.Random(str(value.get("seed", 0))),  # noqa: S311 - repeatable dice
    )


_RULE_KEYS = frozenset(
    ("fault", "count", "params", "method", "path", "workspace", "key")
    + ("created", "every", "probability", "seed")
)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _read_params(fault: Fault, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BadFault("params is an object.")
    for name, given in value.items():
        if name not in fault.params:
            raise BadFault(f"{fault.name} has no parameter {name!r}.")
        default = fault.params[name]
        wanted = (int, float) if isinstance(default, int | float) else (type(default),)
        if not isinstance(given, wanted) or isinstance(given, bool):
            raise BadFault(f"{name} is not of the right kind for {fault.name}.")
    return {**fault.params, **value}


@dataclass(slots=True)
class FaultQueue:
    """The rules of a running sandbox, in the order in which they were pushed."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _rules: list[Rule] = field(default_factory=list)

    def waiting(self) -> bool:
        """Say whether any rule could still fire."""
        return bool(self._rules)

    def push(self, rules: list[Rule]) -> None:
        """Add rules behind those that wait."""
        with self._lock:
            self._rules.extend(rules)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(
        self, method: str, path: str, workspaces: set[str], digest: str
    ) -> Rule | None:
        """Return the first rule that fits this call and fires, counting it."""
        with self._lock:
            for rule in self._rules:
                if rule.fits(method, path, workspaces, digest) and rule.fires():
                    if rule.left() == 0:
                        self._rules.remove(rule)
                    return rule
        return None

    def as_json(self) -> list[dict[str, object]]:
        """Show the rules that wait, in their order, as Rule.as_json() does."""
        with self._lock:
            return [rule.as_json() for rule in self._rules]
