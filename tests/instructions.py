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
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SIZES = (10_000, 100_000, 1_000_000)
"""Characters."""
MOST = 2_000_000_000
"""Instructions for the texts of the first size, beyond which nothing waits for the next."""
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


def is_too_fast(counts: Sequence[int]) -> bool:
    """Say whether the last of these counts is far beyond the one before."""
    if len(counts) < 2:
        return counts[-1] > MOST
    doublings = math.log2(SIZES[len(counts) - 1] / SIZES[len(counts) - 2])
    return bool(counts[-1] > DOUBLED**doublings * max(counts[-2], FLOOR))


def counted() -> dict[str, list[int]]:
    """Return by reader the instructions for each size, in all its shapes together.

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
    found: dict[str, list[int]] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    import django

    import tests.environment  # noqa: F401 - before the settings are read

    django.setup()
    from tests import readers

    texts = {
        size: {shape: readers.of_shape(shape, size) for shape in readers.SHAPES}
        for size in SIZES
    }
    counter = Counter(sys.argv[1])
    found: dict[str, list[int]] = {}
    for name in readers.READERS:
        readers.read(name, readers.of_shape("words", 50))  # what is made once is made
        counts = found[name] = []
        for size in SIZES:
            given = [texts[size][shape] for shape in readers.shapes_of(name)]
            counts.append(counter.of(partial(readers.read_all, name, given)))
            if is_too_fast(counts):
                break
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
