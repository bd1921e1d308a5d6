"""Counts the instructions of a call, exactly, with valgrind: what the C of Python does, too.

The process runs under callgrind and speaks with it by the request that valgrind knows: a
few instructions that do nothing anywhere else. Run as a program it counts what each reader
of tests/readers.py takes for each of its worst texts, and prints that as JSON.
"""

from __future__ import annotations

import ctypes
import json
import math
import mmap
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10_000, 100_000, 1_000_000)
"""Characters."""
_NEXT = dict(zip(SIZES, SIZES[1:], strict=False))
DEPENDS, FEW = 3, 3
"""What takes less than three times as much for ten times the text was cut before; of the
others, so many shapes go on to the largest size."""
FLOOR = 300_000
"""Instructions below which nothing is compared: what any call takes."""
DOUBLED = 2.5
"""By so much the instructions may grow where the text doubles."""
# mov rax, rdi; xor edx, edx; rol rdi by 3, 13, 61 and 51, which is no change at all, and
# xchg rbx, rbx: the request. Then mov rax, rdx; ret.
_REQUEST = bytes.fromhex(
    "4889f831d2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0c3"
)
_CALLGRIND = ord("C") << 24 | ord("T") << 16
_DUMP, _ZERO, _START = 0, 1, 4


def missing() -> str:
    """Return why instructions cannot be counted here; "" where they can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "instructions are counted on Linux and x86-64"
    try:
        subprocess.run(["valgrind", "--version"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        return "no valgrind; install it (apt install valgrind)"
    return ""


class Counter:
    """Counts in a process that runs under callgrind, whose files begin with `files`."""

    def __init__(self, files: str) -> None:
        self._files = files
        self._dumps = 0
        self._code = mmap.mmap(
            -1, len(_REQUEST), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC
        )
        self._code.write(_REQUEST)
        place = ctypes.addressof(ctypes.c_char.from_buffer(self._code))
        kind = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.POINTER(ctypes.c_uint64))
        self._ask_it = kind(place)
        self._ask(_START)

    def _ask(self, request: int) -> None:
        self._ask_it((ctypes.c_uint64 * 6)(_CALLGRIND + request))

    def of(self, call: Callable[[], object]) -> int:
        """Return how many instructions a call takes."""
        self._ask(_ZERO)
        call()
        self._ask(_DUMP)
        self._dumps += 1
        dump = Path(f"{self._files}.{self._dumps}")
        counted = re.search(r"^totals: (\d+)$", dump.read_text(), re.MULTILINE)
        dump.unlink()
        if counted is None:
            raise RuntimeError("callgrind has written no total")
        return int(counted[1])


@dataclass(frozen=True)
class Step:
    """What a reader took for texts of one size, and for the same texts of the next."""

    size: int
    before: int
    after: int

    @property
    def is_too_fast(self) -> bool:
        """Say whether the instructions grew far more than the texts."""
        doublings = math.log2(_NEXT[self.size] / self.size)
        return bool(self.after > DOUBLED**doublings * max(self.before, FLOOR))


def counted() -> dict[str, list[Step]]:
    """Return by reader how the instructions grew from size to size.

    What grows too fast is followed no further. Runs in a process of its own.
    """
    with tempfile.TemporaryDirectory(prefix="portal-cost-") as folder:
        done = subprocess.run(
            [
                "valgrind",
                "--tool=callgrind",
                "--instr-atstart=no",
                "--dump-line=no",
                "-q",
            ]
            + [f"--callgrind-out-file={folder}/out"]
            + [sys.executable, "-m", "tests.instructions", f"{folder}/out"],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "heffl_portal.settings"},
            stdout=subprocess.PIPE,
            check=True,
        )
    found: dict[str, list[list[int]]] = json.loads(done.stdout.splitlines()[-1])
    return {name: [Step(*step) for step in steps] for name, steps in found.items()}


def _steps(cost: Callable[[int, Sequence[str]], int], shapes: list[str]) -> list[Step]:
    """Follow a reader through the sizes; `cost` takes a size and shapes.

    A million characters of every shape take minutes here: the last step goes on with
    the dearest few alone, where what a reader takes depends on the length at all.
    """
    small, middle, large = SIZES
    first = Step(small, cost(small, shapes), cost(middle, shapes))
    if first.is_too_fast:
        return [first]
    if first.after > DEPENDS * first.before:
        shapes = sorted(shapes, key=lambda shape: cost(middle, [shape]))[-FEW:]
    return [first, Step(middle, cost(middle, shapes), cost(large, shapes))]


def main() -> None:
    import django

    import tests.environment  # noqa: F401 - before the settings are read

    django.setup()
    from tests import readers

    texts = {
        (size, shape): readers.of_shape(shape, size)
        for size in SIZES
        for shape in readers.SHAPES
    }
    counter = Counter(sys.argv[1])
    found: dict[str, list[Step]] = {}
    for name in readers.READERS:
        readers.read(name, readers.of_shape("words", 50))  # what is made once is made

        def cost(size: int, shapes: Sequence[str], name: str = name) -> int:
            given = [texts[size, shape] for shape in shapes]
            return counter.of(partial(readers.read_all, name, given))

        found[name] = _steps(cost, list(readers.shapes_of(name)))
    told = {name: [astuple(step) for step in steps] for name, steps in found.items()}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()
