"""An answer without an end costs a bounded amount of memory and time.

Each call is made in a process of its own, whose peak memory is set against that of one
that got an ordinary answer.
"""

import gzip
import json
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from .scripted_server import Peer, Script, ScriptedServer
from .truth_table import BODY, CREATED, OK_HEAD, answer

pytestmark = [
    pytest.mark.once,
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc"),
]
ROOT = Path(__file__).resolve().parents[3]
TOTAL = 2.5
"""Seconds for the calls that are to run out of time."""
PATIENT = 60.0
"""Seconds for all others: a busy machine must not turn them into these."""
SLACK = 15.0
MOST_MEMORY = 16 << 20
TEN_GIGABYTES = 10_000_000_000
BLOCK = b" " * (1 << 16)
CALL = r"""
import json, re, sys, time
from clients_app.heffl.api import HefflAPI
api = HefflAPI(sys.argv[1], lambda: "heffl_user_test_0123456789", user_agent="tests/1",
               connect_timeout=20.0, read_timeout=20.0, total_timeout=float(sys.argv[2]))
began = time.monotonic()
outcome = api.create_client(sys.argv[3].encode())
# Not ru_maxrss: that begins with what the process that started this one had.
peak = int(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1])
print(json.dumps({"verdict": outcome.verdict, "reason": outcome.reason,
                  "seconds": time.monotonic() - began, "kilobytes": peak}))
"""


def call(script: Script, total: float = PATIENT) -> dict[str, Any]:
    with ScriptedServer(script) as server:
        done = subprocess.run(
            [sys.executable, "-c", CALL, server.url("http"), str(total), BODY.decode()],
            cwd=ROOT,
            capture_output=True,
            check=True,
            timeout=2 * PATIENT,
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def idle_kilobytes() -> int:
    """Return the peak memory of a call that got an ordinary answer."""
    ordinary = call(answer(200, CREATED))
    assert ordinary["verdict"] == "created"
    return int(ordinary["kilobytes"])


def endless(head: bytes, block: bytes = BLOCK, pause: float = 0.0) -> Script:
    """Return a script that sends `block` after `head` until the client has enough."""

    def script(peer: Peer) -> None:
        peer.read_request()
        peer.send(head)
        until = time.monotonic() + PATIENT
        while time.monotonic() < until:
            peer.send(block)
            time.sleep(pause)

    return script


def bomb(layers: int) -> bytes:
    """Return 1 GB of spaces, compressed so many times: one MB, repeated."""
    spaces = b" " * (1 << 20)
    packer = zlib.compressobj(9, wbits=-15)
    part = packer.compress(spaces) + packer.flush(zlib.Z_FULL_FLUSH)
    crc = 0
    for _ in range(1 << 10):
        crc = zlib.crc32(spaces, crc)
    tail = b"\x03\0" + struct.pack("<LL", crc, 1 << 30)
    packed = b"\x1f\x8b\x08\0\0\0\0\0\0\x03" + part * (1 << 10) + tail
    for _ in range(layers - 1):
        packed = gzip.compress(packed)
    return packed


def packed(coding: bytes, layers: int) -> Iterator[bytes]:
    body = bomb(layers)
    yield OK_HEAD + b"Content-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (
        coding,
        len(body),
    )
    yield body


CHUNKED = OK_HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LENGTH = OK_HEAD + b"Content-Length: %d\r\n\r\n" % TEN_GIGABYTES
HOSTILE = {
    "10 GB announced": (lambda: endless(LENGTH), "too_big"),
    "chunks without an end": (
        lambda: endless(CHUNKED, b"10000\r\n" + BLOCK + b"\r\n"),
        "too_big",
    ),
    "one chunk of 10 GB": (
        lambda: endless(CHUNKED + b"%x\r\n" % TEN_GIGABYTES),
        "too_big",
    ),
    "a chunk's size without an end": (lambda: endless(CHUNKED), "broken"),
    "trailers without an end": (
        lambda: endless(CHUNKED + b"0\r\n"),
        "broken",
    ),
    "a header without an end": (lambda: endless(OK_HEAD + b"X: "), "bad_headers"),
    "100 without an end": (
        lambda: endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        "deadline",
    ),
    "gzip bomb": (lambda: endless(b"".join(packed(b"gzip", 1)), b" ", 0.2), "too_big"),
    "gzip bomb in gzip": (
        lambda: endless(b"".join(packed(b"gzip, gzip", 2)), b" ", 0.2),
        "too_big",
    ),
    "a byte a second": (lambda: endless(LENGTH, b" ", 1.0), "deadline"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_an_answer_without_an_end_costs_little(name, idle_kilobytes):
    script, reason = HOSTILE[name]

    total = TOTAL if reason == "deadline" else PATIENT

    result = call(script(), total)

    more = (result["kilobytes"] - idle_kilobytes) << 10
    assert (result["verdict"], result["reason"]) == ("uncertain", reason)
    assert more < MOST_MEMORY, f"{more >> 20} MB"
    assert result["seconds"] < total + SLACK
